import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { decodeCommand, encodeEvent, frame, openSchemas, readFrame, topicsWithPrefix } from '@tradestream/contracts';
import { createLogger } from '@tradestream/runtime';
import { expect, inject, test } from 'vitest';
import { uniquePrefix } from '../support/scratch.ts';

const url = inject('endpoints').schemaRegistryUrl;

/** A service of someone else, with the client that most Node services use. */
async function openForeign() {
  const log = createLogger({ service: 'test', level: 'error' });
  const schemas = await openSchemas({ url, log, timeoutMs: 30_000, topics: topicsWithPrefix(uniquePrefix('foreign')) });
  return { ids: await schemas.register(), client: new SchemaRegistry({ host: url }) };
}

test('a command that the common client wrote is a command here', async () => {
  const { ids, client } = await openForeign();
  const value = await client.encode(ids.commandSchemaId, {
    commandId: null,
    command: { 'tradestream.DepositFunds': { userId: 'u-1', asset: 'USD', amount: Buffer.from('ff7f', 'hex') } },
  });
  const { schemaId, payload } = readFrame(value);
  expect(schemaId).toBe(ids.commandSchemaId);
  expect(decodeCommand(payload)).toEqual({
    commandId: null,
    command: { type: 'DepositFunds', userId: 'u-1', asset: 'USD', amount: -129n },
  });
});

test('an event that we wrote is read by the common client', async () => {
  const { ids, client } = await openForeign();
  const balance = { userId: 'u-1', asset: 'USD', available: 255n, held: 0n, version: 3 };
  const payload = encodeEvent({
    partition: 2,
    seq: 9_007_199_254_740_990,
    timeline: 1,
    batch: 4,
    commandId: '0190a5c4-7b1e-7c3a-9f4e-2b8d1a6c5e3f',
    occurredAt: 1_610_064_000_278_000,
    event: { type: 'FundsDeposited', userId: 'u-1', asset: 'USD', amount: 5n, balances: [balance], orders: [] },
  });
  expect(await client.decode(frame(ids.eventSchemaId, payload))).toMatchObject({
    partition: 2,
    seq: 9_007_199_254_740_990,
    event: {
      'tradestream.FundsDeposited': {
        userId: 'u-1',
        amount: Buffer.of(5),
        balances: [{ available: Buffer.from('00ff', 'hex'), version: 3 }],
      },
    },
  });
});
