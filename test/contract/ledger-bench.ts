import { setTimeout as delay } from 'node:timers/promises';
import { migrate, openSession, type Session, type SessionOptions } from '@tradestream/database';
import { createLogger, Scope } from '@tradestream/runtime';
import type { Endpoints } from '@tradestream/stack';
import { APPLICATION_NAME } from '../../services/worker/src/connections.ts';
import { SESSION_SETTINGS } from '../../services/worker/src/ownership/ledger-link.ts';
import { numericText } from '../simulation/database/columns.ts';
import { ledgerStatements } from '../simulation/database/ledger-statements.ts';
import { LedgerTables } from '../simulation/database/ledger-tables.ts';
import { MemoryServer } from '../simulation/database/memory-server.ts';
import { Transaction } from '../simulation/database/table.ts';
import { viewStatements } from '../simulation/database/view-statements.ts';
import { ViewTables } from '../simulation/database/view-tables.ts';
import { Random } from '../simulation/random.ts';
import { Actor, Scheduler } from '../simulation/scheduler.ts';
import { createDatabase } from '../support/scratch.ts';

export type ViewName = 'balances' | 'orders' | 'trades' | 'candles';
type ViewRow = Readonly<Record<string, string>>;

/** A server of the ledger and the views that holds the laws, and what they see of it from outside. */
export type LedgerServer = {
  /** Sessions as the services open them. */
  readonly openWorker: () => Promise<Session>;
  readonly openProjector: () => Promise<Session>;
  readonly openMonitor: () => Promise<Session>;
  readonly openGateway: () => Promise<Session>;
  /** Sessions that this one waits for. */
  readonly blockersOf: (session: Session) => Promise<readonly number[]>;
  /** Rows of a view by the first column of their key. */
  readonly viewRows: (view: ViewName, key: string) => Promise<readonly ViewRow[]>;
  readonly close: () => Promise<void>;
};

const CONNECT_TIMEOUT_MS = 30_000;
const PROJECTOR = {
  applicationName: 'tradestream-projector',
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
  settings: { synchronous_commit: 'local', lock_timeout: '10s' },
} as const;
const WORKER = {
  applicationName: APPLICATION_NAME,
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
  settings: SESSION_SETTINGS,
} as const;

const MONITOR = { applicationName: 'tradestream-monitor', connectTimeoutMs: CONNECT_TIMEOUT_MS } as const;
const GATEWAY = { applicationName: 'tradestream-gateway', connectTimeoutMs: CONNECT_TIMEOUT_MS } as const;

const amount = (column: string) => `${column}::numeric(60, 18)::text AS ${column}`;
const micros = (column: string) => `(extract(epoch FROM ${column}) * 1000000)::bigint::text AS ${column}`;
const VIEW_SQL: Readonly<Record<ViewName, string>> = {
  balances: `SELECT asset, ${amount('available')}, ${amount('held')}, version::text
             FROM views.balances WHERE user_id = $1 ORDER BY asset`,
  orders: `SELECT status, ${amount('price')}, ${amount('filled')}, version::text, first_version::text, ${micros('placed_at')},
             ${micros('updated_at')} FROM views.orders WHERE id = $1`,
  trades: `SELECT ${amount('quantity')}, ${amount('cost')}, ${amount('price')}, ${micros('timestamp')}
           FROM views.trades WHERE order_id = $1`,
  candles: `SELECT ${micros('minute')}, ${amount('open')}, ${amount('high')}, ${amount('low')}, ${amount('close')},
              ${amount('volume')}, ${amount('quote_volume')}, count::text, opened_seq::text, closed_seq::text
            FROM views.candles WHERE symbol = $1 ORDER BY 1`,
};

/** A database of its own on the stack, with the schema and the roles that the services have. */
export async function openRealServer(endpoints: Endpoints): Promise<LedgerServer> {
  const scope = new Scope();
  const log = createLogger({ service: 'ledger-laws', level: 'silent' });
  const database = scope.use(await createDatabase(endpoints, 'ledger_laws'));
  for (const schema of ['ledger', 'views'])
    await migrate({ url: database.url, folder: `schemas/sql/${schema}`, schema, log });
  const owner = scope.use(
    await openSession({ url: database.url, applicationName: 'laws', connectTimeoutMs: CONNECT_TIMEOUT_MS }),
  );
  return {
    openWorker: () => openSession({ ...WORKER, url: database.serviceUrls.worker }),
    openProjector: () => openSession({ ...PROJECTOR, url: database.serviceUrls.projector }),
    openMonitor: () => openSession({ ...MONITOR, url: database.serviceUrls.monitor }),
    openGateway: () => openSession({ ...GATEWAY, url: database.serviceUrls.gateway }),
    blockersOf: async ({ backendPid }) => {
      const text = 'SELECT pg_blocking_pids($1) AS pids';
      const { rows } = await owner.query<{ pids: number[] }>({ text, values: [backendPid] });
      return rows[0]?.pids ?? [];
    },
    viewRows: async (view, key) => (await owner.query<ViewRow>({ text: VIEW_SQL[view], values: [key] })).rows,
    close: () => scope.close(),
  };
}

/** The simulation's server, its time that of the clock. */
export async function openMemoryServer(): Promise<LedgerServer> {
  const scheduler = new Scheduler(new Random(1));
  const [ledger, views] = [new LedgerTables(), new ViewTables()];
  const [ofLedger, ofViews] = [ledgerStatements(ledger), viewStatements(views)];
  const server = new MemoryServer({
    scheduler,
    statements: {
      named: { ...ofLedger.named, ...ofViews.named },
      unnamed: [...ofLedger.unnamed, ...ofViews.unnamed],
    },
    latencies: { pauses: () => false, hop: () => 0.1, standby: () => 0.5 },
  });
  const closing = new AbortController();
  const driven = drive(scheduler, closing.signal);
  const open = (options: Omit<SessionOptions, 'url'>) =>
    server.openerFor(new Actor('client'))({ ...options, url: 'postgres://memory' });
  return {
    openWorker: () => open(WORKER),
    openProjector: () => open(PROJECTOR),
    openMonitor: () => open(MONITOR),
    openGateway: () => open(GATEWAY),
    blockersOf: async ({ backendPid }) =>
      [...server.backends].flatMap(({ pid, waitsFor }) =>
        pid === backendPid && waitsFor instanceof Transaction ? [waitsFor.pid] : [],
      ),
    viewRows: async (view, key) => rowsOf(views, view, key),
    close: async () => {
      closing.abort();
      await driven;
    },
  };
}

async function drive(scheduler: Scheduler, closed: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  const limits = { untilMs: Number.POSITIVE_INFINITY, stepsMax: Number.POSITIVE_INFINITY };
  while (!closed.aborted) {
    scheduler.nowMs = Math.max(scheduler.nowMs, performance.now() - startedMs);
    await scheduler.run(() => scheduler.nextAtMs > scheduler.nowMs, limits);
    await delay(1);
  }
}

function rowsOf(views: ViewTables, view: ViewName, key: string): readonly ViewRow[] {
  switch (view) {
    case 'balances':
      return [...views.balances.rows.values()]
        .filter(({ userId }) => userId === key)
        .toSorted((a, b) => (a.asset < b.asset ? -1 : 1))
        .map(({ asset, available, held, version }) => ({
          asset,
          available: numericText(available),
          held: numericText(held),
          version: String(version),
        }));
    case 'orders':
      return [...views.orders.rows.values()]
        .filter(({ orderId }) => orderId === key)
        .map((row) => ({
          status: row.status,
          price: numericText(row.price),
          filled: numericText(row.filled),
          version: String(row.version),
          first_version: String(row.firstVersion),
          placed_at: String(row.placedAt),
          updated_at: String(row.updatedAt),
        }));
    case 'trades':
      return [...views.trades.rows.values()]
        .filter(({ orderId }) => orderId === key)
        .map(({ quantity, cost, price, timestamp }) => ({
          quantity: numericText(quantity),
          cost: numericText(cost),
          price: numericText(price),
          timestamp: String(timestamp),
        }));
    case 'candles':
      return candlesOf(views, key);
  }
}

function candlesOf(views: ViewTables, key: string): readonly ViewRow[] {
  return [...views.candles.rows.values()]
    .filter(({ symbol }) => symbol === key)
    .toSorted((a, b) => a.minute - b.minute)
    .map((row) => ({
      minute: String(row.minute),
      open: numericText(row.open),
      high: numericText(row.high),
      low: numericText(row.low),
      close: numericText(row.close),
      volume: numericText(row.volume),
      quote_volume: numericText(row.quoteVolume),
      count: String(row.count),
      opened_seq: String(row.opened[2]),
      closed_seq: String(row.closed[2]),
    }));
}
