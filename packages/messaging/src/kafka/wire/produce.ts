import type { WireBody, WireRequest } from '../kafkajs-internals.ts';
import type { BufferPool } from './buffer-pool.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** What is sent to one partition. */
export interface ProduceBatch {
  readonly topic: string;
  readonly partition: number;
  /** A guess: the request's memory grows when it is short. */
  bytesExpected(): number;
  /** Writes the batch behind what is in the writer. */
  writeTo(writer: ByteWriter): void;
}

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

/**
 * Produce, version 7 (brokers since 2.1), acknowledged by all in-sync replicas; one batch a partition.
 * Written once into one piece of memory, from which the socket sends it.
 */
export function writeProduce(
  batches: readonly ProduceBatch[],
  { timeoutMs, pool }: { readonly timeoutMs: number; readonly pool: BufferPool },
): ByteWriter {
  const topics = Map.groupBy(batches, (batch) => batch.topic);
  const writer = new ByteWriter(
    batches.reduce((sum, batch) => sum + bytesOf(batch), HEADER_ROOM + 16),
    pool,
  );
  writer.position = HEADER_ROOM;
  writer.int16(-1);
  writer.int16(ACKS_ALL);
  writer.int32(timeoutMs);
  writer.int32(topics.size);
  for (const [topic, ofTopic] of topics) {
    writer.reserve(topicBytes(topic));
    writer.text(topic);
    writer.int32(ofTopic.length);
    for (const batch of ofTopic) {
      writer.reserve(8);
      writer.int32(batch.partition);
      const lengthAt = writer.position;
      writer.position += 4;
      batch.writeTo(writer);
      writer.buffer.writeInt32BE(writer.position - lengthAt - 4, lengthAt);
    }
  }
  return writer;
}

export function produceRequest(writer: ByteWriter, timeoutMs: number): WireRequest<ProduceResponse> {
  return {
    request: { apiKey: 0, apiVersion: 7, apiName: 'Produce', encode: async () => bodyOf(writer) },
    response: { decode: async (payload) => decode(payload), parse: async (decoded) => decoded },
    requestTimeout: timeoutMs,
  };
}

function bodyOf(writer: ByteWriter): WireBody {
  const buffer = writer.written().subarray(HEADER_ROOM);
  return { buf: buffer, buffer, inPlace: { memory: writer.buffer, start: HEADER_ROOM } };
}

function bytesOf(batch: ProduceBatch): number {
  return topicBytes(batch.topic) + 8 + batch.bytesExpected();
}

function topicBytes(topic: string): number {
  return Buffer.byteLength(topic) + 6;
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
