import type { LogAdmin } from '@tradestream/messaging';
import { findArchivable } from '@tradestream/recovery';
import { type Closeable, errorOf, type Logger } from '@tradestream/runtime';
import type { JobBook } from '../jobs/job-book.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { NodeLink } from '../sources/node-link.ts';

export type ArchiveClockOptions = {
  readonly intervalMs: number;
  readonly jobs: Pick<Jobs, 'submit'>;
  readonly book: Pick<JobBook, 'list'>;
  readonly admin: Pick<LogAdmin, 'ranges' | 'offsetsAt'>;
  readonly topic: string;
  readonly link: () => NodeLink | null;
  readonly log: Logger;
};

/** Asks now and then whether the log has lost records, and has their receipts archived; one job at a time. */
export class ArchiveClock implements Closeable {
  readonly #options: ArchiveClockOptions;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | null = null;

  constructor(options: ArchiveClockOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        .catch((error: unknown) => options.log.debug({ error: errorOf(error) }, 'archive_not_looked_at'))
        .finally(() => {
          this.#looking = null;
        });
    }, options.intervalMs);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { jobs, book, admin, topic, link: linkOf } = this.#options;
    const link = linkOf();
    if (link === null) return;
    const [last] = await book.list({ kind: 'retention', state: null, after: null, limit: 1 });
    if (last?.state === 'waiting' || last?.state === 'running') return;
    if (!(await findArchivable({ ask: async (statement) => await link.query(statement), admin, topic }))) return;
    const why = 'the log has lost records whose receipts are not archived';
    await jobs.submit({ kind: 'retention', parameters: {}, actor: 'monitor', why });
  }
}
