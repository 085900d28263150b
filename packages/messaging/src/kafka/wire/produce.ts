import type { WireBody, WireRequest } from '../kafkajs-internals.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

export type ProduceBatch = { readonly topic: string; readonly partition: number; readonly bytes: Buffer };

export type ProducedPartition = {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
};

type ProduceResponse = { readonly clientSideThrottleTime: number; readonly partitions: readonly ProducedPartition[] };

const ACKS_ALL = -1;
/** For the request's headers, of which the client's id is the one that varies. */
const HEADER_ROOM = 512;

/** Produce, version 7 (brokers since 2.1), acknowledged by all in-sync replicas; one batch a partition. */
export function produceRequest(
  batches: readonly ProduceBatch[],
  { timeoutMs, memory }: { readonly timeoutMs: number; readonly memory: Buffer },
): WireRequest<ProduceResponse> {
  const encodeInto = async () => encode(batches, { timeoutMs, memory });
  return {
    request: { apiKey: 0, apiVersion: 7, apiName: 'Produce', encode: encodeInto },
    response: { decode: async (payload) => decode(payload), parse: async (decoded) => decoded },
    requestTimeout: timeoutMs,
  };
}

/** Memory that such a request needs. */
export function produceBytes(batches: readonly ProduceBatch[]): number {
  return batches.reduce(
    (sum, { topic, bytes }) => sum + bytes.length + Buffer.byteLength(topic) + 14,
    HEADER_ROOM + 16,
  );
}

function encode(
  batches: readonly ProduceBatch[],
  { timeoutMs, memory }: { readonly timeoutMs: number; readonly memory: Buffer },
): WireBody {
  const topics = Map.groupBy(batches, (batch) => batch.topic);
  const writer = new ByteWriter(memory);
  writer.position = HEADER_ROOM;
  writer.int16(-1);
  writer.int16(ACKS_ALL);
  writer.int32(timeoutMs);
  writer.int32(topics.size);
  for (const [topic, ofTopic] of topics) {
    writer.text(topic);
    writer.int32(ofTopic.length);
    for (const batch of ofTopic) {
      writer.int32(batch.partition);
      writer.int32(batch.bytes.length);
      writer.bytes(batch.bytes);
    }
  }
  const buffer = writer.written().subarray(HEADER_ROOM);
  return { buf: buffer, buffer, inPlace: { memory: writer.buffer, start: HEADER_ROOM } };
}

function decode(payload: Buffer): ProduceResponse {
  const reader = new ByteReader(payload);
  const partitions: ProducedPartition[] = [];
  const topicCount = reader.int32();
  for (let index = 0; index < topicCount; index += 1) {
    const topic = reader.text();
    const partitionCount = reader.int32();
    for (let at = 0; at < partitionCount; at += 1) {
      const partition = reader.int32();
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.position += 16;
      partitions.push({ topic, partition, errorCode, baseOffset });
    }
  }
  return { clientSideThrottleTime: reader.int32(), partitions };
}
