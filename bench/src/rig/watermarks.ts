import { openSession, type Session, type Statement } from '@tradestream/database';
import { type Closeable, sleep } from '@tradestream/runtime';

type Step = { readonly upTo: number; readonly atMs: number };

const POLL_MS = 2;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Looks again and again how far each partition is, on a connection of its own, and remembers when it
 * first saw each place. What it says is late by a few milliseconds at most, never early.
 */
export class Watermarks implements Closeable {
  readonly #session: Session;
  readonly #statement: Statement;
  readonly #steps = new Map<number, Step[]>();
  readonly #watching: Promise<void>;
  #closed = false;

  private constructor(session: Session, statement: Statement) {
    this.#session = session;
    this.#statement = statement;
    this.#watching = this.#watch();
  }

  /** `statement` answers with `partition` and `upTo`: everything below that place is done. */
  static async open(url: string, statement: Statement): Promise<Watermarks> {
    const session = await openSession({
      url,
      applicationName: 'bench-watch',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    return new Watermarks(session, statement);
  }

  /** When the place of each offset was first seen as done; `sought` is ascending. */
  timesOf(partition: number, sought: readonly number[]): readonly number[] {
    const steps = this.#steps.get(partition) ?? [];
    let at = 0;
    return sought.map((offset) => {
      while (at < steps.length && (steps[at]?.upTo ?? 0) <= offset) at += 1;
      return steps[at]?.atMs ?? Number.NaN;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#watching;
    await this.#session.close();
  }

  async #watch(): Promise<void> {
    while (!this.#closed) {
      const { rows } = await this.#session.query<{ partition: number; up_to: string }>(this.#statement);
      const atMs = performance.now();
      for (const row of rows) {
        const steps = this.#steps.get(row.partition) ?? [];
        const upTo = Number(row.up_to);
        if (upTo > (steps.at(-1)?.upTo ?? -1)) steps.push({ upTo, atMs });
        this.#steps.set(row.partition, steps);
      }
      await sleep(POLL_MS);
    }
  }
}
