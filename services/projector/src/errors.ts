import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

export const PROJECTOR_ERRORS = {
  EVENT_GAP: {
    retry: 'later',
    summary:
      'events between the position and the next record are neither on the topic nor in a ledger that can be read',
    advice: 'the partition waits and looks again: let the projector read ledger.events, or rebuild the projection',
  },
  EVENT_UNREADABLE: {
    retry: 'never',
    summary: 'a record of the events topic is not an event of its partition',
    advice: 'the partition is stopped: something else than the relay wrote to the topic; remove the record or rebuild',
  },
  SCHEMA_UNKNOWN: {
    retry: 'later',
    summary: 'the registry does not know the schema id of an event',
    advice: 'the partition waits: restore the registry, which has lost what the relay registered',
  },
  TIMELINE_CHANGED: {
    retry: 'never',
    summary:
      'the event does not continue the history that the projection holds: the ledger went on from an earlier state',
    advice: 'the partition is stopped: rebuild the projection from the ledger',
  },
  EVENT_REFUSED: {
    retry: 'never',
    summary: 'a projection cannot take an event',
    advice: 'see the cause; its partition is stopped for this projection alone, nothing is skipped',
  },
} as const satisfies ErrorTable;

/** Why a partition of a projection does not go on. */
export class ProjectorError extends AppError {
  declare readonly code: keyof typeof PROJECTOR_ERRORS;

  constructor(code: keyof typeof PROJECTOR_ERRORS, options?: AppErrorOptions) {
    super(PROJECTOR_ERRORS, code, options);
  }
}

/** A failure of one projection's fold or statements; `projection` is null for the transaction as a whole. */
export class BatchFailure extends Error {
  override readonly name = 'BatchFailure';
  readonly projection: string | null;
  override readonly cause: Error;

  constructor(cause: Error, projection: string | null) {
    super(cause.message, { cause });
    this.cause = cause;
    this.projection = projection;
  }
}
