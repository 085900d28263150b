import { openSession, type Session } from '@tradestream/database';
import type { Closeable } from '@tradestream/runtime';
import type { Endpoints } from '@tradestream/stack';
import { decide, evolve } from '@tradestream/trading';
import type { LoadCommand } from '../load.ts';
import { settleTables } from '../measure/settle-tables.ts';
import { readWal, walBytesPerCommand } from '../measure/wal-figures.ts';
import { makeRawBatch, RawPosition } from './raw-batches.ts';
import { bigSql, pipelinedSql, type RawColumns } from './raw-statements.ts';
import { RowState, type RowTotals } from './row-state.ts';

export type RawStyle = 'one big statement' | 'pipelined statements';
export type RawFigures = { readonly rate: number; readonly walBytesPerCommand: number };
export type RawCell = { readonly style: RawStyle; readonly batchCount: number };

const CONNECT_TIMEOUT_MS = 10_000;
const SETTINGS = { plan_cache_mode: 'force_generic_plan', jit: 'off' } as const;
const SETUP_BATCH_COUNT = 10_000;

/** Writes the rows of commands with plain SQL on one connection, as fast as that goes. */
export class RawWriter implements Closeable {
  readonly state = new RowState();
  readonly position = new RawPosition();
  readonly #session: Session;
  readonly #endpoints: Endpoints;

  private constructor(session: Session, endpoints: Endpoints) {
    this.#session = session;
    this.#endpoints = endpoints;
  }

  /** On a database with the ledger's tables and nothing in them. */
  static async open(endpoints: Endpoints): Promise<RawWriter> {
    const session = await openSession({
      url: endpoints.databaseUrl,
      applicationName: 'bench-raw',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      settings: SETTINGS,
      requireDurable: true,
    });
    await session.query({
      text: `INSERT INTO ledger.partitions (topic, partition) SELECT 'raw', generate_series(0, 5)`,
    });
    return new RawWriter(session, endpoints);
  }

  /** The rows that stand before the clock starts. Balances are made by inserts, which no cell needs. */
  async setUp(commands: readonly LoadCommand[]): Promise<void> {
    const batches: RawColumns[] = [];
    for (let at = 0; at < commands.length; at += SETUP_BATCH_COUNT) {
      batches.push(makeRawBatch(this.state, this.position, commands.slice(at, at + SETUP_BATCH_COUNT)));
    }
    for (const batch of batches) {
      await this.#session.query({
        text: `INSERT INTO ledger.balances (user_id, asset, version, available, held)
               SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::numeric[], $5::numeric[])
               ON CONFLICT (user_id, asset) DO NOTHING`,
        values: batch.balances,
      });
      await this.#pipelined(batch, true);
    }
  }

  /** The rows were made before the clock starts. */
  async measure(cell: RawCell, commands: readonly LoadCommand[]): Promise<RawFigures> {
    const batches: RawColumns[] = [];
    for (let at = 0; at < commands.length; at += cell.batchCount) {
      batches.push(makeRawBatch(this.state, this.position, commands.slice(at, at + cell.batchCount)));
    }
    await settleTables(this.#session, this.#endpoints);
    const wal = await readWal(this.#session);
    const startedMs = performance.now();
    for (const batch of batches) {
      if (cell.style === 'one big statement') await this.#big(batch);
      else await this.#pipelined(batch);
    }
    const rate = Math.round((commands.length / (performance.now() - startedMs)) * 1_000);
    const walAfter = await readWal(this.#session);
    // Nor does it leave anything for autovacuum to do beside what is measured next.
    await settleTables(this.#session, this.#endpoints);
    return { rate, walBytesPerCommand: walBytesPerCommand(wal, walAfter, commands.length) };
  }

  /** Takes note of commands that others applied to the same tables. */
  follow(commands: readonly LoadCommand[]): void {
    for (const { command } of commands) {
      const decision = decide(command, this.state);
      if (decision.accepted) evolve(this.state, decision.event);
    }
    this.state.takeTouched();
    this.position.commandCount += commands.length;
  }

  /** @throws when the tables do not hold exactly the rows of every command so far */
  async assertRows(): Promise<void> {
    const wanted = {
      ...textOf(this.state.totals()),
      receipts: this.position.commandCount,
      events: this.position.commandCount,
    };
    const { rows } = await this.#session.query<Record<keyof typeof wanted, string>>({ text: TOTALS_SQL });
    for (const [name, value] of Object.entries(wanted)) {
      const found = Object.entries(rows[0] ?? {}).find(([column]) => column === name)?.[1];
      if (found !== String(value)) throw new Error(`raw SQL left ${name} = ${found}, not ${value}`);
    }
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #pipelined(batch: RawColumns, withoutName = false): Promise<void> {
    const sent: Promise<unknown>[] = [this.#session.query({ text: 'BEGIN' })];
    for (const { table, text } of PIPELINED) {
      sent.push(this.#session.query({ text, values: batch[table], ...(withoutName ? {} : { name: `raw_${table}` }) }));
    }
    sent.push(this.#session.commit());
    await Promise.all(sent);
  }

  async #big(batch: RawColumns): Promise<void> {
    await this.#session.query({ name: 'raw_big', text: BIG, values: PIPELINED.flatMap(({ table }) => batch[table]) });
  }
}

const PIPELINED = pipelinedSql();
const BIG = bigSql();

const TOTALS_SQL = `SELECT * FROM
  (SELECT count(*)::text AS balances, sum(version)::text AS "balanceVersions", trim_scale(sum(available) * 1e18)::text AS available,
          trim_scale(sum(held) * 1e18)::text AS held FROM ledger.balances) AS b,
  (SELECT count(*)::text AS orders, sum(version)::text AS "orderVersions" FROM ledger.orders) AS o,
  (SELECT count(*)::text AS trades FROM ledger.trades) AS t,
  (SELECT count(*)::text AS receipts FROM ledger.receipts) AS r,
  (SELECT count(*)::text AS events FROM ledger.events) AS e`;

function textOf(totals: RowTotals): Record<keyof RowTotals, string> {
  return {
    balances: String(totals.balances),
    orders: String(totals.orders),
    trades: String(totals.trades),
    balanceVersions: String(totals.balanceVersions),
    orderVersions: String(totals.orderVersions),
    available: String(totals.available),
    held: String(totals.held),
  };
}
