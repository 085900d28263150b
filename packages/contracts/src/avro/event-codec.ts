import { invariant } from '@tradestream/runtime';
import type { EventEnvelope } from '@tradestream/trading';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter, longBytes } from './byte-writer.ts';
import { type ReadValues, readEventBody, writeEventBody } from './event-body.ts';
import { FRAME_BYTES, writeFrameHead } from './wire-frame.ts';
import { eventReading, type WriterSchema } from './writer-schema.ts';

export type { ReadValues };

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
  writePlace(writer, envelope);
  writeContent(writer, envelope);
  return writer.take();
}

const PACK_BYTES = 64 * 1024;
/** Memory of events that are of no use any more: while some are published and a batch commits, the next is packed. */
const idle: ByteWriter[] = [];
const IDLE_MAX = 2;
const IDLE_BYTES_MAX = 8 * 1024 * 1024;
const SPARSE_FACTOR = 4;

/**
 * The events of a batch, encoded before their batch number is known, one behind the other in one piece of
 * memory. An event's bytes are its place, which ends with the batch number, and its tail.
 */
export class EventPack {
  readonly #tails = idle.pop() ?? new ByteWriter(PACK_BYTES);
  readonly #ends: number[] = [];
  readonly #partitions: number[] = [];
  readonly #seqs: number[] = [];

  /** @throws {ContractError} MALFORMED for an amount or a number that the schema cannot carry; the pack is of no use then */
  add(place: Pick<EventPlace, 'partition' | 'seq'>, content: EventContent): void {
    writeContent(this.#tails, content);
    this.#ends.push(this.#tails.length);
    this.#partitions.push(place.partition);
    this.#seqs.push(place.seq);
  }

  /** Every event as Kafka carries it. The pack's memory is theirs from then on, or free: nothing is added. */
  number(numbers: EventNumbers): FramedEvents {
    const places = { partitions: this.#partitions, seqs: this.#seqs };
    return new FramedEvents(packedOf(this.#tails, this.#ends), places, numbers);
  }
}

/** What is known of a batch's events only when they are written. */
export type EventNumbers = Pick<EventPlace, 'timeline' | 'batch'> & { readonly schemaId: number };

/** `memory` is where the bytes stand, if they are not in memory of just their size. */
type Packed = { readonly bytes: Buffer; readonly memory: ByteWriter | null; readonly ends: readonly number[] };
type Places = { readonly partitions: readonly number[]; readonly seqs: readonly number[] };

/**
 * Whole events in frames of the wire format. Each is put together where it is wanted: nothing but the
 * pack of their tails is held.
 */
export class FramedEvents {
  readonly timeline: number;
  readonly #packed: Packed;
  readonly #places: Places;
  readonly #numbers: EventNumbers;
  /** What the numbers of the batch take in each event. */
  readonly #sharedBytes: number;
  #released = false;

  constructor(packed: Packed, places: Places, numbers: EventNumbers) {
    this.timeline = numbers.timeline;
    this.#packed = packed;
    this.#places = places;
    this.#numbers = numbers;
    this.#sharedBytes = longBytes(numbers.timeline) + longBytes(numbers.batch);
  }

  get count(): number {
    return this.#packed.ends.length;
  }

  /** Memory that all of them hold. */
  get bytesHeld(): number {
    return this.#packed.memory?.capacity ?? this.#packed.bytes.length;
  }

  partition(index: number): number {
    return this.#places.partitions[index] ?? -1;
  }

  seq(index: number): number {
    return this.#places.seqs[index] ?? -1;
  }

  /** Length of one event without its frame. */
  payloadBytes(index: number): number {
    const { start, end } = this.#tail(index);
    return this.#sharedBytes + longBytes(this.partition(index)) + longBytes(this.seq(index)) + end - start;
  }

  /** Writes one event without its frame at a place in memory that has room for it. */
  writePayloadTo(index: number, target: Buffer, at: number): void {
    writer.clear();
    this.#writeWhole(index, target, at);
  }

  /** Length of one event in its frame. */
  byteCount(index: number): number {
    return FRAME_BYTES + this.payloadBytes(index);
  }

  /** Writes one event in its frame at a place in memory that has room for it. */
  writeTo(index: number, target: Buffer, at: number): void {
    writer.clear();
    writeFrameHead(writer, this.#numbers.schemaId);
    this.#writeWhole(index, target, at);
  }

  /** One event in its frame, in memory of its own. */
  value(index: number): Buffer {
    const value = Buffer.allocUnsafe(this.byteCount(index));
    this.writeTo(index, value, 0);
    return value;
  }

  /** None of them is read any more: their memory goes to a later pack. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#packed.memory !== null) giveBack(this.#packed.memory);
  }

  #tail(index: number): { readonly start: number; readonly end: number } {
    const { ends } = this.#packed;
    return { start: ends[index - 1] ?? 0, end: ends[index] ?? 0 };
  }

  /** Behind what the writer of single events holds. */
  #writeWhole(index: number, target: Buffer, at: number): void {
    invariant(!this.#released, 'released events are not read');
    const { timeline, batch } = this.#numbers;
    const { start, end } = this.#tail(index);
    writePlace(writer, { partition: this.partition(index), seq: this.seq(index), timeline, batch });
    this.#packed.bytes.copy(target, at + writer.copyTo(target, at), start, end);
  }
}

/** A batch that fills little of its memory does not keep it: many may wait while nothing can be published. */
function packedOf(tails: ByteWriter, ends: readonly number[]): Packed {
  if (tails.length * SPARSE_FACTOR >= tails.capacity) return { bytes: tails.written(), memory: tails, ends };
  const bytes = tails.take();
  giveBack(tails);
  return { bytes, memory: null, ends };
}

function giveBack(tails: ByteWriter): void {
  tails.clear();
  if (idle.length < IDLE_MAX && tails.capacity <= IDLE_BYTES_MAX) idle.push(tails);
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
