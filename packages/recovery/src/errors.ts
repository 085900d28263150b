import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

/** Every code of this package, with its class of retry. */
export const RECOVERY_ERRORS = {
  REPLAY_UNKNOWN_COMMAND: {
    retry: 'never',
    summary: 'no receipt is known of the command to begin at',
    advice: 'see its id with `tradestream receipt`, or give an offset or a time',
  },
  REPLAY_NOT_ON_LOG: {
    retry: 'never',
    summary: 'the log no longer has the record to begin at',
    advice: 'begin later, or decide the history again from the events: a dry run needs no log',
  },
  REPLAY_NO_PARTITION: {
    retry: 'never',
    summary: 'a partition that was named is not in the ledger',
    advice: 'see the partitions with `tradestream lag`',
  },
  EVENTS_REMOVED: {
    retry: 'never',
    summary: 'events that it would need have left the ledger, or the snapshot that it began from was dropped meanwhile',
    advice:
      'rule of retention: a dry run begins behind the oldest snapshot that `tradestream retention status` shows as a base',
  },
  HISTORY_GAP: {
    retry: 'never',
    summary: 'events that should be in the ledger are not',
    advice: 'run `tradestream verify`: a history with a gap cannot be decided again',
  },
} as const satisfies ErrorTable;

/** What keeps history from being read or decided again. `context` names the place. */
export class RecoveryError extends AppError {
  declare readonly code: keyof typeof RECOVERY_ERRORS;

  constructor(code: keyof typeof RECOVERY_ERRORS, options?: AppErrorOptions) {
    super(RECOVERY_ERRORS, code, options);
  }
}
