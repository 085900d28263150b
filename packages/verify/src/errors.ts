import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

/** Every code of this package. What contradicts is no error: it is what a verification says. */
export const VERIFY_ERRORS = {
  JOURNAL_UNREADABLE: {
    retry: 'never',
    summary: 'the journal of acknowledged commands cannot be read',
    advice: 'one JSON object a line: {"commandId", "partition", "offset"}',
  },
} as const satisfies ErrorTable;

/** What keeps something from being checked. */
export class VerifyError extends AppError {
  declare readonly code: keyof typeof VERIFY_ERRORS;

  constructor(code: keyof typeof VERIFY_ERRORS, options?: AppErrorOptions) {
    super(VERIFY_ERRORS, code, options);
  }
}
