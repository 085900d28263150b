import type { JobBook } from '../jobs/job-book.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { ReconciliationParameters } from './reconciliation-kind.ts';

export type DueOptions = {
  readonly jobs: Pick<Jobs, 'submit'>;
  readonly book: Pick<JobBook, 'list'>;
  /** Between the begins of two reconciliations, whoever asked for them. */
  readonly intervalMs: number;
};

/**
 * Asks for a reconciliation when the last one was begun an interval ago, or there was none; one at a time.
 * @throws {MonitorError} JOB_UNDER_WAY when another monitor was first
 */
export async function lookForReconciliation({ jobs, book, intervalMs }: DueOptions): Promise<void> {
  const [last] = await book.list({ kind: 'reconciliation', state: null, after: null, limit: 1 });
  if (last?.state === 'waiting' || last?.state === 'running') return;
  if (last !== undefined && Date.now() - last.createdAt.getTime() < intervalMs) return;
  const parameters: ReconciliationParameters = { views: true, fromSnapshot: false };
  await jobs.submit({ kind: 'reconciliation', parameters, actor: 'monitor', why: 'its interval has passed' });
}
