import type { EventEnvelope, TradeCommand, TradeEvent } from '@tradestream/trading';
import { TRADE_COMMAND_SCHEMA } from '../generated/trade-command.ts';
import { TRADE_EVENT_SCHEMA } from '../generated/trade-event.ts';
import { parseAvroSchema } from './avro-types.ts';
import type { CommandMessage } from './command-message.ts';

/* The Avro library's own bytes of our messages: what the tests hold the fast codec against. */

const commandType = parseAvroSchema(TRADE_COMMAND_SCHEMA);
const eventType = parseAvroSchema(TRADE_EVENT_SCHEMA);

export function libraryCommandBytes(message: CommandMessage): Buffer {
  return commandType.toBuffer({
    commandId: message.commandId === null ? null : { string: message.commandId },
    command: commandUnion(message.command),
  });
}

export function libraryEventBytes(envelope: EventEnvelope): Buffer {
  const { seq, batch, occurredAt, event } = envelope;
  return eventType.toBuffer({
    ...envelope,
    seq: BigInt(seq),
    batch: BigInt(batch),
    occurredAt: BigInt(occurredAt),
    event: eventUnion(event),
  });
}

function commandUnion(command: TradeCommand): object {
  const { type, ...fields } = command;
  return { [`tradestream.${type}`]: wrapped(fields) };
}

function eventUnion(event: TradeEvent): object {
  const { type, ...fields } = event;
  if (event.type === 'CommandRejected') {
    return { [`tradestream.${type}`]: { reason: event.reason, command: commandUnion(event.command) } };
  }
  const withVersion = <T extends { readonly version: number }>(each: T) => ({ ...each, version: BigInt(each.version) });
  const { balances, orders } = event;
  return {
    [`tradestream.${type}`]: {
      ...wrapped(fields),
      balances: balances.map(withVersion),
      orders: orders.map(withVersion),
    },
  };
}

/** Longs are bigints to the library, and the amounts of an amendment are branches of a union. */
function wrapped(fields: object): Record<string, unknown> {
  const isAmendment = !('userId' in fields) && !('tradeId' in fields);
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => {
      if (name === 'executedAt') return [name, BigInt(Number(value))];
      return [name, isAmendment && typeof value === 'bigint' ? { bytes: value } : value];
    }),
  );
}
