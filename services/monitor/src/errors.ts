import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

export const MONITOR_ERRORS = {
  SOURCE_TIMEOUT: {
    retry: 'later',
    summary: 'a node or service did not answer the monitor in time',
    advice: 'it is asked again at the next interval; what it said last grows old and is shown as such',
  },
} as const satisfies ErrorTable;

/** Failures of watching that no other package can name. */
export class MonitorError extends AppError {
  declare readonly code: keyof typeof MONITOR_ERRORS;

  constructor(code: keyof typeof MONITOR_ERRORS, options?: AppErrorOptions) {
    super(MONITOR_ERRORS, code, options);
  }
}
