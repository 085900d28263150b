import type { LogAdmin } from '@tradestream/messaging';
import { type Ask, findArchivable, findRemovable } from '@tradestream/recovery';
import { type Closeable, errorOf, type Logger } from '@tradestream/runtime';
import type { JobBook } from '../jobs/job-book.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { DAY_MS } from './recovery-kinds.ts';

export type ArchiveClockOptions = {
  readonly intervalMs: number;
  readonly jobs: Pick<Jobs, 'submit'>;
  readonly book: Pick<JobBook, 'list'>;
  readonly admin: Pick<LogAdmin, 'ranges' | 'offsetsAt'>;
  readonly topic: string;
  readonly link: () => NodeLink | null;
  /** Events leave the ledger after so many days; 0: never. */
  readonly eventDays: number;
  readonly log: Logger;
};

/** Asks now and then whether the log has lost records, or events are old enough to leave, and has that done; one job at a time, of all monitors. */
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
    const { jobs, book, admin, topic, eventDays, link: linkOf } = this.#options;
    const link = linkOf();
    if (link === null) return;
    const [last] = await book.list({ kind: 'retention', state: null, after: null, limit: 1 });
    if (last?.state === 'waiting' || last?.state === 'running') return;
    const ask: Ask = async (statement) => await link.query(statement);
    const submit = async (why: string) =>
      await jobs.submit({ kind: 'retention', parameters: {}, actor: 'monitor', why });
    if (await findArchivable({ ask, admin, topic }))
      await submit('the log has lost records whose receipts are not archived');
    else if (eventDays > 0 && (await findRemovable(ask, topic, eventDays * DAY_MS)))
      await submit('events are old enough to leave, or the snapshot is due that they will leave behind');
  }
}
