import { payloadHash } from '@tradestream/contracts';
import { amountFromNumeric } from '@tradestream/database';
import { decide, evolve, formatAmount, InMemoryState, type TradeCommand } from '@tradestream/trading';
import { eventually } from '../../support/eventually.ts';
import type { Rig } from '../rig/rig.ts';
import { type SeedLoad, userPrefix } from './seed-load.ts';

/** What became of a seed's commands. */
export type SeedVerdict = {
  readonly applied: number;
  readonly rejected: number;
  readonly lost: number;
  readonly doubled: number;
  /** What does not agree; empty when all does. */
  readonly wrong: readonly string[];
};

type ReceiptRow = {
  readonly command_id: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly hash: string;
  readonly events: number;
};

const WITHIN = { withinMs: 90_000, everyMs: 250 } as const;
const NAMED_MAX = 3;

/**
 * Holds a seed against its own commands as they were sent: each acknowledged id has one receipt and one
 * event; the commands decided once each by the product's rules, in the order of the receipts, give every
 * outcome and every balance; the views show the same.
 */
export async function judgeSeed(rig: Rig, load: SeedLoad): Promise<SeedVerdict> {
  const ids = [...load.payloads.keys()];
  const receipts = await eventually(async () => await allReceipts(rig, ids), WITHIN).catch(
    async () => await loadReceipts(rig, ids),
  );
  const found = new Set(receipts.map(({ command_id }) => command_id));
  const lost = ids.filter((id) => !found.has(id));
  const doubled = receipts.filter(({ events }) => events !== 1).map(({ command_id }) => command_id);
  const wrong = [
    ...lost.slice(0, NAMED_MAX).map((id) => `command ${id} was acknowledged and has no receipt`),
    ...doubled.slice(0, NAMED_MAX).map((id) => `command ${id} has not one event`),
    ...(await decidedAgain(rig, load, receipts)),
    ...(await eventually(async () => await shown(rig, load.seed), WITHIN).catch((error: unknown) => [String(error)])),
  ];
  const applied = receipts.filter(({ outcome }) => outcome === 'applied').length;
  return { applied, rejected: receipts.length - applied, lost: lost.length, doubled: doubled.length, wrong };
}

async function allReceipts(rig: Rig, ids: readonly string[]): Promise<readonly ReceiptRow[]> {
  const rows = await loadReceipts(rig, ids);
  if (rows.length < ids.length) throw new Error(`${rows.length} of ${ids.length} commands have a receipt`);
  return rows;
}

async function loadReceipts(rig: Rig, ids: readonly string[]): Promise<readonly ReceiptRow[]> {
  return await rig.rows<ReceiptRow>(
    `SELECT r.command_id::text, r.outcome::text, r.reason, encode(r.payload_hash, 'hex') AS hash, coalesce(e.events, 0) AS events
     FROM ledger.receipts AS r
     LEFT JOIN (SELECT command_id, count(*)::int AS events FROM ledger.events WHERE command_id = ANY ($1::uuid[]) GROUP BY 1) AS e
       USING (command_id)
     WHERE r.command_id = ANY ($1::uuid[]) ORDER BY r.batch, r.index`,
    [ids],
  );
}

/** Decides each command once; answers what differs from the ledger. */
async function decidedAgain(rig: Rig, load: SeedLoad, receipts: readonly ReceiptRow[]): Promise<readonly string[]> {
  const state = new InMemoryState();
  for (const { command_id, outcome, reason, hash } of receipts) {
    const command = load.payloads.get(command_id)?.find((payload) => payloadHash(payload).toString('hex') === hash);
    if (command === undefined) return [`the receipt of command ${command_id} is of a payload that nobody sent`];
    const decision = decide(command, state);
    if (decision.accepted) evolve(state, decision.event);
    const should = decision.accepted ? 'applied' : decision.reason;
    const is = outcome === 'rejected' ? reason : outcome;
    if (should !== is) return [`command ${command_id} (${describe(command)}) is ${is}, decided again ${should}`];
  }
  return await differingBalances(rig, load, state);
}

async function differingBalances(rig: Rig, load: SeedLoad, state: InMemoryState): Promise<readonly string[]> {
  const rows = await rig.rows<{ user_id: string; asset: string; available: string; held: string }>(
    'SELECT user_id, asset, available::text, held::text FROM ledger.balances WHERE starts_with(user_id, $1)',
    [userPrefix(load.seed)],
  );
  const wrong = rows.flatMap(({ user_id, asset, available, held }) => {
    const should = state.balance(user_id, asset);
    if (amountFromNumeric(available) === should.available && amountFromNumeric(held) === should.held) return [];
    return [
      `${user_id} has ${available} + ${held} ${asset}, its commands give ${formatAmount(should.available)} + ${formatAmount(should.held)}`,
    ];
  });
  const present = new Set(rows.map(({ user_id, asset }) => `${user_id}/${asset}`));
  const missing = [...state.balances()].filter(({ userId, asset }) => !present.has(`${userId}/${asset}`));
  return [...wrong, ...missing.map(({ userId, asset }) => `${userId} has no balance of ${asset}`)].slice(0, NAMED_MAX);
}

/** Balances and orders of the views are the ledger's. @throws while the views are behind */
async function shown(rig: Rig, seed: number): Promise<readonly string[]> {
  const rows = await rig.rows<{ what: string }>(
    `SELECT 'balance of ' || coalesce(l.user_id, v.user_id) || ' ' || coalesce(l.asset, v.asset) AS what
     FROM (SELECT * FROM ledger.balances WHERE starts_with(user_id, $1)) AS l
     FULL JOIN (SELECT * FROM views.balances WHERE starts_with(user_id, $1)) AS v USING (user_id, asset)
     WHERE (l.available, l.held, l.version) IS DISTINCT FROM (v.available, v.held, v.version)
       AND NOT (v.user_id IS NULL AND l.available = 0 AND l.held = 0)
     UNION ALL
     SELECT 'order ' || coalesce(l.order_id, v.id)
     FROM (SELECT * FROM ledger.orders WHERE starts_with(order_id, $1)) AS l
     FULL JOIN (SELECT * FROM views.orders WHERE starts_with(id, $1)) AS v ON v.id = l.order_id
     WHERE (l.filled, l.hold, l.status::text, l.version) IS DISTINCT FROM (v.filled, v.hold, v.status::text, v.version)
     LIMIT ${NAMED_MAX}`,
    [userPrefix(seed)],
  );
  if (rows.length > 0) throw new Error(`the views differ from the ledger: ${rows.map(({ what }) => what).join(', ')}`);
  return [];
}

function describe(command: TradeCommand): string {
  return JSON.stringify(command, (_key, value: unknown) => (typeof value === 'bigint' ? formatAmount(value) : value));
}
