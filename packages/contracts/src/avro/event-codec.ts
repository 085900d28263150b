import type { EventEnvelope } from '@tradestream/trading';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { type ReadValues, readEventBody, writeEventBody } from './event-body.ts';
import { writeFrameHead } from './wire-frame.ts';
import { eventReading, type WriterSchema } from './writer-schema.ts';

export type { ReadValues };

/** Where an event stands: known only once the batch holds the partition's row. */
export type EventPlace = Pick<EventEnvelope, 'partition' | 'seq' | 'timeline' | 'batch'>;

/** What an event says, wherever it stands. */
export type EventContent = Pick<EventEnvelope, 'commandId' | 'occurredAt' | 'event'>;

const writer = new ByteWriter();

/** A frame with a place of usual size, and what of it stands before the batch number, with a length. */
const PLACE_BYTES = 25;
const HEAD_BYTES = 16;

/**
 * The Avro bytes of an event, without the wire format's frame.
 * @throws {ContractError} MALFORMED for an amount or a number that the schema cannot carry
 */
export function encodeEvent(envelope: EventEnvelope): Buffer {
  writer.clear();
  writePlace(writer, envelope);
  writeContent(writer, envelope);
  return writer.take();
}

const PACK_BYTES = 64 * 1024;
const LENGTH_BYTES = 4;
/** Memory of packs that were joined; while one batch commits the next is packed. */
const idle: ByteWriter[] = [];
const IDLE_MAX = 2;
const NO_TAILS = new ByteWriter(0);

type SchemaOf = { readonly schemaId: number };

/** Pieces of bytes, one behind the other, each with its length (32 bits, big endian) before it. */
export type PackedBytes = { readonly count: number; readonly bytes: Buffer };

/**
 * The events of a batch, encoded before their batch number is known, one behind the other in one
 * piece of memory. An event's bytes are its head, the batch number as an Avro long, and its tail.
 */
export class EventPack {
  #tails = idle.pop() ?? new ByteWriter(PACK_BYTES);
  readonly #ends: number[] = [];
  readonly #partitions: number[] = [];
  readonly #seqs: number[] = [];

  get count(): number {
    return this.#ends.length;
  }

  /** @throws {ContractError} MALFORMED for an amount or a number that the schema cannot carry; the pack is of no use then */
  add(place: Pick<EventPlace, 'partition' | 'seq'>, content: EventContent): void {
    const start = this.#tails.skipLength();
    writeContent(this.#tails, content);
    this.#tails.lengthAt(start);
    this.#ends.push(this.#tails.length);
    this.#partitions.push(place.partition);
    this.#seqs.push(place.seq);
  }

  /** What stands before the batch number in each event. */
  heads(timeline: number): PackedBytes {
    const heads = new ByteWriter(this.#ends.length * HEAD_BYTES);
    for (let index = 0; index < this.#ends.length; index += 1) {
      const start = heads.skipLength();
      this.#writeHead(heads, index, timeline);
      heads.lengthAt(start);
    }
    return { count: this.#ends.length, bytes: heads.written() };
  }

  /** What stands behind it. The bytes are the pack's own: they change once it is joined. */
  tails(): PackedBytes {
    return { count: this.#ends.length, bytes: this.#tails.written() };
  }

  /** Every event as Kafka carries it. Once: the pack's memory goes to the next one. */
  join({ timeline, batch, schemaId }: Pick<EventPlace, 'timeline' | 'batch'> & SchemaOf): FramedEvents {
    const framed = new ByteWriter(this.#tails.length + this.#ends.length * PLACE_BYTES);
    const ends: number[] = [];
    for (let index = 0; index < this.#ends.length; index += 1) {
      writeFrameHead(framed, schemaId);
      this.#writeHead(framed, index, timeline);
      framed.long(batch);
      framed.copyFrom(this.#tails, (this.#ends[index - 1] ?? 0) + LENGTH_BYTES, this.#ends[index] ?? 0);
      ends.push(framed.length);
    }
    this.#tails.clear();
    if (idle.length < IDLE_MAX) idle.push(this.#tails);
    this.#tails = NO_TAILS;
    return new FramedEvents(framed.written(), ends);
  }

  #writeHead(target: ByteWriter, index: number, timeline: number): void {
    target.int(this.#partitions[index] ?? 0);
    target.long(this.#seqs[index] ?? 0);
    target.int(timeline);
  }
}

/** Whole events in frames of the wire format, one behind the other. */
export class FramedEvents {
  readonly #bytes: Buffer;
  readonly #ends: readonly number[];

  constructor(bytes: Buffer, ends: readonly number[]) {
    this.#bytes = bytes;
    this.#ends = ends;
  }

  get count(): number {
    return this.#ends.length;
  }

  /** One event; it shares the memory of all. */
  value(index: number): Buffer {
    return this.#bytes.subarray(this.#ends[index - 1] ?? 0, this.#ends[index]);
  }
}

/**
 * An event from Avro bytes written with our schema, or with `writerSchema`. Takes time and memory in
 * proportion to the bytes, whatever they declare. Who uses only the balances or only the orders that it
 * leaves may say so: of our own schema the others are then not read, and absent.
 * @throws {ContractError} UNDECODABLE with the field and the place; MALFORMED with the field, for an
 * amount or a number too wide for its type; WRITER_SCHEMA_UNREADABLE when that schema is not ours
 */
export function decodeEvent(payload: Buffer, writerSchema?: WriterSchema, values: ReadValues = 'all'): EventEnvelope {
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
    event: readEventBody(reader, values),
  };
  reader.end();
  return envelope;
}

function writePlace(target: ByteWriter, place: EventPlace): void {
  target.int(place.partition);
  target.long(place.seq);
  target.int(place.timeline);
  target.long(place.batch);
}

function writeContent(target: ByteWriter, content: EventContent): void {
  target.text(content.commandId);
  target.long(content.occurredAt);
  writeEventBody(target, content.event);
}
