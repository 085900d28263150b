import type { ReceiptAnswer } from '@tradestream/answers';
import { openSchemas, topicsWithPrefix } from '@tradestream/contracts';
import { openKafka } from '@tradestream/messaging';
import { type Closeable, createLogger, type Logger, Scope } from '@tradestream/runtime';
import { ClientError } from './errors.ts';
import { openSession, type Session } from './http/session.ts';
import { type Publication, type Published, Publisher } from './publisher.ts';

export type TradestreamOptions = {
  /** `host:port` of Kafka brokers. */
  readonly brokers: readonly string[];
  /** Base of the registry's Confluent interface. */
  readonly registryUrl: string;
  readonly gatewayUrl: string;
  /** Bearer token of the gateway, where it needs one. */
  readonly token?: string;
  /** Names this service in Kafka and in the headers of its commands. */
  readonly clientId?: string;
  /** Of an installation that shares its cluster with others. */
  readonly topicPrefix?: string;
  readonly log?: Logger;
};

/** A connection of a service: it publishes to Kafka and reads over HTTP. */
export interface Tradestream extends Closeable {
  /**
   * Resolves when the broker has the command, acknowledged by all in-sync replicas; its outcome
   * comes later, as its receipt. Calls may overlap; commands of one key keep the order of the calls.
   * Publishing again under the same id, after whatever failure, has no second effect. Abort stops
   * waiting; the command may still be on its way.
   * @throws {ClientError} CLIENT_INVALID when it is no command: nothing was sent
   */
  publish(publication: Publication, options?: { readonly signal?: AbortSignal }): Promise<Published>;
  /** The same for several, in their order, as one batch; nothing is sent when one of them is no command. @throws {ClientError} CLIENT_INVALID */
  publishAll(
    publications: readonly Publication[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly Published[]>;
  /**
   * Publishes and waits for the receipt; `session` sees the command from then on.
   * @throws {ClientError} CLIENT_TIMED_OUT: the command stands; CLIENT_INVALID, CLIENT_UNREACHABLE
   */
  execute(
    publication: Publication,
    options: { readonly session: Session; readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<ReceiptAnswer>;
  /** Reads with a memory of what they saw; from another session's token when one is given. */
  session(token?: string): Session;
}

const REGISTRY_TIMEOUT_MS = 10_000;
const RECEIPT_TIMEOUT_MS = 30_000;

/**
 * Connects; resolves when commands can be published. Close it to flush what is on its way.
 * Broker and registry errors come as they are, with their own codes.
 */
export async function openTradestream(options: TradestreamOptions): Promise<Tradestream> {
  const { brokers, registryUrl, gatewayUrl, token, clientId = 'tradestream-client', topicPrefix = '' } = options;
  const log = options.log ?? createLogger({ service: clientId, level: 'warn' });
  const topics = topicsWithPrefix(topicPrefix);
  const schemas = await openSchemas({ url: registryUrl, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  const { commandSchemaId } = await schemas.register();
  const scope = new Scope();
  const kafka = scope.use(await openKafka({ brokers, clientId, log }));
  const producer = scope.use(await kafka.openProducer({ clientId }));
  const publisher = new Publisher({ producer, schemaId: commandSchemaId, topic: topics.commands, source: clientId });
  const gateway = { url: gatewayUrl, token };
  const publishAll: Tradestream['publishAll'] = (publications, { signal } = {}) =>
    publisher.publish(publications, signal);
  const publish: Tradestream['publish'] = async (publication, how) => {
    const [published] = await publishAll([publication], how);
    if (published === undefined) throw new ClientError('CLIENT_UNEXPECTED', { detail: 'no place came back' });
    return published;
  };
  return {
    publish,
    publishAll,
    execute: async (publication, { session, timeoutMs = RECEIPT_TIMEOUT_MS, signal }) => {
      const how = signal === undefined ? {} : { signal };
      const { commandId } = await publish(publication, how);
      const receipt = await session.receipt(commandId, { waitMs: timeoutMs, ...how });
      if (receipt === null) throw new ClientError('CLIENT_TIMED_OUT', { context: { commandId, timeoutMs } });
      return receipt;
    },
    session: (seen) => openSession(gateway, seen),
    close: () => scope.close(),
  };
}
