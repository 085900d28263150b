import { openSession, type Session } from '@tradestream/database';
import { type Closeable, sleep } from '@tradestream/runtime';

/** `applied`: offsets of commands; `visible`: sequences of events that every projection holds. */
export type WatermarkKind = 'applied' | 'visible';

type Row = { readonly kind: WatermarkKind; readonly partition: number; readonly up_to: string };
type Step = { readonly upTo: number; readonly atMs: number };

const POLL_MS = 2;
const CONNECT_TIMEOUT_MS = 10_000;

/** Everything below each place is done. Both kinds in one look: looking is load too. */
const PLACES = {
  name: 'watermarks',
  text: `SELECT 'applied' AS kind, partition, next_offset::text AS up_to FROM ledger.partitions
         UNION ALL
         SELECT 'visible', partition, min(seq)::text FROM views.positions GROUP BY partition`,
} as const;

/**
 * Looks again and again how far each partition is, on a connection of its own, and remembers when it
 * first saw each place. What it says is late by a few milliseconds at most, never early.
 */
export class Watermarks implements Closeable {
  readonly #session: Session;
  readonly #steps: Readonly<Record<WatermarkKind, Map<number, Step[]>>> = { applied: new Map(), visible: new Map() };
  readonly #watching: Promise<void>;
  #closed = false;

  private constructor(session: Session) {
    this.#session = session;
    this.#watching = this.#watch();
  }

  static async open(url: string): Promise<Watermarks> {
    const session = await openSession({
      url,
      applicationName: 'bench-watch',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    return new Watermarks(session);
  }

  /** When the place of each offset was first seen as done; `sought` is ascending. */
  timesOf(kind: WatermarkKind, partition: number, sought: readonly number[]): readonly number[] {
    const steps = this.#steps[kind].get(partition) ?? [];
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
      const { rows } = await this.#session.query<Row>(PLACES);
      const atMs = performance.now();
      for (const row of rows) {
        const steps = this.#steps[row.kind].get(row.partition) ?? [];
        const upTo = Number(row.up_to);
        if (upTo > (steps.at(-1)?.upTo ?? -1)) steps.push({ upTo, atMs });
        this.#steps[row.kind].set(row.partition, steps);
      }
      await sleep(POLL_MS);
    }
  }
}
