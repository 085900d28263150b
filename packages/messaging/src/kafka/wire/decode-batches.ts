import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { MessagingError } from '../../errors.ts';
import type { LogRecord } from '../../ports.ts';
import { ByteReader } from './byte-reader.ts';
import { crc32c } from './crc32c.ts';
import { FetchedRecord } from './fetched-record.ts';
import { ATTRIBUTES, BATCH } from './record-batch.ts';

/** A batch that unpacks to more than this is refused: a few bytes must not take the process's memory. */
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

export type AbortedTransaction = { readonly producerId: number; readonly firstOffset: number };

export type FetchedSet = {
  readonly bytes: Buffer;
  readonly topic: string;
  readonly partition: number;
  /** Records below it are left out: a fetch answers with whole batches. */
  readonly from: number;
  readonly aborted: readonly AbortedTransaction[];
};

export type DecodedSet = {
  readonly records: readonly LogRecord[];
  /** Where the next fetch goes on: behind the last whole batch, whatever it held. */
  readonly nextOffset: number;
};

/**
 * The records of a fetched set, in offset order, without control records and those of aborted
 * transactions. A last batch that was cut off by the fetch's size is left for the next fetch.
 * @throws {MessagingError} MSG_UNREADABLE_BATCH
 */
export function decodeBatches(set: FetchedSet): DecodedSet {
  const { bytes } = set;
  const records: LogRecord[] = [];
  const skip = new AbortedProducers(set.aborted);
  let nextOffset = set.from;
  for (let at = 0; at + BATCH.countedFrom <= bytes.length; ) {
    const end = at + BATCH.countedFrom + bytes.readInt32BE(at + BATCH.lengthAt);
    if (end > bytes.length) break;
    const header = readHeader(set, at, end);
    const aborted = skip.isAborted(header);
    if (!header.control && !aborted) readRecords(set, header, records);
    nextOffset = Math.max(nextOffset, header.baseOffset + header.lastOffsetDelta + 1);
    at = end;
  }
  return { records, nextOffset };
}

type BatchHeader = {
  readonly baseOffset: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly appendTimestamp: number | undefined;
  readonly producerId: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly compression: number;
  readonly count: number;
  readonly recordsAt: number;
  readonly end: number;
};

function readHeader(set: FetchedSet, start: number, end: number): BatchHeader {
  const { bytes } = set;
  const reader = new ByteReader(bytes, start);
  const baseOffset = reader.int64();
  if (end - start < BATCH.headerBytes || bytes.readInt8(start + BATCH.magicAt) !== BATCH.magic) {
    throw unreadable(set, baseOffset, 'its format is not version 2');
  }
  if (crc32c(bytes, start + BATCH.attributesAt, end) !== bytes.readUInt32BE(start + BATCH.crcAt)) {
    throw unreadable(set, baseOffset, 'its checksum does not hold');
  }
  reader.position = start + BATCH.attributesAt;
  const attributes = reader.int16();
  const lastOffsetDelta = reader.int32();
  const baseTimestamp = reader.int64();
  const maxTimestamp = reader.int64();
  const producerId = reader.int64();
  reader.position += 6;
  return {
    baseOffset,
    lastOffsetDelta,
    baseTimestamp,
    appendTimestamp: (attributes & ATTRIBUTES.logAppendTime) === 0 ? undefined : maxTimestamp,
    producerId,
    transactional: (attributes & ATTRIBUTES.transactional) !== 0,
    control: (attributes & ATTRIBUTES.control) !== 0,
    compression: attributes & ATTRIBUTES.compressionMask,
    count: reader.int32(),
    recordsAt: reader.position,
    end,
  };
}

function readRecords(set: FetchedSet, header: BatchHeader, into: LogRecord[]): void {
  try {
    const packed = set.bytes.subarray(0, header.end);
    const buffer = header.compression === 0 ? packed : unpack(packed.subarray(header.recordsAt), header.compression);
    const reader = new ByteReader(buffer, header.compression === 0 ? header.recordsAt : 0);
    for (let index = 0; index < header.count; index += 1) {
      const end = reader.varint() + reader.position;
      const record = readRecord(reader, set, header);
      if (record.offset >= set.from) into.push(record);
      reader.position = end;
    }
  } catch (cause) {
    throw unreadable(set, header.baseOffset, cause instanceof Error ? cause.message : String(cause));
  }
}

function readRecord(reader: ByteReader, set: FetchedSet, header: BatchHeader): FetchedRecord {
  reader.position += 1;
  const timestampDelta = reader.varlong();
  const offset = header.baseOffset + reader.varint();
  const keyLength = reader.varint();
  const keyAt = reader.position;
  reader.skip(Math.max(0, keyLength));
  const valueLength = reader.varint();
  const valueAt = reader.position;
  reader.skip(Math.max(0, valueLength));
  return new FetchedRecord(
    set,
    { offset, timestampMs: header.appendTimestamp ?? header.baseTimestamp + timestampDelta },
    { bytes: reader.buffer, keyAt, keyLength, valueAt, valueLength, headersAt: reader.position },
  );
}

function unpack(packed: Buffer, compression: number): Buffer {
  switch (compression) {
    case 1:
      return gunzipSync(packed, { maxOutputLength: UNPACKED_BYTES_MAX });
    case 4:
      return zstdDecompressSync(packed, {
        maxOutputLength: UNPACKED_BYTES_MAX,
        params: { [constants.ZSTD_d_windowLogMax]: 27 },
      });
    default:
      throw new RangeError(`compression ${compression} is not supported: producers may use none, gzip or zstd`);
  }
}

/**
 * KIP-98: batches of a producer that stand at or behind the first offset of one of its aborted
 * transactions are dead, up to that transaction's control record.
 */
class AbortedProducers {
  readonly #ahead: readonly AbortedTransaction[];
  #taken = 0;
  readonly #producers = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#ahead = aborted.toSorted((left, right) => left.firstOffset - right.firstOffset);
  }

  isAborted(header: BatchHeader): boolean {
    for (let next = this.#ahead[this.#taken]; next !== undefined; next = this.#ahead[this.#taken]) {
      if (next.firstOffset > header.baseOffset + header.lastOffsetDelta) break;
      this.#producers.add(next.producerId);
      this.#taken += 1;
    }
    if (header.control) this.#producers.delete(header.producerId);
    return header.transactional && this.#producers.has(header.producerId);
  }
}

function unreadable(set: FetchedSet, offset: number, detail: string): MessagingError {
  return new MessagingError('MSG_UNREADABLE_BATCH', {
    detail,
    context: { topic: set.topic, partition: set.partition, offset },
  });
}
