import type { ChildProcess } from 'node:child_process';
import { decodeEvent, newCommandId, readFrame } from '@tradestream/contracts';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';

const PARTITIONS = 3;
/** The shortest that the broker takes: a killed worker's partitions are free after it. */
const WORKER = { TRADESTREAM_WORKER_SESSION_TIMEOUT_MS: '6000' };
let world: LedgerWorld;
let worker: ChildProcess;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'relay', PARTITIONS);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('every event is published in the order of its place, none skipped', async () => {
  worker = world.startWorker(WORKER);
  for (let round = 0; round < 10; round += 1) await world.send(deposits(100));
  await world.applied(60_000);
  await published();
  expect(await repeats()).toBe(0);
});

test('a relay killed again and again publishes some events twice, in order, and skips none', async () => {
  for (let round = 0; round < 2; round += 1) {
    const before = await topicEnd();
    await world.send(deposits(300));
    // Some of them are on the topic, and their mark is not in the ledger yet or is.
    await eventually(async () => (await topicEnd()) > before, { withinMs: 60_000 });
    worker.kill('SIGKILL');
    worker = world.startWorker(WORKER);
  }
  await world.applied(60_000);
  await published();
  // Between publish and mark, for certain: what was published is as if it had never been marked.
  await world.stopWorkers();
  await world.rows('UPDATE ledger.partitions SET published_seq = greatest(0, published_seq - 40)');
  const before = await repeats();
  worker = world.startWorker(WORKER);
  await eventually(async () => (await repeats()) >= before + 40 * PARTITIONS, { withinMs: 60_000 });
  await published();
}, 120_000);

test('two relays of one partition do no harm', async () => {
  // The first is frozen, loses its partitions, and wakes up believing that they are still its own.
  const frozen = worker;
  frozen.kill('SIGSTOP');
  const other = world.startWorker(WORKER);
  await world.send(deposits(200));
  await world.applied(60_000);
  frozen.kill('SIGCONT');
  await world.send(deposits(200));
  await world.applied(60_000);
  await published();
  worker = other;
});

test('an event that is missing stops its partition: nothing behind it is published, the others go on', async () => {
  await world.stopWorkers();
  const [row] = await world.rows<{ partition: number; seq: string }>(
    'SELECT partition, event_seq::text AS seq FROM ledger.partitions ORDER BY event_seq DESC LIMIT 1',
  );
  const partition = row?.partition ?? 0;
  const seq = Number(row?.seq);
  await world.rows('UPDATE ledger.partitions SET published_seq = event_seq - 5');
  await world.rows('CREATE TABLE public.kept AS SELECT * FROM ledger.events WHERE partition = $1 AND seq = $2', [
    partition,
    seq - 2,
  ]);
  await world.rows('DELETE FROM ledger.events WHERE partition = $1 AND seq = $2', [partition, seq - 2]);
  const ends = await topicEnds();
  worker = world.startWorker(WORKER);
  await eventually(
    async () => (await world.unready(worker))[`partition-${partition}`]?.includes('not in the ledger') ?? false,
    { withinMs: 60_000 },
  );
  const after = (each: number) => (ends.get(each) ?? 0) + (each === partition ? 2 : 5);
  await eventually(async () => [...(await topicEnds())].every(([each, end]) => end >= after(each)), {
    withinMs: 60_000,
  });
  expect([...(await topicEnds())].map(([each, end]) => [each, end])).toEqual(
    [...ends.keys()].map((each) => [each, after(each)]),
  );
  await world.rows('INSERT INTO ledger.events SELECT * FROM public.kept');
  await world.stopWorkers();
  worker = world.startWorker(WORKER);
  await published();
});

function deposits(count: number): readonly Sent[] {
  return Array.from({ length: count }, (_, index) => ({
    commandId: newCommandId(),
    command: { type: 'DepositFunds', userId: `user-${index % 30}`, asset: 'USD', amount: UNIT },
  }));
}

/** What the topic holds of each partition: the sequences in the order of their offsets. */
async function sequences(): Promise<ReadonlyMap<number, readonly number[]>> {
  const found = new Map<number, number[]>();
  const reader = await world.kafka.openReader();
  for (const { partition, start, end } of await world.admin.ranges(world.topics.events)) {
    const seqs: number[] = [];
    for await (const records of reader.read({ topic: world.topics.events, partition, from: start, to: end })) {
      for (const { value } of records) {
        const event = decodeEvent(readFrame(value ?? Buffer.alloc(0)).payload);
        expect(event.partition).toBe(partition);
        seqs.push(event.seq);
      }
    }
    found.set(partition, seqs);
  }
  await reader.close();
  return found;
}

/** Waits until a reader that drops what it has holds every event; it meets no gap on the way. */
async function published(): Promise<void> {
  const rows = await world.rows<{ partition: number; seq: string }>(
    'SELECT partition, event_seq::text AS seq FROM ledger.partitions ORDER BY partition',
  );
  await eventually(
    async () => {
      const held = new Map<number, number>();
      for (const [partition, seqs] of await sequences()) {
        let position = 0;
        for (const seq of seqs) {
          expect(seq).toBeLessThanOrEqual(position + 1);
          position = Math.max(position, seq);
        }
        held.set(partition, position);
      }
      expect(rows.map(({ partition }) => held.get(partition))).toEqual(rows.map(({ seq }) => Number(seq)));
    },
    { withinMs: 60_000, everyMs: 250 },
  );
}

async function repeats(): Promise<number> {
  let count = 0;
  for (const seqs of (await sequences()).values()) count += seqs.length - new Set(seqs).size;
  return count;
}

async function topicEnds(): Promise<ReadonlyMap<number, number>> {
  return new Map((await world.admin.ranges(world.topics.events)).map(({ partition, end }) => [partition, end]));
}

async function topicEnd(): Promise<number> {
  return [...(await topicEnds()).values()].reduce((sum, end) => sum + end, 0);
}
