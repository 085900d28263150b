import type { LogRecord, RecordHeaders } from '../../ports.ts';
import { ByteReader } from './byte-reader.ts';

/** Where a record's headers stand in the fetched bytes; they are read only when asked for. */
export type HeaderPlace = { readonly buffer: Buffer; readonly start: number };

const NO_HEADERS: RecordHeaders = Object.freeze({});

/** A record as fetched: key and value are views of the fetched bytes, headers are read on first use. */
export class FetchedRecord implements LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly #place: HeaderPlace | undefined;
  #headers: RecordHeaders | undefined;

  constructor(
    origin: { readonly topic: string; readonly partition: number },
    fields: {
      readonly offset: number;
      readonly timestampMs: number;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
    },
    place: HeaderPlace | undefined,
  ) {
    this.topic = origin.topic;
    this.partition = origin.partition;
    this.offset = fields.offset;
    this.timestampMs = fields.timestampMs;
    this.key = fields.key;
    this.value = fields.value;
    this.#place = place;
  }

  get headers(): RecordHeaders {
    this.#headers ??= this.#place === undefined ? NO_HEADERS : readHeaders(this.#place);
    return this.#headers;
  }

  /** One header by its name, without reading the others. */
  headerText(name: string): string | null {
    return this.#place === undefined ? null : findHeader(this.#place, name);
  }
}

/** Bytes of a nullable field, -1 for null. */
export function nullableBytes(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}

function readHeaders(place: HeaderPlace): RecordHeaders {
  const reader = new ByteReader(place.buffer, place.start);
  const headers = new Map<string, Buffer | Buffer[]>();
  const count = reader.varint();
  for (let index = 0; index < count; index += 1) {
    const name = reader.bytes(reader.varint()).toString('utf8');
    const value = nullableBytes(reader) ?? Buffer.alloc(0);
    const seen = headers.get(name);
    if (seen === undefined) headers.set(name, value);
    else headers.set(name, Array.isArray(seen) ? [...seen, value] : [seen, value]);
  }
  return Object.fromEntries(headers);
}

/** The last header of that ASCII name, as in Kafka. */
function findHeader(place: HeaderPlace, name: string): string | null {
  const { buffer } = place;
  const reader = new ByteReader(buffer, place.start);
  let found: string | null = null;
  for (let left = reader.varint(); left > 0; left -= 1) {
    const nameLength = reader.varint();
    const isIt = nameLength === name.length && standsAt(buffer, reader.position, name);
    reader.position += nameLength;
    const length = Math.max(0, reader.varint());
    if (isIt) found = buffer.toString('utf8', reader.position, reader.position + length);
    reader.position += length;
  }
  return found;
}

function standsAt(buffer: Buffer, at: number, ascii: string): boolean {
  for (let index = 0; index < ascii.length; index += 1) {
    if (buffer[at + index] !== ascii.charCodeAt(index)) return false;
  }
  return true;
}
