import {
  commandHeaders,
  encodeCommand,
  frame,
  newCommandId,
  normaliseUuid,
  tradeCommandId,
} from '@tradestream/contracts';
import type { OutgoingRecord, Producer } from '@tradestream/messaging';
import { checkCommand, commandKey, type TradeCommand } from '@tradestream/trading';
import { ClientError } from './errors.ts';

/** A command that is on the log: its id, and where its record stands. */
export type Published = {
  readonly commandId: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
};

export type Publication = {
  readonly command: TradeCommand;
  /** A UUID. Absent: made here, before anything is sent; an ExecuteTrade's from its symbol and trade id. */
  readonly commandId?: string;
  /** W3C trace context, passed through to the log. */
  readonly traceparent?: string;
};

export type PublisherOptions = {
  readonly producer: Producer;
  readonly schemaId: number;
  readonly topic: string;
  /** `ce_source`: names the service that publishes. */
  readonly source: string;
};

/** Writes commands to Kafka in the form that any producer may write. */
export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  async publish(publications: readonly Publication[], signal?: AbortSignal): Promise<readonly Published[]> {
    const { producer, topic } = this.#options;
    const identified = publications.map(identify);
    const records = identified.map((each) => this.#record(each));
    const places = await producer.send(topic, records, signal === undefined ? {} : { signal });
    return identified.map(({ commandId }, index) => {
      const place = places[index];
      if (place === undefined)
        throw new ClientError('CLIENT_UNEXPECTED', { detail: 'a record came back without its place' });
      return { commandId, topic, partition: place.partition, offset: place.offset };
    });
  }

  #record({ command, commandId, traceparent }: Identified): OutgoingRecord {
    return {
      key: commandKey(command),
      value: frame(this.#options.schemaId, encodeCommand({ commandId, command })),
      headers: commandHeaders({
        commandId,
        type: command.type,
        source: this.#options.source,
        timeMs: Date.now(),
        traceparent,
      }),
    };
  }
}

type Identified = Publication & { readonly commandId: string };

function identify(publication: Publication): Identified {
  const { command } = publication;
  const problem = checkCommand(command);
  if (problem !== null)
    throw new ClientError('CLIENT_INVALID', { context: { field: problem.field, rule: problem.rule } });
  const commandId = publication.commandId === undefined ? madeId(command) : normaliseUuid(publication.commandId);
  if (commandId === null) throw new ClientError('CLIENT_INVALID', { context: { field: 'commandId', rule: 'a UUID' } });
  return { ...publication, commandId };
}

function madeId(command: TradeCommand): string {
  return command.type === 'ExecuteTrade' ? tradeCommandId(command.symbol, command.tradeId) : newCommandId();
}
