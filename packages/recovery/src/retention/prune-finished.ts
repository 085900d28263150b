import { DatabaseError } from '@tradestream/database';
import type { Ask } from '../ask.ts';

const BATCH_ROWS = 1_000;

const JOBS = 'SELECT ledger.prune_finished(now() - make_interval(days => $1), $2)::float8 AS removed';

// A job follows the request of its own id, or that of another which makes the same version.
const REQUESTS = `
  SELECT views.prune_requests(now() - make_interval(days => $1), ARRAY(
    SELECT unnest(ARRAY[id::text, checkpoint->>'request'])::uuid FROM ledger.jobs
    WHERE state IN ('waiting', 'running') AND kind LIKE '%-projection'), $2)::float8 AS removed`;

/** Schema, table or function is not there: the views are in another database. */
const ELSEWHERE: ReadonlySet<string> = new Set(['3F000', '42P01', '42883']);

/**
 * Removes jobs that ended more than `keptDays` ago, with their intents, the requests to projectors and
 * what dry runs found, a bounded batch a statement; what is unfinished or still referred to stays, and so
 * does the audit. Two at once take turns; stopped anywhere it goes on from there.
 * @returns how many rows were removed @throws {DatabaseError}
 */
export async function pruneFinished(options: {
  readonly ask: Ask;
  readonly keptDays: number;
  readonly signal: AbortSignal;
  readonly batchRows?: number;
}): Promise<number> {
  const jobs = await pruneBy(JOBS, options);
  try {
    return jobs + (await pruneBy(REQUESTS, options));
  } catch (error) {
    if (error instanceof DatabaseError && ELSEWHERE.has(error.code)) return jobs;
    throw error;
  }
}

async function pruneBy(
  text: string,
  { ask, keptDays, signal, batchRows = BATCH_ROWS }: Parameters<typeof pruneFinished>[0],
): Promise<number> {
  let removed = 0;
  for (;;) {
    signal.throwIfAborted();
    const [step] = await ask<{ readonly removed: number }>({ text, values: [keptDays, batchRows] });
    if (step === undefined || step.removed === 0) return removed;
    removed += step.removed;
  }
}
