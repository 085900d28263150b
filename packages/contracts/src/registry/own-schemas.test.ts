import { createLogger } from '@tradestream/runtime';
import { expect, test } from 'vitest';
import { ContractError } from '../errors.ts';
import { TRADE_COMMAND_SCHEMA } from '../generated/trade-command.ts';
import { TRADE_EVENT_SCHEMA } from '../generated/trade-event.ts';
import { findOwnIds, ownSchemaIds } from './own-schemas.ts';

const log = createLogger({ service: 'test', level: 'silent' });
const COMMAND = { id: 3, schema: TRADE_COMMAND_SCHEMA };
const EVENT = { id: 4, schema: TRADE_EVENT_SCHEMA };
const IDS = { commandSchemaId: 3, eventSchemaId: 4 };

test('stored schemas are ours if they say the same, however it is written; the first of several counts', () => {
  const { type, name, ...rest } = JSON.parse(TRADE_COMMAND_SCHEMA) as Record<string, unknown>; // a record
  const rewritten = { id: 3, schema: JSON.stringify({ ...rest, name, type }, null, 2) };
  expect(findOwnIds([rewritten, EVENT, { ...COMMAND, id: 1 }])).toEqual(IDS);
  const other = { id: 3, schema: JSON.stringify({ ...rest, name, type, doc: 'of another release' }) };
  expect(findOwnIds([other, EVENT])).toBeNull();
  expect(findOwnIds([{ id: 3, schema: 'no schema' }, EVENT])).toBeNull();
  expect(findOwnIds([COMMAND])).toBeNull();
});

test('the registry is asked first, and what was stored only while that is away', async () => {
  const away = new ContractError('REGISTRY_UNAVAILABLE');
  const from = async (registered: typeof IDS | Error, stored: (typeof EVENT)[] | Error) =>
    await ownSchemaIds({
      schemas: {
        register: async () => (registered instanceof Error ? Promise.reject(registered) : registered),
        schemaText: async () => null,
      },
      askLedger: async () => (stored instanceof Error ? Promise.reject(stored) : stored),
      log,
    });
  expect(await from({ commandSchemaId: 7, eventSchemaId: 8 }, [COMMAND, EVENT])).toMatchObject({ eventSchemaId: 8 });
  expect(await from(away, [COMMAND, EVENT])).toEqual(IDS);
  await expect(from(away, [EVENT])).rejects.toBe(away);
  await expect(from(away, new Error('no database either'))).rejects.toBe(away);
  const incompatible = new ContractError('SCHEMA_INCOMPATIBLE');
  await expect(from(incompatible, [COMMAND, EVENT])).rejects.toBe(incompatible);
});
