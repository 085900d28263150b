import type { WireRequest } from '../kafkajs-internals.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { AbortedTransaction } from './decode-batches.ts';

export type FetchRequest = {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
  /** Bounds of the answer; one batch larger than they are comes whole all the same. */
  readonly partitionBytesMax: number;
  readonly answerBytesMax: number;
  readonly waitMs: number;
  readonly timeoutMs: number;
};

export type FetchedPartition = {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** End of what a reader of committed records may see. */
  readonly lastStableOffset: number;
  readonly logStart: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly bytes: Buffer;
};

type FetchResponse = { readonly clientSideThrottleTime: number; readonly partitions: readonly FetchedPartition[] };

const READ_COMMITTED = 1;

/** Fetch, version 11 (brokers since 2.3), without fetch sessions. The bytes of records are left as they are. */
export function fetchRequest(request: FetchRequest): WireRequest<FetchResponse> {
  return {
    request: { apiKey: 1, apiVersion: 11, apiName: 'Fetch', encode: async () => encode(request) },
    response: { decode: async (payload) => decode(payload), parse: async (decoded) => decoded },
    requestTimeout: request.timeoutMs,
  };
}

function encode(request: FetchRequest): { readonly buf: Buffer; readonly buffer: Buffer } {
  const { topic, partitions } = request;
  const writer = new ByteWriter(64 + Buffer.byteLength(topic) + partitions.length * 32);
  writer.int32(-1);
  writer.int32(request.waitMs);
  writer.int32(1);
  writer.int32(request.answerBytesMax);
  writer.int8(READ_COMMITTED);
  writer.int32(0);
  writer.int32(-1);
  writer.int32(1);
  writer.text(topic);
  writer.int32(partitions.length);
  for (const { partition, offset } of partitions) {
    writer.int32(partition);
    writer.int32(-1);
    writer.int64(offset);
    writer.int64(-1);
    writer.int32(request.partitionBytesMax);
  }
  writer.int32(0);
  writer.text('');
  const buffer = writer.written();
  return { buf: buffer, buffer };
}

function decode(payload: Buffer): FetchResponse {
  const reader = new ByteReader(payload);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32();
  const partitions: FetchedPartition[] = [];
  const topicCount = reader.int32();
  for (let topic = 0; topic < topicCount; topic += 1) {
    reader.text();
    const partitionCount = reader.int32();
    for (let index = 0; index < partitionCount; index += 1) partitions.push(decodePartition(reader, errorCode));
  }
  return { clientSideThrottleTime, partitions };
}

function decodePartition(reader: ByteReader, errorCode: number): FetchedPartition {
  const partition = reader.int32();
  const ownErrorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  const logStart = reader.int64();
  const aborted: AbortedTransaction[] = [];
  const abortedCount = reader.int32();
  for (let index = 0; index < abortedCount; index += 1) {
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() });
  }
  reader.int32();
  const bytes = reader.bytes(Math.max(0, reader.int32()));
  return { partition, errorCode: ownErrorCode || errorCode, highWatermark, lastStableOffset, logStart, aborted, bytes };
}
