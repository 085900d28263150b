import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

export const MONITOR_ERRORS = {
  SOURCE_TIMEOUT: {
    retry: 'later',
    summary: 'a node or service did not answer the monitor in time',
    advice: 'it is asked again at the next interval; what it said last grows old and is shown as such',
  },
  PRIMARY_UNKNOWN: {
    retry: 'later',
    summary: 'no node is known as the primary',
    advice: 'the nodes are asked at every interval; see /v1/replication for what each answers',
  },
  JOB_UNKNOWN_KIND: {
    retry: 'never',
    summary: 'a job is of a kind that this monitor cannot run',
    advice: 'it was asked for by another version: run it there, or cancel it',
  },
  JOB_STOPPED: {
    retry: 'later',
    summary: 'a run of a job was stopped',
    advice: 'the message says why; a job that was not cancelled goes on from its last checkpoint',
  },
  JOB_UNDER_WAY: {
    retry: 'never',
    summary: 'there is an unfinished job of this kind, and one of them runs at a time',
    advice: 'follow it with `tradestream jobs show ID --follow`, or cancel it',
  },
  PROJECTION_REQUEST_FAILED: {
    retry: 'never',
    summary: 'a projector could not do what was asked of a projection',
    advice: 'the message has the code of the projector: see there; what is read is as it was',
  },
  PROJECTION_BUSY: {
    retry: 'never',
    summary: 'a projection is rolled back while it was to be rebuilt, or the other way round',
    advice: 'the message names the request that is under way: ask again when it has ended, or cancel it',
  },
  PROJECTION_REPLACED: {
    retry: 'never',
    summary: 'another version of a projection was put in place since a rollback or a rebuild was asked for',
    advice:
      'see `tradestream projections list` for what is read and what is kept now, and ask again if it is still meant',
  },
  SERVICE_UNREACHABLE: {
    retry: 'later',
    summary: 'the metrics of a service could not be read',
    advice: 'it is down, starting, or not at the address that the monitor was given',
  },
  CANARY_LOST: {
    retry: 'later',
    summary: 'a command of the canary did not come through the pipeline in time',
    advice: 'follow docs/operations/pipeline-stopped.md: some part between the topic and the views stands still',
  },
  RECEIVER_REFUSED: {
    retry: 'never',
    summary: 'the address of a receiver of alerts is not allowed',
    advice:
      'use a public http(s) address without credentials, or name host and port in TRADESTREAM_MONITOR_RECEIVERS_ALLOWED',
  },
  RECEIVER_FAILED: {
    retry: 'later',
    summary: 'a receiver of alerts did not take them',
    advice: 'they are sent again, later and later, until it does; see the log for its answer',
  },
} as const satisfies ErrorTable;

/** Failures of watching that no other package can name. */
export class MonitorError extends AppError {
  declare readonly code: keyof typeof MONITOR_ERRORS;

  constructor(code: keyof typeof MONITOR_ERRORS, options?: AppErrorOptions) {
    super(MONITOR_ERRORS, code, options);
  }
}
