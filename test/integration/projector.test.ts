import { once } from 'node:events';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';
import { expectedViews, ledgerEvents, storedViews } from '../support/view-oracle.ts';

const load = makeFaultyLoad({ seed: 11, count: 6_000, users: 120 });
/** Small batches, so that a kill meets one under way, and a short session, so that a killed member is missed soon. */
const PROJECTOR = {
  TRADESTREAM_PROJECTOR_BATCH_RECORDS_MAX: '40',
  TRADESTREAM_PROJECTOR_SESSION_TIMEOUT_MS: '6000',
};
const quarters = Array.from({ length: 4 }, (_, index) => quarterOf(load.sent, index));
let world: LedgerWorld;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'projector');
  world.startWorker();
  await world.send(load.setup);
  await world.applied(60_000);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('all five views equal a fold of the events that shares nothing with the projector', async () => {
  const projector = world.startProjector(PROJECTOR);
  await world.send(quarters[0] ?? []);
  await expectViewsFollow();
  projector.kill('SIGTERM');
  expect(await once(projector, 'exit')).toEqual([0, null]);
}, 120_000);

test('a projector that starts again goes on from its positions, whatever the group has forgotten', async () => {
  await world.send(quarters[1] ?? []);
  await world.applied(60_000);
  await world.admin.deleteGroup(world.group('projector-views'));
  const projector = world.startProjector(PROJECTOR);
  await expectViewsFollow();
  projector.kill('SIGTERM');
  await once(projector, 'exit');
}, 120_000);

test('events that are on the topic twice are projected once', async () => {
  const before = await storedViews(world);
  const ranges = await world.admin.ranges(world.topics.events);
  const reader = await world.kafka.openReader();
  for (const { partition, start, end } of ranges) {
    for await (const records of reader.read({ topic: world.topics.events, partition, from: start, to: end })) {
      const again = records.map(({ key, value, headers }) => ({ partition, key, value, headers }));
      await world.producer.send(world.topics.events, again);
    }
  }
  const projector = world.startProjector(PROJECTOR);
  await eventually(() => reachedEnd(), { withinMs: 60_000 });
  expect(await storedViews(world)).toEqual(before);
  projector.kill('SIGTERM');
  await once(projector, 'exit');
}, 120_000);

test('two projectors, one killed and one added while events flow: every event has its effect once', async () => {
  const doomed = world.startProjector(PROJECTOR);
  world.startProjector(PROJECTOR);
  await eventually(() => members(2), { withinMs: 60_000 });
  const sending = world.send(quarters[2] ?? []);
  await eventually(() => hasProjected(50), { withinMs: 60_000, everyMs: 5 });
  doomed.kill('SIGKILL');
  world.startProjector(PROJECTOR);
  await sending;
  await world.send(quarters[3] ?? []);
  await expectViewsFollow();
}, 120_000);

async function expectViewsFollow(): Promise<void> {
  await world.applied(60_000);
  await world.projected(60_000);
  const expected = expectedViews(await ledgerEvents(world));
  expect(expected.trades.length).toBeGreaterThan(100);
  expect(await storedViews(world)).toEqual(expected);
}

/** Every projection holds the last record of the topic. */
async function reachedEnd(): Promise<void> {
  const ends = await world.admin.ranges(world.topics.events);
  const rows = await world.rows<{ partition: number; next: string }>(
    'SELECT partition, min(next_offset)::text AS next FROM views.positions GROUP BY partition',
  );
  const reached = new Map(rows.map(({ partition, next }) => [partition, Number(next)]));
  expect(reached).toEqual(new Map(ends.map(({ partition, end }) => [partition, end])));
}

let seen = 0;
async function hasProjected(more: number): Promise<boolean> {
  const [row] = await world.rows<{ sum: string }>('SELECT sum(seq)::text AS sum FROM views.positions');
  const now = Number(row?.sum);
  if (seen === 0) seen = now;
  return now >= seen + more;
}

async function members(count: number): Promise<boolean> {
  const group = await world.admin.groupState(world.group('projector-views'));
  return group.state === 'Stable' && group.members === count;
}

function quarterOf(sent: readonly Sent[], index: number): readonly Sent[] {
  const quarter = Math.ceil(sent.length / 4);
  return sent.slice(index * quarter, (index + 1) * quarter);
}
