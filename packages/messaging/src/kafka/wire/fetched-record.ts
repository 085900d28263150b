import type { LogRecord, RecordHeaders } from '../../ports.ts';
import { ByteReader } from './byte-reader.ts';

/** Where the parts of a record stand in the fetched bytes. */
export type RecordPlace = {
  readonly bytes: Buffer;
  readonly keyAt: number;
  /** Bytes of the key; -1 for null. */
  readonly keyLength: number;
  readonly valueAt: number;
  readonly valueLength: number;
  readonly headersAt: number;
};

const NO_HEADERS: RecordHeaders = Object.freeze({});

/**
 * A record as fetched. Key, value and headers are views of the fetched bytes, made when they are asked
 * for: thousands of records wait in memory, and a view costs as much as the rest of its record.
 */
export class FetchedRecord implements LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly #bytes: Buffer;
  readonly #keyAt: number;
  readonly #keyLength: number;
  readonly #valueAt: number;
  readonly #valueLength: number;
  readonly #headersAt: number;

  constructor(
    origin: { readonly topic: string; readonly partition: number },
    time: { readonly offset: number; readonly timestampMs: number },
    place: RecordPlace,
  ) {
    this.topic = origin.topic;
    this.partition = origin.partition;
    this.offset = time.offset;
    this.timestampMs = time.timestampMs;
    this.#bytes = place.bytes;
    this.#keyAt = place.keyAt;
    this.#keyLength = place.keyLength;
    this.#valueAt = place.valueAt;
    this.#valueLength = place.valueLength;
    this.#headersAt = place.headersAt;
  }

  get key(): Buffer | null {
    return this.#keyLength < 0 ? null : this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength);
  }

  get value(): Buffer | null {
    return this.#valueLength < 0 ? null : this.#bytes.subarray(this.#valueAt, this.#valueAt + this.#valueLength);
  }

  get valueBytes(): number {
    return Math.max(0, this.#valueLength);
  }

  valueByteAt(at: number): number {
    return at < this.#valueLength ? (this.#bytes[this.#valueAt + at] ?? -1) : -1;
  }

  get headers(): RecordHeaders {
    return this.#bytes[this.#headersAt] === 0 ? NO_HEADERS : readHeaders(this.#bytes, this.#headersAt);
  }

  /** One header by its name, without reading the others. */
  headerText(name: string): string | null {
    return findHeader(this.#bytes, this.#headersAt, name);
  }
}

function readHeaders(bytes: Buffer, start: number): RecordHeaders {
  const reader = new ByteReader(bytes, start);
  const headers = new Map<string, Buffer | Buffer[]>();
  const count = reader.varint();
  for (let index = 0; index < count; index += 1) {
    const name = reader.bytes(reader.varint()).toString('utf8');
    const length = reader.varint();
    const value = length < 0 ? Buffer.alloc(0) : reader.bytes(length);
    const seen = headers.get(name);
    if (seen === undefined) headers.set(name, value);
    else headers.set(name, Array.isArray(seen) ? [...seen, value] : [seen, value]);
  }
  return Object.fromEntries(headers);
}

/** The last header of that ASCII name, as in Kafka. */
function findHeader(buffer: Buffer, start: number, name: string): string | null {
  const reader = new ByteReader(buffer, start);
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
