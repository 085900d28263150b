import { readFileSync } from 'node:fs';
import type { Schemas } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import { createLogger, type Metrics } from '@tradestream/runtime';
import { EventReader } from '../../services/projector/src/event-reader.ts';
import { ProjectorMetrics } from '../../services/projector/src/projector-metrics.ts';
import { SchemaBook } from '../../services/worker/src/intake/schema-book.ts';
import { WorkerMetrics } from '../../services/worker/src/worker-metrics.ts';
import { COMMAND_SCHEMA_ID, EVENT_SCHEMA_ID } from './commands.ts';

const AVRO = new URL('../../schemas/avro/', import.meta.url);

/** What the worlds of one thread have in common: nothing of it decides anything. */
export const log = createLogger({ service: 'simulation', level: 'silent' });
const nothing = { add: () => undefined, set: () => undefined, remove: () => undefined, observe: () => undefined };
const metrics: Metrics = {
  counter: () => nothing,
  gauge: () => nothing,
  histogram: () => nothing,
  onCollect: () => undefined,
  text: async () => '',
};
export const workerMetrics = new WorkerMetrics(metrics);
export const projectorMetrics = new ProjectorMetrics(metrics);

const texts = new Map([
  [COMMAND_SCHEMA_ID, readFileSync(new URL('trade-command.avsc', AVRO), 'utf8')],
  [EVENT_SCHEMA_ID, readFileSync(new URL('trade-event.avsc', AVRO), 'utf8')],
]);

const schemas: Schemas = {
  register: async () => ({ commandSchemaId: COMMAND_SCHEMA_ID, eventSchemaId: EVENT_SCHEMA_ID }),
  schemaText: async (id) => texts.get(id) ?? null,
};

/** Compared with our own schemas once: that costs more than a whole world. */
export const schemaBook = new SchemaBook(schemas);
export const eventReader = new EventReader(schemas);
const ledgerThatHasThem = {
  query: async () => ({ rows: [...texts].map(([id, schema]) => ({ id, schema })) }),
} as unknown as Session; // `learn` asks it one thing
await schemaBook.learn(new Set(texts.keys()), ledgerThatHasThem);
for (const id of texts.keys()) await eventReader.learn(id);
