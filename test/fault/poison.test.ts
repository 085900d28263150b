import { createHash } from 'node:crypto';
import { frame, openSchemas } from '@tradestream/contracts';
import type { LogRecord } from '@tradestream/messaging';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { deposit, encodeRaw, foreignId, POISON, type PoisonRecord } from '../support/poison-records.ts';

/** Every record carries these; names and values that JSON and text would not keep among them. */
const HEADERS = { 'x-trace': ['one', 'two'], '\\u0000': 'a name of six characters', bytes: Buffer.from([0, 255, 7]) };

type Poison = PoisonRecord & { readonly headers?: Readonly<Record<string, string>> };
type Placed = Poison & { readonly place: string; readonly sha256: string | null };

let world: LedgerWorld;
const placed: Placed[] = [];

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'poison', 2);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('each poisoned record is parked whole, with a command behind it that is applied', async () => {
  const poison = await allPoison();
  for (const [index, record] of poison.entries()) {
    const { key, value, headers } = record;
    const partition = index % 2;
    const behind = {
      key: `user:user-${index}`,
      value: frame(world.commandSchemaId, encodeRaw(deposit(`user-${index}`, '1'))),
    };
    const [place] = await world.producer.send(world.topics.commands, [
      { partition, key, value, headers: { ...HEADERS, ...headers } },
      { partition, ...behind },
    ]);
    placed.push({ ...record, place: `${partition}/${place?.offset}`, sha256: sha256(value) });
  }
  world.startWorker();
  await world.applied(60_000);
  const parked = await world.rows<{ place: string }>(
    `SELECT partition || '/' || "offset" AS place, encode(sha256, 'hex') AS sha256, encode(sha256(value), 'hex') AS stored,
            encode(key, 'hex') AS key, reason
     FROM ledger.parked WHERE topic = $1 AND NOT blocks_key AND status = 'parked'`,
    [world.topics.commands],
  );
  expect(new Map(parked.map((row) => [row.place, row]))).toEqual(
    new Map(
      placed.map(({ place, sha256: whole, key, reason }) => [
        place,
        { place, sha256: whole, stored: whole, key: hex(key), reason },
      ]),
    ),
  );
  const [applied] = await world.rows(
    `SELECT count(*)::int AS count, count(DISTINCT user_id)::int AS users FROM ledger.receipts JOIN ledger.events USING (command_id)
     JOIN ledger.balances ON 'user:' || user_id = key WHERE outcome = 'applied' AND available = 1`,
  );
  expect(applied).toEqual({ count: poison.length, users: poison.length });
});

test('a copy of each is on the dead letter topic: key, value and headers as they were, with place and reason', async () => {
  await eventually(async () => expect(await copies()).toHaveLength(placed.length), { withinMs: 60_000 });
  const byPlace = new Map((await copies()).map((copy) => [placeIn(copy), copy]));
  for (const { name, place, key, value, reason, headers } of placed) {
    const copy = byPlace.get(place);
    expect(copy?.key?.toString('utf8') ?? null, name).toBe(key);
    expect(sha256(copy?.value ?? null), name).toBe(sha256(value));
    expect(copy?.value === null, name).toBe(value === null);
    expect(text(copy, 'original-topic'), name).toBe(world.topics.commands);
    expect(text(copy, 'reason'), name).toBe(reason);
    expect(text(copy, 'message').length, name).toBeGreaterThan(0);
    expect(Math.abs(Date.now() - Number(text(copy, 'original-timestamp'))), name).toBeLessThan(600_000);
    for (const [header, given] of Object.entries({ ...HEADERS, ...headers })) {
      expect(values(copy?.headers[header]), `${name}: ${header}`).toEqual(values(given));
    }
  }
});

async function allPoison(): Promise<readonly Poison[]> {
  const { topics, log } = world;
  const schemas = await openSchemas({ url: inject('endpoints').schemaRegistryUrl, log, timeoutMs: 30_000, topics });
  const { eventSchemaId } = await schemas.register();
  const good = encodeRaw(deposit('eve', '1'));
  return [
    ...POISON(world.commandSchemaId),
    {
      name: 'a schema id of another subject',
      reason: 'WRITER_SCHEMA_UNREADABLE',
      key: 'user:eve',
      value: frame(eventSchemaId, good),
    },
    {
      name: 'a schema id beyond every registry',
      reason: 'SCHEMA_UNKNOWN',
      key: 'user:eve',
      value: frame(2 ** 32 - 1, good),
    },
    { name: 'a ce_id of another command', reason: 'MALFORMED', key: 'user:eve', ...foreignId(world.commandSchemaId) },
  ];
}

async function copies(): Promise<readonly LogRecord[]> {
  const found: LogRecord[] = [];
  const topic = world.topics.deadLetters;
  const reader = await world.kafka.openReader();
  for (const { partition, start, end } of await world.admin.ranges(topic)) {
    for await (const records of reader.read({ topic, partition, from: start, to: end })) found.push(...records);
  }
  await reader.close();
  return found;
}

function placeIn(copy: LogRecord): string {
  return `${text(copy, 'original-partition')}/${text(copy, 'original-offset')}`;
}

function text(copy: LogRecord | undefined, header: string): string {
  return values(copy?.headers[header])
    .map((value) => Buffer.from(value, 'hex').toString('utf8'))
    .join();
}

/** A header's values as hexadecimal digits: one name may have several. */
function values(header: LogRecord['headers'][string]): readonly string[] {
  if (header === undefined) return [];
  const all = typeof header === 'string' || Buffer.isBuffer(header) ? [header] : header;
  return all.map((value) => Buffer.from(value).toString('hex'));
}

function hex(key: string | null): string | null {
  return key === null ? null : Buffer.from(key).toString('hex');
}

function sha256(value: Buffer | null): string | null {
  return value === null ? null : createHash('sha256').update(value).digest('hex');
}
