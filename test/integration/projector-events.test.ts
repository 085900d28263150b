import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { encodeEvent, openSchemas } from '@tradestream/contracts';
import { arrays } from '@tradestream/database';
import { type Balance, type EventEnvelope, type TradeExecuted, UNIT } from '@tradestream/trading';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { eventRecords, makeEvents } from '../support/made-events.ts';
import { expectedView, expectedViews, storedViews } from '../support/view-oracle.ts';

const PARTITIONS = 3;
const WITHIN = { withinMs: 60_000 };
const load = makeFaultyLoad({ seed: 3, count: 600, users: 30 });
const history = [...load.commands].map(([commandId, command]) => ({ commandId, command }));
const events = makeEvents([...load.setup, ...history], PARTITIONS);
const [first = 0, second = 0] = [0, 1, 2].toSorted((a, b) => lastSeq(b) - lastSeq(a));
const NAMES = ['balances', 'candles', 'fills', 'orders', 'trades'] as const;
let world: LedgerWorld;
let schemaId: number;

beforeEach(async () => {
  const endpoints = inject('endpoints');
  world = await openLedgerWorld(endpoints, 'projector-events', PARTITIONS);
  const { topics, log } = world;
  const schemas = await openSchemas({ url: endpoints.schemaRegistryUrl, log, timeoutMs: 30_000, topics });
  schemaId = (await schemas.register()).eventSchemaId;
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

test('views are the same whatever the order in which partitions come', async () => {
  await publish([2, 0, 1].flatMap((partition) => of(partition)));
  world.startProjector({ TRADESTREAM_PROJECTOR_BATCH_RECORDS_MAX: '30' });
  await expectViewsOf(events);
});

test('events that the topic lacks come from the ledger', async () => {
  const missing = of(first).slice(4, 150);
  await store(missing);
  await publish(events.filter((event) => !missing.includes(event)));
  world.startProjector({ TRADESTREAM_PROJECTOR_BATCH_RECORDS_MAX: '50' });
  await expectViewsOf(events);
});

test('a gap stands, with nothing skipped, until what is missing can be had', async () => {
  const missing = of(first).slice(4, 9);
  await publish(events.filter((event) => !missing.includes(event)));
  const projector = world.startProjector();
  const gap = /neither on the topic nor in a ledger.*heldSeq=4 nextSeq=10/;
  await eventually(async () => expect(await world.unready(projector)).toEqual(reasons(first, gap)), WITHIN);
  await eventually(async () => expect(await reached(second)).toEqual(Array(5).fill(lastSeq(second))), WITHIN);
  expect(await reached(first)).toEqual(Array(5).fill(4));
  await store(missing);
  await expectViewsOf(events);
  await eventually(async () => expect(await world.unready(projector)).toEqual({}), WITHIN);
});

test('an event that a projection cannot take stops that projection there alone', async () => {
  const noOrders = of(first).find(({ event, seq }) => event.type === 'TradeExecuted' && seq > 100);
  const negative = of(second).find(({ event, seq }) => event.type === 'OrderPlaced' && seq > 100);
  const broken = events.map((envelope) => {
    if (envelope === noOrders) return withEvent(envelope, { orders: [] });
    if (envelope === negative) return withEvent(envelope, { balances: [NEGATIVE] });
    return envelope;
  });
  await publish(broken);
  const projector = world.startProjector();
  // A trade without its orders is refused by the fold, a negative balance by the database.
  const refused = new Map([
    ...['candles', 'fills', 'trades'].map((name) => [`${name}/${first}`, noOrders?.seq ?? 0] as const),
    [`balances/${second}`, negative?.seq ?? 0],
  ]);
  await eventually(async () => {
    const unready = Object.entries(await world.unready(projector));
    expect(new Map(unready.map(([part, reason]) => [part, Number(/ seq=(\d+)/.exec(reason)?.[1])]))).toEqual(refused);
  }, WITHIN);
  await eventually(async () => expect(await positions()).toEqual(positionsWith(refused)), WITHIN);
  const stored = await storedViews(world);
  for (const name of NAMES) {
    const taken = broken.filter(({ partition, seq }) => seq < (refused.get(`${name}/${partition}`) ?? Infinity));
    expect(stored[name]).toEqual(expectedView(name, taken));
  }
});

test('a newer timeline with a sequence that is held stops the partition', async () => {
  await publish(of(first).slice(0, 10));
  const projector = world.startProjector();
  await eventually(async () => expect(await reached(first)).toEqual(Array(5).fill(10)), WITHIN);
  await publish(
    of(first)
      .slice(8, 20)
      .map((event) => ({ ...event, timeline: 2 })),
  );
  await publish(of(second));
  const reason = /went on from an earlier state.*heldSeq=10 heldTimeline=1 seq=9 timeline=2/;
  await eventually(async () => expect(await world.unready(projector)).toEqual(reasons(first, reason)), WITHIN);
  await eventually(async () => expect(await reached(second)).toEqual(Array(5).fill(lastSeq(second))), WITHIN);
  await expectViewsOf([...of(first).slice(0, 10), ...of(second)]);
});

test('the next sequence may open a newer timeline', async () => {
  const moved = events.map((event) => (event.seq > 10 ? { ...event, timeline: 2 } : event));
  await publish(moved);
  world.startProjector();
  await expectViewsOf(moved);
});

test('a record that is no event stops the partition at it', async () => {
  await publish(of(first).slice(0, 3));
  await world.producer.send(world.topics.events, [{ partition: first, key: null, value: Buffer.from('no event') }]);
  await publish([...of(first).slice(3), ...of(second)]);
  const projector = world.startProjector();
  await eventually(async () => {
    expect(await world.unready(projector)).toEqual(reasons(first, /is not an event of its partition/));
  }, WITHIN);
  await expectViewsOf([...of(first).slice(0, 3), ...of(second)]);
});

test('on a topic made anew what is held is dropped and what is new is taken', async () => {
  const half = events.length / 2;
  await publish(events.slice(0, half));
  const projector = world.startProjector();
  await expectViewsOf(events.slice(0, half));
  await stop(projector);
  await world.admin.deleteTopics([world.topics.events]);
  await eventually(async () => (await world.admin.partitionCount(world.topics.events)) === null, WITHIN);
  await world.admin.createTopics([{ topic: world.topics.events, partitions: PARTITIONS }]);
  world.startProjector();
  // The offsets that are held lie beyond the end of the new topic.
  await eventually(
    async () => (await world.admin.groupState(world.group('projector-views'))).state === 'Stable',
    WITHIN,
  );
  await publish(events);
  await expectViewsOf(events);
});

test('without tables, and when its connection is ended, it waits, says for what, and goes on', async () => {
  await world.rows('ALTER SCHEMA views RENAME TO away');
  const projector = world.startProjector();
  await publish(events.slice(0, 300));
  await eventually(async () => {
    expect(await world.unready(projector)).toMatchObject({ database: expect.stringContaining('views') });
  }, WITHIN);
  await world.rows('ALTER SCHEMA away RENAME TO views');
  await expectViewsOf(events.slice(0, 300));
  await world.rows(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'tradestream-projector'`,
  );
  await publish(events.slice(300));
  await expectViewsOf(events);
  await eventually(async () => expect(await world.unready(projector)).toEqual({}), WITHIN);
});

async function publish(list: readonly EventEnvelope[]): Promise<void> {
  await world.producer.send(world.topics.events, eventRecords(list, schemaId));
}

/** Puts events where the worker keeps them. */
async function store(list: readonly EventEnvelope[]): Promise<void> {
  await world.rows(
    `INSERT INTO ledger.events (partition, seq, payload, batch, index, timeline, occurred_at, command_id, schema_id, type, key)
     SELECT partition, seq, payload, seq, 0, 1, now(), gen_random_uuid(), $4, '', ''
     FROM unnest($1::int[], $2::bigint[], $3::bytea[]) AS e (partition, seq, payload)`,
    [
      arrays.int4(list.map(({ partition }) => partition)),
      arrays.int8(list.map(({ seq }) => seq)),
      arrays.bytea(list.map((event) => encodeEvent(event))),
      schemaId,
    ],
  );
}

async function expectViewsOf(list: readonly EventEnvelope[]): Promise<void> {
  const expected = expectedViews(list);
  await eventually(async () => expect(await storedViews(world)).toEqual(expected), { ...WITHIN, everyMs: 200 });
}

async function positions(): Promise<Readonly<Record<string, number>>> {
  const rows = await world.rows<{ part: string; seq: string }>(
    `SELECT projection || '/' || partition AS part, seq::text FROM views.positions`,
  );
  return Object.fromEntries(rows.map(({ part, seq }) => [part, Number(seq)]));
}

/** Where the five projections are in a partition. */
async function reached(partition: number): Promise<readonly number[]> {
  return Object.entries(await positions()).flatMap(([part, seq]) => (part.endsWith(`/${partition}`) ? [seq] : []));
}

function positionsWith(refused: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const parts = NAMES.flatMap((name) => [0, 1, 2].map((partition) => ({ part: `${name}/${partition}`, partition })));
  return Object.fromEntries(
    parts.map(({ part, partition }) => {
      const seq = refused.get(part);
      return [part, seq === undefined ? lastSeq(partition) : seq - 1];
    }),
  );
}

const NEGATIVE: Balance = { userId: 'u1', asset: 'USD', available: -UNIT, held: 0n, version: 1_000_000 };

/** The event with other balances or orders after it. */
function withEvent(
  envelope: EventEnvelope,
  touched: Partial<Pick<TradeExecuted, 'orders' | 'balances'>>,
): EventEnvelope {
  const { event } = envelope;
  return event.type === 'CommandRejected' ? envelope : { ...envelope, event: { ...event, ...touched } };
}

/** What `/readyz` says when every projection stands in a partition. */
function reasons(partition: number, reason: RegExp): Readonly<Record<string, unknown>> {
  return Object.fromEntries(NAMES.map((name) => [`${name}/${partition}`, expect.stringMatching(reason)]));
}

function of(partition: number): readonly EventEnvelope[] {
  return events.filter((event) => event.partition === partition);
}

function lastSeq(partition: number): number {
  return of(partition).length;
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
