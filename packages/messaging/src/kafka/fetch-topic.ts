import { waitFor } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import type { LogRecord } from '../ports.ts';
import { failureOf, messagingErrorOf } from './failure.ts';
import type { KafkaClient } from './kafka-client.ts';
import { createErrorFromCode } from './kafkajs-internals.ts';
import { decodeBatches } from './wire/decode-batches.ts';
import { type FetchRequest, fetchRequest } from './wire/fetch.ts';

export type FetchedRecords = {
  readonly partition: number;
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** Size on the wire. */
  readonly bytes: number;
};

/**
 * One fetch from one node, decoded. A partition that has moved to another node throws: the caller
 * connects anew.
 * @throws {MessagingError} MSG_OFFSET_OUT_OF_RANGE, MSG_UNREADABLE_BATCH, MSG_REFUSED, or what
 * kafkajs throws when the connection or the leader is gone
 */
export async function fetchTopic(
  client: KafkaClient,
  nodeId: number,
  request: FetchRequest,
): Promise<readonly FetchedRecords[]> {
  // kafkajs bounds the wait for an answer; this bounds kafkajs, which has hung in black holes (#1163).
  const answer = await waitFor(client.send(nodeId, fetchRequest(request)), {
    timeoutMs: request.timeoutMs,
    stage: 'fetch',
  });
  return answer.partitions.map((fetched) => {
    const { partition, highWatermark, lastStableOffset } = fetched;
    const from = request.partitions.find((asked) => asked.partition === partition)?.offset ?? 0;
    const context = { topic: request.topic, partition, offset: from, start: fetched.logStart, end: highWatermark };
    if (fetched.errorCode !== 0) throw errorOfCode(fetched.errorCode, context);
    const { records, nextOffset } = decodeBatches({ ...fetched, topic: request.topic, from });
    return { partition, records, nextOffset, highWatermark, lastStableOffset, bytes: fetched.bytes.length };
  });
}

function errorOfCode(code: number, context: Readonly<Record<string, unknown>>): Error {
  const error = createErrorFromCode(code);
  if (error.type === 'OFFSET_OUT_OF_RANGE')
    return new MessagingError('MSG_OFFSET_OUT_OF_RANGE', { cause: error, context });
  return failureOf(error) === 'fatal' ? messagingErrorOf(error, context) : error;
}
