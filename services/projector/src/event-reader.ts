import {
  ContractError,
  decodeEvent,
  parseWriterSchema,
  type ReadValues,
  readFrame,
  type Schemas,
  type WriterSchema,
} from '@tradestream/contracts';
import type { EventEnvelope } from '@tradestream/trading';
import { ProjectorError } from './errors.ts';

/** Reads events with the schema that each was written with; a schema is asked for once. */
export class EventReader {
  readonly #schemas: Schemas;
  readonly #known = new Map<number, WriterSchema>();

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  /**
   * The event of a record's value. Its schema must have been learned.
   * @throws {ProjectorError} EVENT_UNREADABLE, SCHEMA_UNKNOWN
   */
  read(value: Buffer | null, partition: number): EventEnvelope {
    if (value === null) throw new ProjectorError('EVENT_UNREADABLE', { detail: 'the record has no value' });
    const { schemaId, payload } = decoded(() => readFrame(value));
    return this.readPayload(schemaId, payload, { partition });
  }

  /** @throws {ProjectorError} as `read` */
  readPayload(
    schemaId: number,
    payload: Buffer,
    { partition, values = 'all' }: { readonly partition: number; readonly values?: ReadValues },
  ): EventEnvelope {
    const schema = this.#known.get(schemaId);
    if (schema === undefined) throw new ProjectorError('SCHEMA_UNKNOWN', { context: { schemaId } });
    const envelope = decoded(() => decodeEvent(payload, schema, values));
    if (envelope.partition !== partition) {
      throw new ProjectorError('EVENT_UNREADABLE', { detail: `it belongs to partition ${envelope.partition}` });
    }
    return envelope;
  }

  /**
   * Asks the registry for a schema; false when it has none of this id.
   * @throws {ContractError} REGISTRY_UNAVAILABLE: nothing was found out
   */
  async learn(schemaId: number): Promise<boolean> {
    if (this.#known.has(schemaId)) return true;
    const text = await this.#schemas.schemaText(schemaId);
    if (text === null) return false;
    this.#known.set(schemaId, parseWriterSchema(text));
    return true;
  }
}

/** The schema id that an error of `read` asks for. */
export function missingSchemaId(error: unknown): number | null {
  if (!(error instanceof ProjectorError) || error.code !== 'SCHEMA_UNKNOWN') return null;
  const { schemaId } = error.context;
  return typeof schemaId === 'number' ? schemaId : null;
}

function decoded<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ContractError)) throw cause;
    throw new ProjectorError('EVENT_UNREADABLE', { cause, detail: cause.message });
  }
}
