import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';
import type { EventEnvelope } from '@tradestream/trading';

export const PROJECTOR_ERRORS = {
  EVENT_GAP: {
    retry: 'later',
    summary:
      'events between the position and the next record are neither on the topic nor in a ledger that can be read',
    advice:
      'the partition waits and looks again: let the projector read ledger.events, or `tradestream projections rebuild`',
  },
  EVENT_UNREADABLE: {
    retry: 'never',
    summary: 'a record of the events topic is not an event of its partition',
    advice: 'the partition is stopped: something else than the relay wrote to the topic; remove the record or rebuild',
  },
  SCHEMA_UNKNOWN: {
    retry: 'later',
    summary: 'neither the ledger nor the registry knows the schema id of an event',
    advice: 'the partition waits: restore the registry, which has lost what the relay registered',
  },
  TIMELINE_CHANGED: {
    retry: 'never',
    summary:
      'the event does not continue the history that the projection holds: the ledger went on from an earlier state',
    advice: 'the partition is stopped: `tradestream projections rebuild` makes it anew from the ledger',
  },
  EVENT_REFUSED: {
    retry: 'never',
    summary: 'a projection cannot take an event',
    advice: 'see the cause; its partition is stopped for this projection alone, nothing is skipped',
  },
  LEDGER_INCOMPLETE: {
    retry: 'never',
    summary: 'the ledger cannot be read from here, or does not hold every event up to a position',
    advice:
      'let the projector read ledger.events (TRADESTREAM_PROJECTOR_LEDGER_DATABASE_URL when it is in another database)',
  },
  EVENTS_REMOVED: {
    retry: 'never',
    summary:
      'events that the projection would be made of have left the ledger, and its rows cannot begin at a snapshot',
    advice: 'restore views.fills from a replica or a backup; a projection of your own needs a base in its definition',
  },
  VERSION_DIFFERS: {
    retry: 'never',
    summary:
      'a version that was built differs from the fold of the events, and was not put in the place of the live one',
    advice: 'see the keys that differ; somebody else writes to the tables of the projection',
  },
  NOTHING_KEPT: {
    retry: 'never',
    summary: 'no earlier version of the projection is kept',
    advice: 'one is kept from a rebuild until the next, or until it is dropped',
  },
  KEY_INVALID: {
    retry: 'never',
    summary: 'this is no key of a row of the projection',
    advice:
      'as verify names it: USER/ASSET, ORDER, SYMBOL/TRADE/SIDE, SYMBOL/2021-01-08T00:01Z; trailing parts may be left out',
  },
  SWAP_BLOCKED: {
    retry: 'never',
    summary: 'readers or writers of the projection left no moment to put the new version in its place',
    advice: 'end the long transactions that read it (pg_stat_activity), then ask again',
  },
} as const satisfies ErrorTable;

/** Why a partition of a projection does not go on. */
export class ProjectorError extends AppError {
  declare readonly code: keyof typeof PROJECTOR_ERRORS;

  constructor(code: keyof typeof PROJECTOR_ERRORS, options?: AppErrorOptions) {
    super(PROJECTOR_ERRORS, code, options);
  }
}

/** The part of a batch that failed. */
export type Blame = { readonly projection: string; readonly events: readonly EventEnvelope[] };

/**
 * Why a batch was not committed. `blame` is the projection whose fold or statement failed, with the
 * events that it was about; null when the transaction failed as a whole.
 */
export class BatchFailure extends Error {
  override readonly name = 'BatchFailure';
  override readonly cause: Error;
  readonly blame: Blame | null;

  constructor(cause: Error, blame: Blame | null = null) {
    super(cause.message, { cause });
    this.cause = cause;
    this.blame = blame;
  }
}
