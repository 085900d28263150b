import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { decodeEvent, encodeEvent, frame } from '@tradestream/contracts';
import type { EventEnvelope } from '@tradestream/trading';
import type { Verification } from '@tradestream/verify';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { SavedRows } from '../support/broken-rows.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { BREAKS, QUIET } from '../support/ledger-breaks.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { POISON } from '../support/poison-records.ts';
import { verifyWorld } from '../support/verify-world.ts';

const load = makeFaultyLoad({ seed: 17, count: 1_500, users: 40 });
let world: LedgerWorld;
let saved: SavedRows;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'verify');
}, 120_000);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('verify holds at every moment while traffic flows', async () => {
  world.startWorker({ TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: '50' });
  const projector = world.startProjector();
  await world.send(load.setup);
  await world.applied(60_000);
  const poison = POISON(world.commandSchemaId).map(({ key, value }) => ({ key, value, partition: QUIET }));
  await world.producer.send(world.topics.commands, poison);
  let sent = 0;
  const traffic = (async () => {
    for (; sent < load.sent.length; sent += 20) await world.send(load.sent.slice(sent, sent + 20));
  })();
  const seen: Verification[] = [];
  do seen.push(await verify());
  while (sent < load.sent.length);
  await traffic;
  await world.applied(60_000);
  await world.projected(60_000);
  await world.stopWorkers();
  projector.kill('SIGTERM');
  await once(projector, 'exit');
  expect(seen.map(({ firstContradiction }) => firstContradiction)).toEqual(seen.map(() => null));
  saved = await SavedRows.save(world);
}, 180_000);

test('every record, event and published event of a world at rest is checked and holds', async () => {
  const verification = await verify();
  expect(verification).toMatchObject({ ok: true, conservation: true, firstContradiction: null, notes: [] });
  const [sums] = await world.rows<{ events: number; published: number }>(
    'SELECT sum(event_seq)::int AS events, sum(published_seq)::int AS published FROM ledger.partitions',
  );
  const records = (await world.admin.ranges(world.topics.commands)).reduce((sum, { end }) => sum + end, 0);
  expect(verification.checked).toEqual({ records, ...sums });
  expect(records).toBeGreaterThan(1_500);
});

test('the command prints what was checked and ends with 0; with a contradiction it names it and ends with 1', async () => {
  const whole = await runVerify();
  expect(whole).toMatchObject({ exitCode: 0, printed: { ok: true, conservation: true, firstContradiction: null } });
  await world.rows(`UPDATE ledger.partitions SET event_seq = event_seq + 1 WHERE partition = ${QUIET}`);
  const broken = await runVerify();
  await saved.restore();
  expect(broken.exitCode).toBe(1);
  expect(broken.printed).toMatchObject({
    ok: false,
    firstContradiction: expect.stringContaining(`sequence: partition ${QUIET} stands at`),
  });
  expect(broken.stderr).toContain(`tradestream: sequence: partition ${QUIET} stands at seq`);
});

test('a log that is read again from its start holds, and is said', async () => {
  await world.rows('UPDATE ledger.partitions SET next_offset = 0, last_hash = NULL');
  const { ok, notes } = await verify();
  await saved.restore();
  expect(ok).toBe(true);
  expect(notes).toContainEqual(expect.stringContaining(`${world.topics.commands}/0 is being read again from offset 0`));
});

describe('what is broken by hand is named', () => {
  afterEach(async () => await saved.restore());

  test.each(BREAKS)('%s', async (_fact, invariant, sql) => {
    const [row] = await world.rows<{ named: string }>(sql);
    const { ok, firstContradiction } = await verify();
    expect(ok).toBe(false);
    expect(firstContradiction).toContain(`${invariant}: `);
    expect(firstContradiction).toContain(row?.named);
  });

  test('a negative amount is named, where the constraint is gone', async () => {
    await world.rows('ALTER TABLE ledger.balances DROP CONSTRAINT balances_available_check');
    const [row] = await world.rows<{ user_id: string; asset: string }>(
      `UPDATE ledger.balances SET available = -1, held = held + available + 1
       WHERE (user_id, asset) = (SELECT user_id, asset FROM ledger.balances ORDER BY 1, 2 LIMIT 1) RETURNING user_id, asset`,
    );
    const { firstContradiction } = await verify();
    await saved.restore();
    await world.rows('ALTER TABLE ledger.balances ADD CONSTRAINT balances_available_check CHECK (available >= 0)');
    expect(firstContradiction).toContain(`no negative: ledger.balances: ${row?.user_id} ${row?.asset} has -1.0`);
  });

  test('a decision that the rules would not give is named', async () => {
    const { partition, seq, commandId } = await rewrite('CommandRejected', (envelope) =>
      envelope.event.type === 'CommandRejected'
        ? { ...envelope, event: { ...envelope.event, reason: 'SELF_TRADE' } }
        : envelope,
    );
    await world.rows(`UPDATE ledger.receipts SET reason = 'SELF_TRADE' WHERE command_id = $1`, [commandId]);
    const { firstContradiction } = await verify();
    expect(firstContradiction).toContain(
      `history: event ${partition}/${seq} (command ${commandId}) was refused for SELF_TRADE; decided again it is`,
    );
  });

  test('a cost that was rounded otherwise is named', async () => {
    const { partition, seq } = await rewrite('TradeExecuted', (envelope) =>
      envelope.event.type === 'TradeExecuted'
        ? { ...envelope, event: { ...envelope.event, cost: envelope.event.cost + 1n } }
        : envelope,
    );
    expect((await verify()).firstContradiction).toContain(`history: event ${partition}/${seq}`);
  });

  test('a balance after an event that does not follow from the one before is named', async () => {
    const { partition, seq } = await rewrite('FundsDeposited', (envelope) => {
      if (envelope.event.type !== 'FundsDeposited') return envelope;
      const balances = envelope.event.balances.map((balance) => ({ ...balance, available: balance.available + 1n }));
      return { ...envelope, event: { ...envelope.event, balances } };
    });
    expect((await verify()).firstContradiction).toContain(`history: event ${partition}/${seq}`);
  });

  test('a record below the next offset that has no outcome is named', async () => {
    const [place] = await world.producer.send(
      world.topics.commands,
      [...world.recordsOf(load.setup.slice(0, 1))].map((record) => ({ ...record, partition: QUIET })),
    );
    await world.rows(`UPDATE ledger.partitions SET next_offset = next_offset + 1 WHERE partition = $1`, [QUIET]);
    expect((await verify()).ok).toBe(true); // the same command again: a duplicate
    await world.rows('DELETE FROM ledger.receipts WHERE command_id = $1', [load.setup[0]?.commandId]);
    const { contradictions } = await verify();
    expect(contradictions.join('\n')).toContain(
      `${world.topics.commands}/${QUIET} offset ${place?.offset} (command ${load.setup[0]?.commandId}) has no outcome`,
    );
  });

  test('a topic that ends before the next offset is named', async () => {
    await world.rows('UPDATE ledger.partitions SET next_offset = next_offset + 100 WHERE partition = $1', [QUIET]);
    expect((await verify()).firstContradiction).toContain(
      `one outcome: ${world.topics.commands}/${QUIET} ends at offset`,
    );
  });
});

describe('what is on trade-events is what is in the ledger', () => {
  test('events that a relay published again are tolerated, and said', async () => {
    await publish(0, await eventsOf(0, [3, 4, 5]));
    const { ok, notes } = await verify();
    expect(ok).toBe(true);
    expect(notes).toEqual([`${world.topics.events}/0: 3 events are there more than once, each the same`]);
  });

  test('a start that has expired is tolerated, and said', async () => {
    await world.admin.deleteRecords(world.topics.events, new Map([[0, 4]]));
    await world.admin.deleteRecords(world.topics.commands, new Map([[0, 4]]));
    const { ok, notes } = await verify();
    expect(ok).toBe(true);
    expect(notes).toContain(`${world.topics.events}/0 begins at offset 4: the events before have expired`);
    expect(notes.join('\n')).toContain(`${world.topics.commands}/0 begins at offset 4`);
  });

  test('other bytes than those of the ledger are named', async () => {
    const [event] = await eventsOf(3, [2]);
    const place = await publish(3, [
      { ...event, payload: Buffer.concat([event?.payload ?? Buffer.alloc(0), Buffer.from([0])]) },
    ]);
    expect((await verify()).firstContradiction).toBe(
      `topic: ${world.topics.events}/3 offset ${place} is event 3/2, with other bytes than in ledger.events`,
    );
    await healTopic(3);
  });

  test('an event under another key is named', async () => {
    const [event] = await eventsOf(3, [2]);
    const place = await publish(3, [{ ...event, key: 'user:nobody' }]);
    expect((await verify()).firstContradiction).toContain(
      `topic: ${world.topics.events}/3 offset ${place} is event 3/2, with the key user:nobody`,
    );
    await healTopic(3);
  });

  test('an event that comes before its time is named', async () => {
    const [last] = await world.rows<{ seq: number }>(
      'SELECT event_seq::int AS seq FROM ledger.partitions WHERE partition = 4',
    );
    const [event] = await eventsOf(4, [2]);
    const future = encodeEvent({ ...decodeEvent(event?.payload ?? Buffer.alloc(0)), seq: (last?.seq ?? 0) + 7 });
    const place = await publish(4, [{ ...event, payload: future }]);
    expect((await verify()).firstContradiction).toBe(
      `topic: ${world.topics.events}/4 offset ${place} is event 4/${(last?.seq ?? 0) + 7}, the newest before it is 4/${last?.seq}`,
    );
    await healTopic(4);
  });

  test('an event in another partition is named', async () => {
    const place = await publish(4, await eventsOf(3, [2]));
    expect((await verify()).firstContradiction).toBe(`topic: ${world.topics.events}/4 offset ${place} holds event 3/2`);
    await healTopic(4);
  });

  test('events that were marked as published and are not there are named', async () => {
    await world.admin.deleteTopics([world.topics.events]);
    await world.admin.createTopics([{ topic: world.topics.events, partitions: 6 }]);
    const [row] = await world.rows<{ seq: string }>(
      'SELECT published_seq::text AS seq FROM ledger.partitions WHERE partition = 0',
    );
    expect((await verify()).firstContradiction).toBe(
      `topic: ${world.topics.events}/0 ends at event 0/0, the ledger says that ${row?.seq} was published`,
    );
  });
});

async function verify(): Promise<Verification> {
  return await verifyWorld(world);
}

/** The command itself, as a process. */
async function runVerify(): Promise<{
  readonly exitCode: number | null;
  readonly printed: unknown;
  readonly stderr: string;
}> {
  const { endpoints, url } = world.database;
  const child = spawn(process.execPath, ['packages/cli/bin/tradestream.mjs', 'verify', '-o', 'json'], {
    env: {
      PATH: process.env['PATH'],
      KAFKA_BROKERS: endpoints.kafkaBrokers,
      DATABASE_URL: url,
      TRADESTREAM_TOPIC_PREFIX: world.group(''),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [exitCode] = await once(child, 'close');
  return { exitCode, printed: JSON.parse(stdout), stderr };
}

/** Rewrites the payload of the first event of a type. */
async function rewrite(type: string, change: (envelope: EventEnvelope) => EventEnvelope): Promise<EventEnvelope> {
  const [row] = await world.rows<{ payload: Buffer }>(
    'SELECT payload FROM ledger.events WHERE type = $1 ORDER BY batch, index LIMIT 1',
    [type],
  );
  const envelope = decodeEvent(row?.payload ?? Buffer.alloc(0));
  await world.rows('UPDATE ledger.events SET payload = $1 WHERE partition = $2 AND seq = $3', [
    encodeEvent(change(envelope)),
    envelope.partition,
    envelope.seq,
  ]);
  return envelope;
}

type StoredEvent = {
  readonly key: string;
  readonly schema_id: number;
  readonly timeline: number;
  readonly seq: number;
  readonly payload: Buffer;
};

async function eventsOf(partition: number, seqs: readonly number[]): Promise<readonly StoredEvent[]> {
  return await world.rows<StoredEvent>(
    'SELECT key, schema_id, timeline, seq::int AS seq, payload FROM ledger.events WHERE partition = $1 AND seq = ANY ($2) ORDER BY seq',
    [partition, seqs],
  );
}

/** Puts records on the events topic, as a relay would. @returns the offset of the first */
async function publish(partition: number, events: readonly Partial<StoredEvent>[]): Promise<number | undefined> {
  const records = events.map(({ key, schema_id, timeline, seq, payload }) => ({
    partition,
    key: key ?? null,
    value: frame(schema_id ?? 0, payload ?? Buffer.alloc(0)),
    headers: { ce_id: `${timeline}/${partition}/${seq}` },
  }));
  return (await world.producer.send(world.topics.events, records))[0]?.offset;
}

/** Lets everything on a partition of the events topic expire. */
async function healTopic(partition: number): Promise<void> {
  const range = (await world.admin.ranges(world.topics.events)).find((each) => each.partition === partition);
  await world.admin.deleteRecords(world.topics.events, new Map([[partition, range?.end ?? 0]]));
}
