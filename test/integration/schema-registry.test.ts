import { readFileSync } from 'node:fs';
import {
  decodeCommand,
  openSchemas,
  parseWriterSchema,
  type Schemas,
  subjectOf,
  topicsWithPrefix,
} from '@tradestream/contracts';
import { createLogger } from '@tradestream/runtime';
import { expect, inject, test } from 'vitest';
import { uniquePrefix } from '../support/scratch.ts';

const log = createLogger({ service: 'test', level: 'error' });
const url = inject('endpoints').schemaRegistryUrl;
const eventSchema = readFileSync(new URL('../../schemas/avro/trade-event.avsc', import.meta.url), 'utf8');

const open = (prefix: string): Promise<Schemas> =>
  openSchemas({ url, log, timeoutMs: 30_000, topics: topicsWithPrefix(prefix) });

async function ask(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
    method,
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  return { ...(answer as object) };
}

/** An earlier release's event schema: ours with a change, registered before we come. */
async function registered(prefix: string, from: string, to: string): Promise<void> {
  expect(eventSchema).toContain(from);
  const schema = eventSchema.replace(from, to);
  const answer = await ask('POST', `/subjects/${subjectOf(topicsWithPrefix(prefix).events)}/versions`, { schema });
  expect(answer).toHaveProperty('id');
}

test('both schemas are registered with their compatibility, and again under the same ids', async () => {
  const prefix = uniquePrefix('schemas');
  const topics = topicsWithPrefix(prefix);
  const schemas = await open(prefix);
  const ids = await schemas.register();
  expect(await schemas.register()).toEqual(ids);
  expect(await ask('GET', `/config/${subjectOf(topics.commands)}`)).toEqual({ compatibilityLevel: 'BACKWARD' });
  expect(await ask('GET', `/config/${subjectOf(topics.events)}`)).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' });
  expect(await ask('GET', `/subjects/${subjectOf(topics.events)}/versions`)).toEqual({ 0: 1 });
});

test('services that start at once all get the same ids', async () => {
  const prefix = uniquePrefix('schemas');
  const started = Array.from({ length: 6 }, async () => await (await open(prefix)).register());
  const [first, ...others] = await Promise.all(started);
  for (const ids of others) expect(ids).toEqual(first);
});

test('a level that someone loosened is set again', async () => {
  const prefix = uniquePrefix('schemas');
  const schemas = await open(prefix);
  await schemas.register();
  const subject = subjectOf(topicsWithPrefix(prefix).events);
  await ask('PUT', `/config/${subject}`, { compatibility: 'NONE' });
  await schemas.register();
  expect(await ask('GET', `/config/${subject}`)).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' });
});

test('a registered schema comes back as text, and an id that nobody has as null', async () => {
  const schemas = await open(uniquePrefix('schemas'));
  const { commandSchemaId } = await schemas.register();
  const text = (await schemas.schemaText(commandSchemaId)) ?? '';
  const deposit = Buffer.from('00000275065553440201', 'hex');
  expect(decodeCommand(deposit, parseWriterSchema(text)).command).toMatchObject({ type: 'DepositFunds', amount: 1n });
  expect(await schemas.schemaText(2_000_000_000)).toBeNull();
  expect(await schemas.schemaText(4_294_967_295)).toBeNull();
});

test('an event schema that the one before cannot read is refused, the field named', async () => {
  const prefix = uniquePrefix('schemas');
  await registered(
    prefix,
    '{ "name": "version", "type": "long" }',
    '{ "name": "version", "type": "long" }, { "name": "bonus", "type": "long" }',
  );
  await expect((await open(prefix)).register()).rejects.toMatchObject({
    code: 'SCHEMA_INCOMPATIBLE',
    retry: 'never',
    context: { field: 'event.balances.bonus', version: 1, reader: 'the registered version' },
  });
});

test('an event schema that cannot read the one before is refused, the field named', async () => {
  const prefix = uniquePrefix('schemas');
  await registered(prefix, '{ "name": "batch", "type": "long"', '{ "name": "batch", "type": "string"');
  await expect((await open(prefix)).register()).rejects.toMatchObject({
    code: 'SCHEMA_INCOMPATIBLE',
    context: { field: 'batch', rule: 'string is not readable as long', reader: 'this release' },
  });
});

test('a decimal of another scale is refused, though the registry would take it', async () => {
  const prefix = uniquePrefix('schemas');
  await registered(prefix, '"scale": 18', '"scale": 8');
  await expect((await open(prefix)).register()).rejects.toMatchObject({
    code: 'SCHEMA_INCOMPATIBLE',
    context: { field: 'event.amount', rule: 'decimal of scale 8 is not readable as decimal of scale 18' },
  });
});

test('an event schema with one more field that has a default stands beside ours', async () => {
  const prefix = uniquePrefix('schemas');
  const field = '{ "name": "partition", "type": "int" }';
  await registered(prefix, field, `${field}, { "name": "note", "type": "string", "default": "" }`);
  const { eventSchemaId } = await (await open(prefix)).register();
  expect(eventSchemaId).toBeGreaterThan(0);
});

test("a word that is not the registry's own is an outage, not an unknown schema", async () => {
  const elsewhere = await openSchemas({ url: `${new URL(url).origin}/elsewhere`, log, timeoutMs: 30_000 });
  await expect(elsewhere.schemaText(1)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', retry: 'later' });
  await expect(elsewhere.register()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
});
