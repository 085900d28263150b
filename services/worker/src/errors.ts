import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

export const WORKER_ERRORS = {
  LOG_EXPIRED: {
    retry: 'never',
    summary: 'records that were not yet applied are gone from the log',
    advice:
      'the partition is stopped: restore the records, or accept their loss by the audited procedure in docs/operations/log-expired.md',
  },
  LOG_CHANGED: {
    retry: 'never',
    summary: 'the log is not the one that this ledger has applied',
    advice: 'the partition is stopped: the topic was made anew or truncated; follow docs/operations/log-changed.md',
  },
  COMMAND_FAILED: {
    retry: 'never',
    summary: 'a command fails each time it is tried alone',
    advice: 'it is parked with its bytes and reason; later commands of its key wait behind it',
  },
  SCHEMA_UNKNOWN: {
    retry: 'never',
    summary: 'neither the registry nor the ledger knows the schema id of a record',
    advice: 'the record is parked; register the schema and redrive it',
  },
  EVENTS_MISSING: {
    retry: 'never',
    summary: 'the next event to publish is not in the ledger',
    advice: 'publishing this partition is stopped, applying goes on: follow docs/operations/events-missing.md',
  },
  CLAIM_NOT_SETTLED: {
    retry: 'later',
    summary: 'the claim of partitions has not been answered in time',
    advice: 'another transaction holds the partition, or no standby acknowledges; the claim is tried again for ever',
  },
} as const satisfies ErrorTable;

/** Failures of applying commands that no other package can name. */
export class WorkerError extends AppError {
  declare readonly code: keyof typeof WORKER_ERRORS;

  constructor(code: keyof typeof WORKER_ERRORS, options?: AppErrorOptions) {
    super(WORKER_ERRORS, code, options);
  }
}
