import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

export const MESSAGING_ERRORS = {
  MSG_UNREACHABLE: {
    retry: 'later',
    summary: 'the broker does not answer',
    advice:
      'see that the broker runs and that its advertised address can be reached from here; the client goes on trying',
  },
  MSG_UNDELIVERED: {
    retry: 'later',
    summary: 'records were not acknowledged in time',
    advice: 'send them again: any of them may be on the log already, readers drop duplicates',
  },
  MSG_BUFFER_FULL: {
    retry: 'later',
    summary: 'more records wait for the broker than the producer may hold',
    advice: 'send less at once, or wait: the broker is slower than the callers',
  },
  MSG_REFUSED: {
    retry: 'never',
    summary: 'the broker refused a request for good',
    advice: 'the message names the reason: a record above message.max.bytes, a missing right, a setting out of range',
  },
  MSG_UNKNOWN_TOPIC: {
    retry: 'later',
    summary: 'the topic does not exist',
    advice: 'create the topic; clients never do it by themselves',
  },
  MSG_TOPIC_DIFFERS: {
    retry: 'never',
    summary: 'the topic exists with another number of partitions',
    advice: 'set the number that the topic has: a key would move to another partition if it changed',
  },
  MSG_OFFSET_OUT_OF_RANGE: {
    retry: 'never',
    summary: 'the log no longer, or not yet, holds that offset',
    advice: 'retention has passed the reader, or the topic was made anew: see the runbook on expired logs',
  },
  MSG_UNREADABLE_BATCH: {
    retry: 'never',
    summary: 'a batch of records cannot be read',
    advice:
      'a failed checksum is damage on the way or on the disk; an unknown compression needs another producer setting',
  },
  MSG_HANDLER_FAILED: {
    retry: 'never',
    summary: 'the handler of a subscription threw',
    advice: 'see the cause; the subscription has left the group, nothing was skipped',
  },
  MSG_TIMER_UNAVAILABLE: {
    retry: 'later',
    summary: 'Redis did not take a job in time',
    advice: 'nothing is lost: jobs run without it, and those that wait are found by their rows',
  },
  MSG_CLOSED: {
    retry: 'never',
    summary: 'the client is closed',
    advice: 'nothing to do: its owner closed it',
  },
  MSG_ABORTED: {
    retry: 'never',
    summary: 'the caller stopped waiting',
    advice: 'records already on their way may still reach the log',
  },
} as const satisfies ErrorTable;

/** Errors of logs, producers and subscriptions. */
export class MessagingError extends AppError {
  declare readonly code: keyof typeof MESSAGING_ERRORS;

  constructor(code: keyof typeof MESSAGING_ERRORS, options?: AppErrorOptions) {
    super(MESSAGING_ERRORS, code, options);
  }
}
