import { encodeEvent, frame } from '@tradestream/contracts';
import { type OutgoingRecord, partitionOf } from '@tradestream/messaging';
import { commandKey, decide, type EventEnvelope, evolve, InMemoryState, type TradeEvent } from '@tradestream/trading';
import type { Sent } from './ledger-world.ts';

/** A Kafka timestamp that grows with each command, microseconds. */
const FIRST_MICROS = 1_700_000_000_000_000;

/** The events that one worker would make of these commands, at their places. */
export function makeEvents(commands: Iterable<Sent>, partitions: number): EventEnvelope[] {
  const state = new InMemoryState();
  const seqs = new Map<number, number>();
  const made: EventEnvelope[] = [];
  for (const { commandId, command } of commands) {
    const decision = decide(command, state);
    if (decision.accepted) evolve(state, decision.event);
    const event: TradeEvent = decision.accepted
      ? decision.event
      : { type: 'CommandRejected', reason: decision.reason, command };
    const partition = partitionOf(commandKey(command), partitions);
    const seq = (seqs.get(partition) ?? 0) + 1;
    seqs.set(partition, seq);
    const occurredAt = FIRST_MICROS + made.length * 1_000;
    made.push({ partition, seq, timeline: 1, batch: made.length + 1, commandId, occurredAt, event });
  }
  return made;
}

/** Their records as the relay writes them. */
export function eventRecords(envelopes: readonly EventEnvelope[], schemaId: number): OutgoingRecord[] {
  return envelopes.map((envelope) => ({
    partition: envelope.partition,
    key: null,
    value: frame(schemaId, encodeEvent(envelope)),
  }));
}
