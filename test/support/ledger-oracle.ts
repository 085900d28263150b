import { decodeEvent } from '@tradestream/contracts';
import { amountFromNumeric } from '@tradestream/database';
import { commandOf, decide, evolve, InMemoryState } from '@tradestream/trading';
import type { LedgerWorld } from './ledger-world.ts';

/** A hash of each table of the ledger that a command can change: equal before and after means that nothing moved. */
export async function ledgerFingerprint(world: LedgerWorld): Promise<Readonly<Record<string, string | null>>> {
  const tables = ['receipts', 'events', 'balances', 'orders', 'trades', 'conflicts', 'parked'];
  return await fingerprint(
    world,
    tables.map((table) => `ledger.${table}`),
  );
}

/** The same of every view. */
export async function viewsFingerprint(world: LedgerWorld): Promise<Readonly<Record<string, string | null>>> {
  const tables = ['trades', 'fills', 'orders', 'balances', 'candles'];
  return await fingerprint(
    world,
    tables.map((table) => `views.${table}`),
  );
}

async function fingerprint(
  world: LedgerWorld,
  tables: readonly string[],
): Promise<Readonly<Record<string, string | null>>> {
  const prints: Record<string, string | null> = {};
  for (const table of tables) {
    // When a copy was published is no part of what a parked record is.
    const columns = table === 'ledger.parked' ? `(to_jsonb(t) - 'copied_at')::text` : 't::text';
    const [row] = await world.rows<{ print: string | null }>(
      `SELECT count(*) || ' ' || coalesce(sum(('x' || substr(md5(${columns}), 1, 15))::bit(60)::bigint)::text, '') AS print FROM ${table} AS t`,
    );
    prints[table] = row?.print ?? null;
  }
  return prints;
}

type Verdict = { readonly outcomes: string; readonly balances: string; readonly orders: string };

/** Decides every command again, from the events alone and in history order, on an empty state; compares all that came of it. */
export async function decideHistoryAgain(world: LedgerWorld): Promise<Verdict> {
  const state = new InMemoryState();
  const verdict = { outcomes: 'equal', balances: 'equal', orders: 'equal' };
  const rows = await world.rows<{ payload: Buffer; outcome: string; reason: string | null }>(
    `SELECT e.payload, r.outcome::text AS outcome, r.reason FROM ledger.events AS e JOIN ledger.receipts AS r USING (command_id)
     ORDER BY r.batch, r.index`,
  );
  for (const { payload, outcome, reason } of rows) {
    const { event, commandId } = decodeEvent(payload);
    const decision = decide(commandOf(event), state);
    if (decision.accepted) evolve(state, decision.event);
    const again = decision.accepted ? 'applied' : decision.reason;
    if (again !== (outcome === 'applied' ? 'applied' : reason)) {
      verdict.outcomes = `${commandId} was ${outcome} ${reason}, is ${again}`;
      break;
    }
  }
  const balances = await world.rows<{
    user_id: string;
    asset: string;
    available: string;
    held: string;
    version: string;
  }>('SELECT user_id, asset, available::text, held::text, version::text FROM ledger.balances');
  for (const row of balances) {
    const mine = state.balance(row.user_id, row.asset);
    const equal =
      mine.available === amountFromNumeric(row.available) &&
      mine.held === amountFromNumeric(row.held) &&
      mine.version === Number(row.version);
    if (!equal) verdict.balances = `${row.user_id} ${row.asset} is ${row.available} + ${row.held}`;
  }
  const orders = await world.rows<{ order_id: string; filled: string; hold: string; status: string; version: string }>(
    'SELECT order_id, filled::text, hold::text, status::text, version::text FROM ledger.orders',
  );
  for (const row of orders) {
    const mine = state.order(row.order_id);
    const equal =
      mine !== undefined &&
      mine.filled === amountFromNumeric(row.filled) &&
      mine.hold === amountFromNumeric(row.hold) &&
      mine.status === row.status &&
      mine.version === Number(row.version);
    if (!equal) verdict.orders = `${row.order_id} is ${row.status}`;
  }
  return verdict;
}
