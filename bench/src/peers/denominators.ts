import { migrate } from '@tradestream/database';
import { type Closeable, type Logger, Scope } from '@tradestream/runtime';
import { createScratchDatabase, type Endpoints } from '@tradestream/stack';
import type { Load, LoadCommand } from '../load.ts';
import { measureNaive } from './measure-naive.ts';
import { NAIVE_SQL } from './naive-statements.ts';
import { bigSql, pipelinedSql } from './raw-statements.ts';
import { type RawCell, type RawFigures, RawWriter } from './raw-writer.ts';

const STYLES = ['pipelined statements', 'one big statement'] as const;
const BATCH_COUNTS = [1_000, 5_000, 10_000] as const;
/** Commands for each try of a cell; the best one is then measured at full length. */
const TRY_COUNT = 40_000;
const NAIVE_COUNT_MAX = 120_000;
const NAIVE_MS = 20_000;

export type RawTry = RawCell & { readonly rate: number };

/** What the product is held against, on a database of its own beside it, with a load of its own. */
export class Denominators implements Closeable {
  readonly #load: Load;
  readonly #url: string;
  readonly #writer: RawWriter;
  readonly #scope: Scope;
  /** Taken from the load, and not applied by the naive worker in its time. */
  #left: readonly LoadCommand[] = [];

  private constructor(parts: { load: Load; url: string; writer: RawWriter; scope: Scope }) {
    this.#load = parts.load;
    this.#url = parts.url;
    this.#writer = parts.writer;
    this.#scope = parts.scope;
  }

  static async open(endpoints: Endpoints, load: Load, log: Logger): Promise<Denominators> {
    const scope = new Scope();
    try {
      const database = scope.use(await createScratchDatabase(endpoints, 'bench_raw'));
      await migrate({ url: database.url, folder: 'schemas/sql/ledger', schema: 'ledger', log });
      const writer = scope.use(await RawWriter.open(database.endpoints));
      await writer.setUp([...load.setup()]);
      return new Denominators({ load, url: database.url, writer, scope });
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  /** Every cell in turn, the fastest first. */
  async tryRaw(batchCounts: readonly number[] = BATCH_COUNTS): Promise<readonly RawTry[]> {
    const tries: RawTry[] = [];
    for (const batchCount of batchCounts) {
      for (const style of STYLES) {
        const cell = { style, batchCount };
        const { rate } = await this.#writer.measure(cell, this.#take(TRY_COUNT));
        tries.push({ ...cell, rate });
      }
    }
    return tries.toSorted((a, b) => b.rate - a.rate);
  }

  async measureRaw(cell: RawCell, commandCount: number): Promise<RawFigures> {
    return await this.#writer.measure(cell, this.#take(commandCount));
  }

  /** One transaction a command, on so many connections. */
  async measureNaive(connections: number): Promise<number> {
    const commands = this.#take(NAIVE_COUNT_MAX);
    const { rate, applied, left } = await measureNaive(this.#url, { connections, durationMs: NAIVE_MS, commands });
    this.#writer.follow(applied);
    this.#left = left;
    return rate;
  }

  /** @throws when raw and naive did not leave exactly the rows that their commands come to */
  async assertRows(): Promise<void> {
    await this.#writer.assertRows();
  }

  close(): Promise<void> {
    return this.#scope.close();
  }

  #take(count: number): readonly LoadCommand[] {
    const left = this.#left.slice(0, count);
    this.#left = this.#left.slice(count);
    return [...left, ...this.#load.commands(count - left.length)];
  }
}

/** The SQL of raw and naive, as it is sent. */
export function denominatorSql(): string {
  const pipelined = pipelinedSql().map(({ text }) => `${text};`);
  return [
    '-- raw, pipelined statements: one transaction a batch, the next when it has committed',
    'BEGIN;',
    ...pipelined,
    'COMMIT;',
    '',
    '-- raw, one big statement a batch, the next when it has committed',
    `${bigSql()};`,
    '',
    '-- naive: one transaction a command, each statement awaited',
    ...Object.entries(NAIVE_SQL).map(([name, text]) => `${text}; -- ${name}`),
  ].join('\n');
}
