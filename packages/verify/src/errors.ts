import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

/** Every code of this package. What contradicts is no error: it is what a verification says. */
export const VERIFY_ERRORS = {
  JOURNAL_UNREADABLE: {
    retry: 'never',
    summary: 'the journal of acknowledged commands cannot be read',
    advice: 'one JSON object a line: {"commandId", "partition", "offset"}',
  },
  FAULTS_UNREADABLE: {
    retry: 'never',
    summary: 'the journal of faults cannot be read',
    advice: 'one JSON object a line: {"fault", "alert", "from", "until"}, times in ISO 8601 with Z or an offset',
  },
} as const satisfies ErrorTable;

/** What keeps something from being checked. */
export class VerifyError extends AppError {
  declare readonly code: keyof typeof VERIFY_ERRORS;

  constructor(code: keyof typeof VERIFY_ERRORS, options?: AppErrorOptions) {
    super(VERIFY_ERRORS, code, options);
  }
}
