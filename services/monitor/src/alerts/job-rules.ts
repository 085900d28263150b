import { AT_ONCE, type Rule } from './rule.ts';

const NO_PRIMARY = { inhibitedBy: ['PrimaryDown'] } as const;

/** Long work. An index of a large view, or a snapshot, says nothing for minutes. */
export const JOB_RULES: readonly Rule[] = [
  {
    name: 'JobFailed',
    severity: 'warning',
    metric: 'tradestream_jobs_failed',
    is: 'above',
    value: 0,
    ...AT_ONCE,
    summary: '{value} jobs failed within the hour: {kind}',
    runbook: 'jobs',
    ...NO_PRIMARY,
  },
  {
    name: 'JobStalled',
    severity: 'warning',
    metric: 'tradestream_job_stalled_seconds',
    is: 'above',
    value: 900,
    ...AT_ONCE,
    summary: 'A job has got no further for {value} s: {kind}',
    runbook: 'jobs',
    ...NO_PRIMARY,
  },
  {
    name: 'RetentionBlocked',
    severity: 'warning',
    metric: 'tradestream_retention_blocked_seconds',
    is: 'above',
    // A rebuild or a dry run of a long history keeps events for hours.
    value: 21_600,
    clear: 18_000,
    // A monitor that was away finds everything long overdue, and is given the time to remove it.
    forSeconds: 900,
    keepSeconds: 120,
    summary: 'Events are old enough to leave the ledger and have not for {value} s: {by}',
    runbook: 'retention-blocked',
    ...NO_PRIMARY,
  },
];
