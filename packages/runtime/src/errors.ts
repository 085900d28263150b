import { AppError, type AppErrorOptions, type ErrorTable } from './app-error.ts';

export const RUNTIME_ERRORS = {
  RT_CONFIG_INVALID: {
    retry: 'never',
    summary: 'the configuration is not valid',
    advice: 'mend every setting that the message lists; nothing was started',
  },
  RT_TIMEOUT: {
    retry: 'later',
    summary: 'a step did not end within its time',
    advice: 'see which step the message names; raise its limit only when the work is known to be slow',
  },
  RT_ABORTED: {
    retry: 'never',
    summary: 'a step was told to stop',
    advice: 'nothing to do: the caller or a shutdown ended it',
  },
  RT_RETRIES_SPENT: {
    retry: 'later',
    summary: 'the attempts or the time for them are spent',
    advice: 'the cause is the last failure; the work can be tried again later',
  },
} as const satisfies ErrorTable;

/** Errors of waiting, configuration and lifecycle. */
export class RuntimeError extends AppError {
  declare readonly code: keyof typeof RUNTIME_ERRORS;

  constructor(code: keyof typeof RUNTIME_ERRORS, options?: AppErrorOptions) {
    super(RUNTIME_ERRORS, code, options);
  }
}
