import type { EventEnvelope } from '@tradestream/trading';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { readEventBody, writeEventBody } from './event-body.ts';
import { eventReading, type WriterSchema } from './writer-schema.ts';

/** Where an event stands: known only once the batch holds the partition's row. */
export type EventPlace = Pick<EventEnvelope, 'partition' | 'seq' | 'timeline' | 'batch'>;

/** What an event says, wherever it stands. */
export type EventContent = Pick<EventEnvelope, 'commandId' | 'occurredAt' | 'event'>;

const writer = new ByteWriter();

/**
 * The Avro bytes of an event, without the wire format's frame.
 * @throws {ContractError} MALFORMED for an amount or a number that the schema cannot carry
 */
export function encodeEvent(envelope: EventEnvelope): Buffer {
  writer.clear();
  writePlace(envelope);
  writeContent(envelope);
  return writer.take();
}

/** The bytes of the first four fields. Followed by the tail they are what `encodeEvent` makes. */
export function encodeEventHead(place: EventPlace): Buffer {
  writer.clear();
  writePlace(place);
  return writer.take();
}

/**
 * The bytes of all fields behind the place, so that an event can be encoded before it has one.
 * @throws {ContractError} MALFORMED for an amount or a number that the schema cannot carry
 */
export function encodeEventTail(content: EventContent): Buffer {
  writer.clear();
  writeContent(content);
  return writer.take();
}

/** The event's bytes from its place and a tail made before: one copy instead of two. */
export function encodeEventAt(place: EventPlace, tail: Buffer): Buffer {
  writer.clear();
  writePlace(place);
  return writer.takeWith(tail);
}

/**
 * An event from Avro bytes written with our schema, or with `writerSchema`. Takes time and memory in
 * proportion to the bytes, whatever they declare.
 * @throws {ContractError} UNDECODABLE with the field and the place; MALFORMED with the field, for an
 * amount or a number too wide for its type; WRITER_SCHEMA_UNREADABLE when that schema is not ours
 */
export function decodeEvent(payload: Buffer, writerSchema?: WriterSchema): EventEnvelope {
  const readForeign = writerSchema === undefined ? null : eventReading(writerSchema);
  if (readForeign !== null) return readForeign(payload);
  const reader = new ByteReader(payload);
  const envelope: EventEnvelope = {
    partition: reader.int('partition'),
    seq: reader.long('seq'),
    timeline: reader.int('timeline'),
    batch: reader.long('batch'),
    commandId: reader.text('commandId'),
    occurredAt: reader.long('occurredAt'),
    event: readEventBody(reader),
  };
  reader.end();
  return envelope;
}

function writePlace(place: EventPlace): void {
  writer.int(place.partition);
  writer.long(place.seq);
  writer.int(place.timeline);
  writer.long(place.batch);
}

function writeContent(content: EventContent): void {
  writer.text(content.commandId);
  writer.long(content.occurredAt);
  writeEventBody(writer, content.event);
}
