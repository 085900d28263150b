import { JOB_KINDS } from '../jobs/job-kind.ts';
import type { NodeLink } from '../sources/node-link.ts';

/** Jobs that an operator should know of, by kind; none of a kind of which there is nothing to say. */
export type JobsSample = readonly {
  readonly kind: string;
  readonly failed: number;
  /** Of the unfinished job that stands still the longest; 0 when all of the kind have ended. */
  readonly stalledSeconds: number;
}[];

// A kind comes from the database, where another version may have put it: there are only so many labels.
const JOBS = `
  SELECT CASE WHEN kind = ANY ($1::text[]) THEN kind ELSE 'unknown' END AS kind,
    (count(*) FILTER (WHERE state = 'failed'))::float8 AS failed,
    greatest(0, extract(epoch FROM clock_timestamp() - min(progressed_at) FILTER (WHERE state IN ('waiting', 'running')))
      )::float8 AS "stalledSeconds"
  FROM ledger.jobs
  WHERE state IN ('waiting', 'running') OR finished_at > now() - interval '1 hour' GROUP BY 1 ORDER BY 1`;

export async function sampleJobs(link: NodeLink): Promise<JobsSample> {
  return await link.query<JobsSample[number]>({ text: JOBS, values: [JOB_KINDS] });
}
