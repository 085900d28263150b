import { once } from 'node:events';
import { type Verification, verifyInstallation } from '@tradestream/cli';
import { decodeEvent, encodeEvent, frame } from '@tradestream/contracts';
import type { EventEnvelope } from '@tradestream/trading';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { SavedRows } from '../support/broken-rows.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { POISON } from '../support/poison-records.ts';

const load = makeFaultyLoad({ seed: 17, count: 1_500, users: 40 });
/** Holds the poison, and nothing is broken on the topics of it. */
const QUIET = 2;
let world: LedgerWorld;
let saved: SavedRows;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'verify');
}, 60_000);

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

/** Breaks one thing; `sql` answers, as `named`, with what the contradiction must name. */
type Break = readonly [fact: string, invariant: string, sql: string];

const SOME_EVENT = `(SELECT e.* FROM ledger.events AS e WHERE type = 'OrderPlaced' AND seq > 5 ORDER BY partition, seq LIMIT 1)`;

const BREAKS: readonly Break[] = [
  [
    'money from nowhere breaks conservation, and the balance is named too',
    'conservation',
    `UPDATE ledger.balances SET available = available + 1 WHERE (user_id, asset) = (SELECT user_id, asset FROM ledger.balances ORDER BY 1, 2 LIMIT 1)
     RETURNING 'of ' || asset || ' the users own' AS named`,
  ],
  [
    'a lost balance breaks conservation',
    'conservation',
    `DELETE FROM ledger.balances WHERE (user_id, asset) = (SELECT user_id, asset FROM ledger.balances WHERE available > 0 ORDER BY 1, 2 LIMIT 1)
     RETURNING 'of ' || asset || ' the users own' AS named`,
  ],
  [
    'money moved between users leaves the sum and contradicts the events',
    'state',
    `WITH two AS (SELECT user_id, asset, row_number() OVER (ORDER BY user_id) AS n FROM ledger.balances WHERE asset = 'USD' AND available > 1 LIMIT 2)
     UPDATE ledger.balances AS b SET available = available + CASE n WHEN 1 THEN 1 ELSE -1 END FROM two
     WHERE b.user_id = two.user_id AND b.asset = two.asset RETURNING 'ledger.balances: ' AS named`,
  ],
  [
    'an order whose status no event gave contradicts the events',
    'state',
    `UPDATE ledger.orders SET status = 'cancelled' WHERE order_id = (SELECT order_id FROM ledger.orders WHERE status = 'open' ORDER BY 1 LIMIT 1)
     RETURNING 'ledger.orders: ' || order_id || ': status is cancelled, not open' AS named`,
  ],
  [
    'an order that no event placed is named',
    'state',
    `INSERT INTO ledger.orders (order_id, user_id, symbol, side, price, quantity, filled, hold, status, version)
     VALUES ('invented', 'u', 'BTC-USD', 'buy', 1, 1, 0, 1, 'open', 1) RETURNING 'ledger.orders: invented' AS named`,
  ],
  [
    'an order that is gone is named',
    'state',
    `DELETE FROM ledger.orders WHERE order_id = (SELECT min(order_id) FROM ledger.orders) RETURNING 'ledger.orders: ' || order_id || ' is missing' AS named`,
  ],
  [
    'a trade row that names another event is named',
    'state',
    `UPDATE ledger.trades SET seq = seq + 1 WHERE (symbol, trade_id) = (SELECT symbol, trade_id FROM ledger.trades ORDER BY 1, 2 LIMIT 1)
     RETURNING 'ledger.trades: ' || trade_id || ' of ' || symbol AS named`,
  ],
  [
    'a trade row that is gone is counted',
    'state',
    `WITH gone AS (DELETE FROM ledger.trades WHERE (symbol, trade_id) = (SELECT symbol, trade_id FROM ledger.trades ORDER BY 1, 2 LIMIT 1) RETURNING 1)
     SELECT 'the events execute ' || count(*) AS named FROM ledger.trades`,
  ],
  [
    'a gap in the events of a partition is named',
    'sequence',
    `DELETE FROM ledger.events AS e USING ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || (e.seq + 1) AS named`,
  ],
  [
    'a lost last event is named',
    'sequence',
    `DELETE FROM ledger.events AS e USING ledger.partitions AS p WHERE p.partition = e.partition AND p.event_seq = e.seq AND e.partition = ${QUIET}
     RETURNING 'partition ' || e.partition || ' stands at seq ' || e.seq AS named`,
  ],
  [
    'an event moved to another batch breaks the order of its partition',
    'sequence',
    `UPDATE ledger.events AS e SET batch = 1000000 FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || (e.seq + 1) AS named`,
  ],
  [
    'an event that claims another command is named',
    'history',
    `UPDATE ledger.events AS e SET command_id = gen_random_uuid() FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || e.seq AS named`,
  ],
  [
    'an event whose bytes cannot be read is named',
    'history',
    `UPDATE ledger.events AS e SET payload = '\\x00' FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || e.seq AS named`,
  ],
  [
    'an event under another key is named',
    'history',
    `UPDATE ledger.events AS e SET key = 'user:nobody' FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || e.seq AS named`,
  ],
  [
    'an event without receipt is named',
    'receipts',
    `DELETE FROM ledger.receipts AS r USING ${SOME_EVENT} AS s WHERE r.command_id = s.command_id RETURNING '(command ' || r.command_id || ') has no receipt' AS named`,
  ],
  [
    'a receipt with another outcome than its event is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET outcome = 'rejected', reason = 'SELF_TRADE' FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') says rejected SELF_TRADE' AS named`,
  ],
  [
    'a receipt with the hash of another payload is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET payload_hash = sha256('x') FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') has the hash of another payload' AS named`,
  ],
  [
    'a receipt that points to the event of another command is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET seq = r.seq + 1 FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') names another event' AS named`,
  ],
  [
    'a receipt that says parked while its event stands is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET outcome = 'parked', reason = 'COMMAND_FAILED' FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') says parked' AS named`,
  ],
  [
    'a receipt at a place of another record is named',
    'one outcome',
    `UPDATE ledger.receipts AS r SET "offset" = r."offset" + 1 FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING r.command_id::text AS named`,
  ],
  [
    'a receipt beyond the end of the log is named',
    'one outcome',
    `UPDATE ledger.receipts AS r SET "offset" = 1000000 FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING 'there is an outcome for 1000000' AS named`,
  ],
  [
    'a receipt that no event and no record made is named',
    'receipts',
    `INSERT INTO ledger.receipts (command_id, batch, "offset", seq, partition, index, outcome, payload_hash)
     SELECT gen_random_uuid(), 1, place, 1000000, p.partition, 0, 'applied', sha256('x')
     FROM ledger.partitions AS p, generate_series(0, p.next_offset - 1) AS place
     WHERE NOT EXISTS (SELECT FROM ledger.receipts AS r WHERE r.partition = p.partition AND r."offset" = place)
       AND NOT EXISTS (SELECT FROM ledger.conflicts AS c WHERE c.partition = p.partition AND c."offset" = place)
       AND NOT EXISTS (SELECT FROM ledger.parked AS k WHERE k.partition = p.partition AND k."offset" = place)
     ORDER BY p.partition, place LIMIT 1
     RETURNING 'the receipt at its place is of command ' || command_id AS named`,
  ],
  [
    'a conflict that was not recorded is named',
    'one outcome',
    `DELETE FROM ledger.conflicts WHERE command_id = (SELECT command_id FROM ledger.conflicts ORDER BY 1 LIMIT 1)
     RETURNING 'offset ' || "offset" || ' (command ' || command_id || ') has another payload' AS named`,
  ],
  [
    'a conflict where the log has a duplicate is named',
    'one outcome',
    `UPDATE ledger.conflicts SET payload_hash = first_hash WHERE command_id = (SELECT command_id FROM ledger.conflicts ORDER BY 1 LIMIT 1)
     RETURNING command_id::text AS named`,
  ],
  [
    'a conflict with another first payload than its receipt is named',
    'one outcome',
    `UPDATE ledger.conflicts SET first_hash = sha256('x') WHERE command_id = (SELECT command_id FROM ledger.conflicts ORDER BY 1 LIMIT 1)
     RETURNING command_id::text AS named`,
  ],
  [
    'an undecodable record that was not parked is named',
    'one outcome',
    `DELETE FROM ledger.parked WHERE id = (SELECT min(id) FROM ledger.parked) RETURNING partition || ' offset ' || "offset" || ' (undecodable) is no command' AS named`,
  ],
  [
    'a parked record with another SHA-256 is named',
    'one outcome',
    `UPDATE ledger.parked SET sha256 = sha256('x') WHERE id = (SELECT min(id) FROM ledger.parked) RETURNING partition || ' offset ' || "offset" AS named`,
  ],
  [
    'a good command that was parked as well is named',
    'one outcome',
    `INSERT INTO ledger.parked (topic, partition, "offset", record_time, key, value, sha256, reason, message, blocks_key)
     SELECT p.topic, r.partition, r."offset", now(), NULL, NULL, NULL, 'MALFORMED', '', false
     FROM ledger.receipts AS r, ledger.parked AS p ORDER BY r.partition, r."offset" LIMIT 1 RETURNING partition || ' offset ' || "offset" AS named`,
  ],
  [
    'a record that was passed over is named',
    'one outcome',
    `WITH gone AS (SELECT r.partition, r."offset", r.command_id FROM ledger.receipts AS r JOIN ledger.conflicts AS c USING (command_id) LIMIT 1)
     DELETE FROM ledger.conflicts AS c USING gone WHERE c.command_id = gone.command_id RETURNING c.command_id::text AS named`,
  ],
  [
    'a row of views.balances that no event gave is named',
    'views',
    `UPDATE views.balances SET held = held + 1 WHERE (user_id, asset) = (SELECT user_id, asset FROM views.balances ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.balances: ' || user_id || ' ' || asset AS named`,
  ],
  [
    'a row that views.balances lacks is named',
    'views',
    `DELETE FROM views.balances WHERE (user_id, asset) = (SELECT user_id, asset FROM views.balances ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.balances: ' || user_id || ' ' || asset || ' is missing' AS named`,
  ],
  [
    'an old value in views.orders is named',
    'views',
    `UPDATE views.orders SET version = version - 1 WHERE id = (SELECT min(id) FROM views.orders WHERE version > 1)
     RETURNING 'views.orders: ' || id || ': version is ' || version AS named`,
  ],
  [
    'a wrong time in views.orders is named',
    'views',
    `UPDATE views.orders SET placed_at = placed_at - interval '1 second' WHERE id = (SELECT min(id) FROM views.orders) RETURNING 'views.orders: ' || id || ': placed_at' AS named`,
  ],
  [
    'a wrong price in views.trades is named',
    'views',
    `UPDATE views.trades SET price = price + 0.000000000000000001 WHERE order_id = (SELECT min(order_id) FROM views.trades)
     RETURNING 'views.trades: order ' || order_id AS named`,
  ],
  [
    'an order that views.trades lacks is named',
    'views',
    `DELETE FROM views.trades WHERE order_id = (SELECT min(order_id) FROM views.trades) RETURNING 'views.trades: order ' || order_id || ' has executed' AS named`,
  ],
  [
    'a wrong fill is named',
    'views',
    `UPDATE views.fills SET cost = cost + 1 WHERE (symbol, trade_id, side) = (SELECT symbol, trade_id, side FROM views.fills ORDER BY 1, 2, 3 LIMIT 1)
     RETURNING 'views.fills: the ' || side || ' of trade ' || trade_id || ' of ' || symbol || ' is not what' AS named`,
  ],
  [
    'a fill that is gone is named',
    'views',
    `DELETE FROM views.fills WHERE (symbol, trade_id, side) = (SELECT symbol, trade_id, side FROM views.fills ORDER BY 1, 2, 3 LIMIT 1)
     RETURNING 'trade ' || trade_id || ' of ' || symbol || ' is missing' AS named`,
  ],
  [
    'a fill that no trade gave is named',
    'views',
    `INSERT INTO views.fills (trade_id, order_id, user_id, symbol, side, price, quantity, cost, timestamp)
     VALUES ('invented', 'o', 'u', 'BTC-USD', 'buy', 1, 1, 1, now()) RETURNING 'trade invented of BTC-USD is none of them' AS named`,
  ],
  [
    'a wrong candle is named',
    'views',
    `UPDATE views.candles SET close = close + 1 WHERE (symbol, minute) = (SELECT symbol, minute FROM views.candles ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.candles: ' || symbol AS named`,
  ],
  [
    'a candle that is gone is named',
    'views',
    `DELETE FROM views.candles WHERE (symbol, minute) = (SELECT symbol, minute FROM views.candles ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.candles: ' || symbol AS named`,
  ],
  [
    'a projection that claims to be further than its rows are is named',
    'views',
    `UPDATE views.positions SET seq = seq - 1 WHERE projection = 'balances' AND seq > 0 AND partition = (SELECT min(partition) FROM views.positions WHERE seq > 0)
     RETURNING 'views.balances: ' AS named`,
  ],
  [
    'a projection beyond the end of the ledger is named',
    'views',
    `UPDATE views.positions SET seq = seq + 1000 WHERE projection = 'candles' AND partition = ${QUIET} RETURNING 'projection candles is at seq ' || seq AS named`,
  ],
];

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
  const { endpoints, url } = world.database;
  const signal = AbortSignal.timeout(60_000);
  return await verifyInstallation({ ...endpoints, databaseUrl: url }, { signal, topicPrefix: world.group('') });
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
