import { newCommandId } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import {
  askOf,
  type DryRunOrigin,
  dryRunCommands,
  expectDryRun,
  findBlockedRemoval,
  openRecoverySession,
  removeEvents,
  takeSnapshot,
} from '@tradestream/recovery';
import { decide } from '@tradestream/trading';
import { verifyDeep } from '@tradestream/verify';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { reconciliationKind } from '../../services/monitor/src/reconciliation/reconciliation-kind.ts';
import { SavedRows } from '../support/broken-rows.ts';
import { eventually } from '../support/eventually.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { receiptOf } from '../support/ledger-readings.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { ask } from '../support/projection-requests.ts';
import { verifyWorld } from '../support/verify-world.ts';

const PATIENCE_MS = 60_000;
const TEST_MS = 150_000;
const PROJECTIONS = ['balances', 'candles', 'fills', 'orders', 'trades'] as const;
const load = makeFaultyLoad({ seed: 31, count: 600, users: 20 });
const [early, late, last] = [load.sent.slice(0, 350), load.sent.slice(350, 580), load.sent.slice(580)];
const signal = new AbortController().signal;

let world: LedgerWorld;
/** As the monitor's role: what it may not do, no job can. */
let session: Session;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'events-retention', 2);
  session = await openRecoverySession(world.database.serviceUrls.monitor, signal);
  world.startWorker();
  world.startProjector();
  await send(load.setup);
  await send(early);
}, PATIENCE_MS);
afterAll(async () => {
  await session.close();
  await world[Symbol.asyncDispose]();
});

test(
  'events leave behind a snapshot once they are published and projected; stopped anywhere, everything holds',
  async () => {
    const events = await countOf('ledger.events');
    expect(await remove({ ageMs: 3_600_000 })).toEqual({ removed: 0, behind: null, blockedBy: null });
    const fromIt = await verifyWorld(world, { fromSnapshot: true });
    expect(fromIt).toMatchObject({ ok: true, base: { snapshot: 1 }, checked: { events: 0 } });
    const stopped = remove({
      onRemoved: (removed) => (removed > 0 ? Promise.reject(new Error('stopped')) : Promise.resolve()),
    });
    await expect(stopped).rejects.toThrow('stopped');
    const left = await countOf('ledger.events');
    expect(left).toBe(events - 50);
    const partly = await verifyWorld(world);
    expect(partly).toMatchObject({ ok: true, firstContradiction: null, base: { snapshot: expect.any(Number) } });
    expect(partly.notes.join('\n')).toContain('the fold began at snapshot');

    const done = await remove();
    expect(done).toMatchObject({ removed: left, blockedBy: null });
    expect([await countOf('ledger.events'), await countOf('ledger.removed_events')]).toEqual([0, events]);
    const audit = await world.rows(`SELECT actor, why FROM ledger.audit WHERE action = 'REMOVE_EVENTS' LIMIT 1`);
    expect(audit).toEqual([{ actor: 'ada', why: expect.stringContaining('they are old') }]);
    expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });
  },
  TEST_MS,
);

test(
  'the job and the deep verification begin at the snapshot too, and say so',
  async () => {
    const { endpoints, url, serviceUrls } = world.database;
    const parts = { kafkaBrokers: [endpoints.kafkaBrokers], topicPrefix: world.group(''), log: world.log };
    const kind = reconciliationKind({ ...parts, primaryUrl: () => serviceUrls.monitor });
    const told: (readonly [done: number, total: number | null])[] = [];
    const run = async (aborted: AbortSignal) =>
      await kind.run({
        id: newCommandId(),
        parameters: { views: true, fromSnapshot: true },
        actor: 'ada',
        why: 'a test',
        checkpoint: null,
        signal: aborted,
        progress: async (done, total) => void told.push([done, total]),
      });
    const { records, events, published, ...found } = await run(signal);
    expect(found).toMatchObject({ ok: true, views: true, base: { snapshot: expect.any(Number) } });
    const all = Number(records) + Number(events) + Number(published);
    expect(told.at(-1)).toEqual([all, all]);
    await expect(run(AbortSignal.abort(new Error('cancelled')))).rejects.toThrow();

    const { rules } = await verifyDeep({ ...endpoints, databaseUrl: url }, { signal, topicPrefix: world.group('') });
    expect(rules.filter(({ state }) => state === 'broken')).toEqual([]);
    const said = rules.filter(({ rule }) => [3, 4, 6].includes(rule)).map(({ detail }) => detail);
    expect(said).toEqual([3, 4, 6].map(() => expect.stringMatching(/snapshot \d+/)));
  },
  TEST_MS,
);

test(
  'what comes after is folded onto the snapshot, and each projection made anew is what was read before',
  async () => {
    const before = await verifyWorld(world);
    await send(late);
    await takeSnapshot(session, { topic: world.topics.commands, actor: 'ada', why: 'another', keep: 2 });
    const after = await verifyWorld(world);
    expect(after).toMatchObject({ ok: true, firstContradiction: null, base: before.base });
    expect(after.checked.events).toBeGreaterThan(0);

    for (const projection of PROJECTIONS) {
      const shown = await shownBy(projection);
      expect((await ask(world, 'verify', projection)).result).toMatchObject({ count: 0, rows: shown.length });
      const { state, error, result } = await ask(world, 'rebuild', projection);
      expect({ state, error, live: result?.live }).toMatchObject({ state: 'done', error: null, live: { count: 0 } });
      expect(await shownBy(projection)).toEqual(shown);
    }
    // A row from before the snapshot is made right from what is stored.
    for (const [projection, key, change] of [
      ['orders', 'id', 'filled = filled + 1'],
      ['trades', 'order_id', 'cost = cost + 1'],
      ['balances', `user_id || '/' || asset`, 'available = available + 1'],
    ] as const) {
      const [row] = await world.rows<{ key: string }>(
        `UPDATE views.${projection} SET ${change} WHERE ctid = (SELECT min(ctid) FROM views.${projection}) RETURNING ${key} AS key`,
      );
      expect((await verifyWorld(world)).firstContradiction).toContain(`views.${projection}`);
      expect((await ask(world, 'repair', projection, row?.key)).result).toMatchObject({ changed: true, rows: 1 });
    }
    expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });
  },
  TEST_MS,
);

test(
  'a version that is kept holds its events, and a dry run is refused what it would need',
  async () => {
    await send(last);
    const blocked = await remove();
    expect(blocked).toMatchObject({
      removed: 0,
      blockedBy: expect.stringMatching(/kept version of projection \w+ is at event (\d)\/\d+, before \1\/\d+$/),
    });
    const blockedBy = async (ageMs = 0) => await findBlockedRemoval(askOf(session), world.topics.commands, ageMs);
    expect(await blockedBy(3_600_000)).toBeNull();
    expect(await blockedBy()).toMatchObject({ seconds: expect.any(Number), by: 'kept version of a projection' });
    const ordinary = '(SELECT max(id) FROM ledger.snapshots WHERE NOT for_retention)';
    for (const [text, code] of [
      ['DELETE FROM ledger.events', '42501'],
      [`SELECT ledger.remove_events(0, ${ordinary}, 10)`, '22023'],
    ] as const)
      await expect(session.query({ text })).rejects.toMatchObject({ code });
    for (const projection of PROJECTIONS) await ask(world, 'drop-kept', projection);
    const [base] = await world.rows<{ batch: number }>('SELECT min(batch)::float8 AS batch FROM ledger.bases');
    const first = (base?.batch ?? 0) + 1;
    const asked = (origin: DryRunOrigin) => expectDryRun(askOf(session), { topic: world.topics.commands, origin });
    for (const refused of [dryRun, asked]) {
      await expect(refused({ batch: 0 })).rejects.toMatchObject({
        code: 'EVENTS_REMOVED',
        context: { fromBatch: 0, firstBatch: first },
      });
      const offset = { origin: { kind: 'offset', offset: 0 }, partitions: null } as const;
      await expect(refused(offset)).rejects.toMatchObject({ code: 'EVENTS_REMOVED' });
      await expect(refused({ ...offset, partitions: [0, 99] })).rejects.toMatchObject({ code: 'REPLAY_NO_PARTITION' });
    }
    await asked({ batch: first });
    expect((await dryRun({ batch: first })).differences).toEqual({ events: 0, orders: 0, balances: 0 });
    // Its session holds the events until it ends, and the snapshot that a run reads page by page.
    const other = await openRecoverySession(world.database.serviceUrls.monitor, signal);
    expect(await remove({ session: other })).toMatchObject({
      removed: 0,
      blockedBy: expect.stringContaining('being folded'),
    });
    expect(await blockedBy()).toMatchObject({ by: 'a session that folds events' });
    const [by] = await world.rows<{ id: number; batch: number }>(
      'SELECT id::int AS id, batch::int AS batch FROM ledger.snapshots WHERE NOT for_retention ORDER BY snapshots.id DESC LIMIT 1',
    );
    const origin = { batch: (by?.batch ?? 0) + 1 };
    const run = await dryRun(origin, async () => expect(await takenBy(other)).toContain(by?.id));
    expect(run).toMatchObject({ base: { snapshot: by?.id }, differences: { events: 0, orders: 0, balances: 0 } });
    await session.close();
    session = other;
    await eventually(async () => !(await takenBy(other)).includes(by?.id ?? 0), { withinMs: PATIENCE_MS });
    expect((await remove()).removed).toBeGreaterThan(0);
    expect(await blockedBy()).toBeNull();
    expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });

    const { commandId = '' } = load.setup[0] ?? {};
    expect(await receiptOf(world, commandId)).toMatchObject({
      outcome: 'applied',
      events: [{ type: 'FundsDeposited' }],
    });
  },
  TEST_MS,
);

test(
  'a row that is changed by hand is named though its events are gone, wherever something else tells of it',
  async () => {
    await world.stopWorkers();
    const saved = await SavedRows.save(world);
    const one = (table: string) => `ctid = (SELECT min(ctid) FROM ${table})`;
    const breaks: readonly (readonly [statement: string, named: string])[] = [
      [`UPDATE ledger.orders SET version = version + 1 WHERE ${one('ledger.orders')}`, 'state: ledger.orders: '],
      [`UPDATE views.orders SET placed_at = placed_at - interval '1 s' WHERE ${one('views.orders')}`, 'views.orders: '],
      [`UPDATE views.candles SET low = low / 2 WHERE ${one('views.candles')}`, 'views: views.candles: '],
      [`UPDATE views.trades SET cost = cost + 1 WHERE ${one('views.trades')}`, 'views: views.trades: order '],
      [`UPDATE views.fills SET quantity = quantity * 2 WHERE ${one('views.fills')}`, 'its two sides do not agree'],
      [`DELETE FROM views.fills WHERE ${one('views.fills')}`, 'and its event was removed'],
      [`DELETE FROM ledger.trades WHERE ${one('ledger.trades')}`, 'state: ledger.trades lacks the trade'],
      [`DELETE FROM ledger.receipts WHERE seq = 1 AND partition = 0`, 'receipts: removed event 0/1 '],
    ];
    for (const [statement, named] of breaks) {
      await world.rows(statement);
      const { contradictions } = await verifyWorld(world);
      await saved.restore();
      expect(contradictions.join('\n'), statement).toContain(named);
    }
    // Fills that do not hold the trades of removed events are nothing to begin with.
    await world.rows(`UPDATE views.positions SET seq = 0 WHERE projection = 'fills'`);
    const asked = await ask(world, 'verify', 'trades');
    const withoutFills = await ask(world, 'verify', 'orders');
    await saved.restore();
    expect(withoutFills.result).toMatchObject({ count: 0 });
    expect(asked).toMatchObject({ state: 'failed', error: expect.stringContaining('EVENTS_REMOVED') });
    expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });
  },
  TEST_MS,
);

async function send(commands: Parameters<LedgerWorld['send']>[0]): Promise<void> {
  await world.send(commands);
  await world.applied(PATIENCE_MS);
  await world.projected(PATIENCE_MS);
  const text = 'SELECT bool_and(published_seq = event_seq) AS published FROM ledger.partitions';
  await eventually(async () => (await world.rows<{ published: boolean }>(text))[0]?.published === true, {
    withinMs: PATIENCE_MS,
  });
}

async function remove(options: Partial<Parameters<typeof removeEvents>[0]> = {}) {
  return await removeEvents({
    session,
    topic: world.topics.commands,
    ageMs: 0,
    actor: 'ada',
    why: `they are old (${newCommandId()})`,
    keep: 2,
    signal,
    batchRows: 50,
    onRemoved: async () => undefined,
    ...options,
  });
}

async function dryRun(origin: DryRunOrigin, onProgress: () => Promise<void> = async () => undefined) {
  const { commands: topic } = world.topics;
  return await dryRunCommands({ session, run: newCommandId(), topic, origin, decide, signal, onProgress });
}

/** Takes a snapshot that is to be the only one by hand; answers which are there. */
async function takenBy(other: Session): Promise<readonly number[]> {
  await takeSnapshot(other, { topic: world.topics.commands, actor: 'bob', why: newCommandId(), keep: 1 });
  const rows = await world.rows<{ id: number }>('SELECT id::int AS id FROM ledger.snapshots WHERE NOT for_retention');
  return rows.map(({ id }) => id);
}

async function countOf(table: string): Promise<number> {
  return (await world.rows<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`))[0]?.count ?? 0;
}

async function shownBy(projection: string): Promise<readonly unknown[]> {
  return await world.rows(`SELECT to_jsonb(v) AS row FROM views.${projection} AS v ORDER BY 1`);
}
