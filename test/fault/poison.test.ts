import { createHash } from 'node:crypto';
import { frame } from '@tradestream/contracts';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { deposit, encodeRaw, POISON } from '../support/poison-records.ts';

let world: LedgerWorld;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'poison', 2);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('each poisoned record is parked whole, with a command behind it that is applied', async () => {
  const poison = POISON(world.commandSchemaId);
  const expected: { readonly name: string; readonly sha256: string | null; readonly reason: string }[] = [];
  for (const [index, { name, reason, key, value }] of poison.entries()) {
    const behind = deposit(`user-${index}`, '1');
    const at = { partition: index % 2 };
    await world.producer.send(world.topics.commands, [
      { ...at, key, value },
      { ...at, key: `user:user-${index}`, value: frame(world.commandSchemaId, encodeRaw(behind)) },
    ]);
    expected.push({ name, reason, sha256: value === null ? null : createHash('sha256').update(value).digest('hex') });
  }
  world.startWorker();
  await world.applied(30_000);
  const parked = await world.rows<{ sha256: string | null; stored: string | null; reason: string }>(
    `SELECT encode(sha256, 'hex') AS sha256, encode(sha256(value), 'hex') AS stored, reason FROM ledger.parked
     ORDER BY record_time, "offset", partition`,
  );
  for (const { name, sha256, reason } of expected) {
    const found = parked.find((row) => row.sha256 === sha256);
    expect(found, name).toBeDefined();
    expect(found?.stored, name).toBe(sha256);
    expect(found?.reason, name).toBe(reason);
  }
  expect(parked).toHaveLength(expected.length);
  const [applied] = await world.rows<{ count: string }>(
    `SELECT count(*)::text AS count FROM ledger.receipts WHERE outcome = 'applied'`,
  );
  expect(Number(applied?.count)).toBe(expected.length);
});

test('a copy of each is on the dead letter topic, its bytes and place unchanged', async () => {
  const [parked] = await world.rows<{ count: string }>('SELECT count(*)::text AS count FROM ledger.parked');
  const reader = await world.kafka.openReader();
  const copies: string[] = [];
  for (const { partition, start, end } of await world.admin.ranges(world.topics.deadLetters)) {
    for await (const records of reader.read({ topic: world.topics.deadLetters, partition, from: start, to: end })) {
      for (const record of records) {
        copies.push(String(record.headers['original-topic']));
        expect(record.headers['reason']).toBeDefined();
        expect(record.headers['original-offset']).toBeDefined();
      }
    }
  }
  await reader.close();
  expect(copies).toHaveLength(Number(parked?.count));
  expect(new Set(copies)).toEqual(new Set([world.topics.commands]));
});
