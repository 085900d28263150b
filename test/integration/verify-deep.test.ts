import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newCommandId } from '@tradestream/contracts';
import { openSession } from '@tradestream/database';
import { type DeepVerification, verifyDeep } from '@tradestream/verify';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';

const ONE = '(user_id, asset) = (SELECT user_id, asset FROM views.balances ORDER BY 1, 2 LIMIT 1)';
const load = makeFaultyLoad({ seed: 23, count: 300, users: 20 });
const journal = join(mkdtempSync(join(tmpdir(), 'tradestream-journal-')), 'acknowledged.jsonl');
const acknowledged: { readonly commandId: string; readonly partition: number; readonly offset: number }[] = [];
const NO_MONITOR = { url: 'http://127.0.0.1:1' };
let world: LedgerWorld;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'verify-deep', 2);
  world.startWorker();
  world.startProjector();
  for (const commands of [load.setup, load.sent]) {
    for (const [index, { partition, offset }] of (await world.send(commands)).entries())
      acknowledged.push({ commandId: commands[index]?.commandId ?? '', partition, offset });
    await world.applied(60_000);
  }
  await world.projected(60_000);
}, 120_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('a journal of acknowledged commands, and every replica, are part of what holds', async () => {
  const { ok, rules, contradictions } = await verify(acknowledged);
  expect({ ok, contradictions }).toEqual({ ok: true, contradictions: [] });
  expect(stateOf(rules, 1)).toEqual({ state: 'holds', detail: `${acknowledged.length} acknowledgements` });
  const nodes = Object.keys(world.database.replicaUrls).map((node) => `, ${node} by hash at the same position`);
  expect(stateOf(rules, 6)).toEqual({ state: 'holds', detail: `primary by its events${nodes.join('')}` });
  expect(rules.filter(({ state }) => state === 'holds').map(({ rule }) => rule)).toEqual([1, 2, 3, 4, 5, 6, 9]);
});

test('an acknowledged command that is nowhere, and one that is not where it was told, are named', async () => {
  const lost = newCommandId();
  const [first, second] = acknowledged;
  if (first === undefined || second === undefined) throw new Error('nothing was acknowledged');
  const nowhere = await verify([...acknowledged, { ...first, commandId: lost, partition: 0, offset: 1_000_000 }]);
  expect(nowhere).toMatchObject({ ok: false });
  expect(stateOf(nowhere.rules, 1)).toMatchObject({ state: 'broken', detail: expect.stringContaining(lost) });
  const elsewhere = await verify([{ ...first, commandId: second.commandId }]);
  expect(elsewhere.firstContradiction).toContain(
    `was acknowledged as ${second.commandId} and holds ${first.commandId}`,
  );
  await expect(verify([{ commandId: 7 }])).rejects.toMatchObject({ code: 'JOURNAL_UNREADABLE' });
  // Acknowledgements are no faults.
  await expect(verify(acknowledged, { faults: journal })).rejects.toMatchObject({ code: 'FAULTS_UNREADABLE' });
});

test('commands beyond what the ledger has reached are acknowledged and wait', async () => {
  await world.stopWorkers();
  const waiting = load.sent.slice(0, 1).map((each) => ({ ...each, commandId: newCommandId() }));
  const [place] = await world.send(waiting);
  const commandId = waiting[0]?.commandId ?? '';
  const entry = { commandId, partition: place?.partition ?? 0, offset: place?.offset ?? 0 };
  const { ok, rules } = await verify([...acknowledged, entry]);
  expect(ok).toBe(true);
  expect(stateOf(rules, 1).detail).toBe(`${acknowledged.length + 1} acknowledgements, 1 commands wait to be applied`);
});

test('a row that is wrong on a replica alone is named', async () => {
  // It comes there, and is mended where the replica does not see it.
  await world.rows(`UPDATE views.balances SET available = available + 1 WHERE ${ONE}`);
  await withReplayPaused(async (node) => {
    await world.rows(`UPDATE views.balances SET available = available - 1 WHERE ${ONE}`);
    const { rules } = await verify(acknowledged);
    const detail = expect.stringMatching(new RegExp(`^${node}: views.balances has another hash`));
    expect(stateOf(rules, 6)).toEqual({ state: 'broken', detail });
  });
});

test('a replica that stands still is held against its own events', async () => {
  await withReplayPaused(async (node) => {
    world.startWorker();
    await world.send(load.setup.map((each) => ({ ...each, commandId: newCommandId() })));
    await world.applied(60_000);
    await world.projected(60_000);
    const { rules } = await verify(acknowledged);
    expect(stateOf(rules, 6)).toMatchObject({
      state: 'holds',
      detail: expect.stringContaining(`${node} by its own events`),
    });
  });
});

/** Runs while the third replica stands where the primary stood. */
async function withReplayPaused(work: (node: string) => Promise<void>): Promise<void> {
  const [node = '', url = ''] = Object.entries(world.database.replicaUrls)[2] ?? [];
  const replica = await openSession({ url, applicationName: 'verify-deep', connectTimeoutMs: 30_000 });
  const [row] = await world.rows<{ at: string }>('SELECT pg_current_wal_flush_lsn()::text AS at');
  await eventually(
    async () => {
      const text = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS replayed';
      return (await replica.query<{ replayed: boolean }>({ text, values: [row?.at] })).rows[0]?.replayed === true;
    },
    { withinMs: 60_000 },
  );
  await replica.query({ text: 'SELECT pg_wal_replay_pause()' });
  try {
    await work(node);
  } finally {
    await replica.query({ text: 'SELECT pg_wal_replay_resume()' });
    await replica.close();
  }
}

async function verify(entries: readonly object[], more: { readonly faults?: string } = {}): Promise<DeepVerification> {
  writeFileSync(journal, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  const { endpoints, url } = world.database;
  return await verifyDeep(
    { ...endpoints, databaseUrl: url, monitor: NO_MONITOR },
    { signal: AbortSignal.timeout(60_000), topicPrefix: world.group(''), journal, ...more },
  );
}

function stateOf(rules: DeepVerification['rules'], rule: number) {
  const found = rules.find((each) => each.rule === rule);
  return { state: found?.state, detail: found?.detail ?? '' };
}
