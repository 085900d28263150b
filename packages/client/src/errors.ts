import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

export const CLIENT_ERRORS = {
  CLIENT_UNREACHABLE: {
    retry: 'later',
    summary: 'the gateway does not answer',
    advice: 'see that it runs and that the URL is its own; a command sent again under the same id has one effect',
  },
  CLIENT_UNAVAILABLE: {
    retry: 'later',
    summary: 'the gateway cannot do this now',
    advice: 'send the same request again, with the same ids, after a pause',
  },
  CLIENT_NOT_YET_VISIBLE: {
    retry: 'later',
    summary: 'no node shows yet what this session has seen',
    advice: 'read again: the projections are behind',
  },
  CLIENT_TIMED_OUT: {
    retry: 'later',
    summary: 'the receipt did not come in time',
    advice: 'the command stands and will get its outcome: ask again for its receipt',
  },
  CLIENT_CONFLICT: {
    retry: 'never',
    summary: 'the command id already stands for another payload',
    advice: 'give each command its own id; the first receipt of this id stands',
  },
  CLIENT_REFUSED: {
    retry: 'never',
    summary: 'the gateway refuses the request',
    advice: 'see the field and the rule that the message names',
  },
  CLIENT_INVALID: {
    retry: 'never',
    summary: 'this is no command',
    advice: 'see the field and the rule that the message names; nothing was sent',
  },
  CLIENT_UNEXPECTED: {
    retry: 'never',
    summary: 'the gateway answered what no gateway of this release answers',
    advice: 'see that the URL is that of a Tradestream gateway of the same release',
  },
} as const satisfies ErrorTable;

/** What goes wrong between a service and Tradestream. `context` carries status, code, field and rule. */
export class ClientError extends AppError {
  declare readonly code: keyof typeof CLIENT_ERRORS;

  constructor(code: keyof typeof CLIENT_ERRORS, options?: AppErrorOptions) {
    super(CLIENT_ERRORS, code, options);
  }
}
