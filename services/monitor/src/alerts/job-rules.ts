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
];
