import { errorOf } from '@tradestream/runtime';
import type { EventEnvelope } from '@tradestream/trading';
import { ContractError } from '../errors.ts';
import * as commandSchema from '../generated/trade-command.ts';
import * as eventSchema from '../generated/trade-event.ts';
import { parseAvroSchema } from './avro-types.ts';
import type { CommandMessage } from './command-message.ts';
import { commandMessageOf, eventEnvelopeOf } from './library-values.ts';
import { findUnreadable } from './schema-differences.ts';
import { layoutOf, parseSchemaModel } from './schema-model.ts';
import { checkValueBounds } from './value-bounds.ts';

/**
 * The schema that values were written with, by its text as registered. Made once for each schema id
 * and given to `decodeCommand` and `decodeEvent`, which read its values as ours.
 */
export interface WriterSchema {
  readonly text: string;
}

/**
 * Reads values of one schema as one of our two records; `null` means that our own codec does. For a
 * schema that cannot be read as ours it throws WRITER_SCHEMA_UNREADABLE for each value.
 */
type Reading<T> = ((payload: Buffer) => T) | null;

/** Each reading is made when the first value asks for it. */
type Readings = { command?: Reading<CommandMessage>; event?: Reading<EventEnvelope> };

const readings = new WeakMap<WriterSchema, Readings>();

/** Never throws: a text that is no schema shows when a value is decoded with it. */
export function parseWriterSchema(text: string): WriterSchema {
  return Object.freeze({ text });
}

export function commandReading(schema: WriterSchema): Reading<CommandMessage> {
  const known = knownReadings(schema);
  if (known.command === undefined) {
    known.command = openReading<commandSchema.TradeCommand, CommandMessage>(
      commandSchema.TRADE_COMMAND_SCHEMA,
      schema.text,
      commandMessageOf,
    );
  }
  return known.command;
}

export function eventReading(schema: WriterSchema): Reading<EventEnvelope> {
  const known = knownReadings(schema);
  if (known.event === undefined) {
    known.event = openReading<eventSchema.TradeEvent, EventEnvelope>(
      eventSchema.TRADE_EVENT_SCHEMA,
      schema.text,
      eventEnvelopeOf,
    );
  }
  return known.event;
}

function openReading<Library, Ours>(
  readerText: string,
  writerText: string,
  convert: (value: Library) => Ours,
): Reading<Ours> {
  try {
    const readerModel = parseSchemaModel(readerText);
    const writerModel = parseSchemaModel(writerText);
    const difference = findUnreadable(readerModel, writerModel);
    if (difference !== null) {
      return () => {
        throw new ContractError('WRITER_SCHEMA_UNREADABLE', { context: difference });
      };
    }
    if (layoutOf(readerModel) === layoutOf(writerModel)) return null;
    const reader = parseAvroSchema(readerText);
    const resolver = reader.createResolver(parseAvroSchema(writerText));
    return (payload) => {
      checkValueBounds(writerModel, payload);
      const value: Library = fromLibrary(() => reader.fromBuffer(payload, resolver));
      return convert(value);
    };
  } catch (cause) {
    const detail = errorOf(cause).message.slice(0, 200);
    return () => {
      throw new ContractError('WRITER_SCHEMA_UNREADABLE', { cause, detail });
    };
  }
}

/** The bounds were checked; what the library still refuses has no place that we know. */
function fromLibrary<Library>(read: () => Library): Library {
  try {
    return read();
  } catch (cause) {
    throw new ContractError('UNDECODABLE', { cause, detail: errorOf(cause).message.slice(0, 200) });
  }
}

function knownReadings(schema: WriterSchema): Readings {
  const known = readings.get(schema);
  if (known !== undefined) return known;
  const fresh: Readings = {};
  readings.set(schema, fresh);
  return fresh;
}
