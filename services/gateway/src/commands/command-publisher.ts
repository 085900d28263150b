import { commandHeaders, encodeCommand, frame } from '@tradestream/contracts';
import { MessagingError, type OutgoingRecord, type Producer, type RecordPlace } from '@tradestream/messaging';
import { errorOf, type Logger, type Metrics, type Readiness, type RuntimeError, waitFor } from '@tradestream/runtime';
import { commandKey, type TradeCommand } from '@tradestream/trading';
import { unavailable } from '../http/problems.ts';

/** A command with the id it will stand under; the id exists before the record does. */
export type IdentifiedCommand = { readonly commandId: string; readonly command: TradeCommand };

export type CommandPublisherOptions = {
  readonly producer: () => Producer;
  readonly schemaId: () => number;
  readonly topic: string;
  /** Commands given to the broker and not acknowledged; beyond it the door is shut. */
  readonly outstandingMax: number;
  /** Longest wait for the broker's acknowledgement, milliseconds. */
  readonly publishTimeoutMs: number;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly log: Logger;
};

/** The `ce_source` of what comes in over HTTP. */
const SOURCE = 'tradestream/gateway';
/** While the oldest record has waited this long, the broker is away and new ones are refused at once. */
const STALL_MS = 2_000;

/**
 * The only way of a command from HTTP to the log. What cannot be published is refused: the queue is
 * bounded by count, and shut while the broker does not acknowledge. After a refusal the outcome of a
 * command may be unknown; sent again under the same id it is applied once all the same.
 */
export class CommandPublisher {
  readonly #options: CommandPublisherOptions;
  readonly #sinceMs = new Set<{ readonly ms: number }>();
  #outstanding = 0;
  #isShut = false;
  readonly #published;
  readonly #refused;

  constructor(options: CommandPublisherOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#published = metrics.counter({
      name: 'tradestream_gateway_published_total',
      help: 'Commands acknowledged by the broker',
    });
    this.#refused = metrics.counter({
      name: 'tradestream_gateway_refused_total',
      help: 'Commands that could not be published, by code',
      labels: ['code'],
    });
  }

  /** From now on everything is refused; what is on its way is still answered. */
  shut(): void {
    this.#isShut = true;
  }

  /** @throws {HttpProblem} 503 when nothing could be published now; callers ask before they read a stream. */
  checkOpen(commandCount = 1): void {
    const { producer, schemaId, outstandingMax } = this.#options;
    if (this.#isShut) throw this.#refusal('SHUTTING_DOWN', 'the gateway is stopping', commandCount);
    schemaId();
    producer();
    const [oldest] = this.#sinceMs;
    if (oldest !== undefined && performance.now() - oldest.ms > STALL_MS) {
      throw this.#refusal('BROKER_UNAVAILABLE', 'the broker does not acknowledge', commandCount);
    }
    if (this.#outstanding > 0 && this.#outstanding + commandCount > outstandingMax) {
      throw this.#refusal('OVERLOADED', `${this.#outstanding} commands wait for the broker`, commandCount);
    }
  }

  /**
   * The places of all commands, in their order, once acknowledged.
   * @throws {HttpProblem} 503 BROKER_UNAVAILABLE, REGISTRY_UNAVAILABLE, OVERLOADED
   */
  async publish(commands: readonly IdentifiedCommand[], traceparent?: string): Promise<readonly RecordPlace[]> {
    if (commands.length === 0) return [];
    this.checkOpen(commands.length);
    const { producer, schemaId, topic, publishTimeoutMs, readiness } = this.#options;
    const id = schemaId();
    const records = commands.map((command) => recordOf(command, { schemaId: id, traceparent }));
    const since = { ms: performance.now() };
    this.#sinceMs.add(since);
    this.#outstanding += records.length;
    const sent = producer().send(topic, records);
    sent
      .catch(() => undefined)
      .finally(() => {
        this.#sinceMs.delete(since);
        this.#outstanding -= records.length;
      });
    try {
      const places = await waitFor(sent, { timeoutMs: publishTimeoutMs, stage: 'publish' });
      readiness.set('broker', true);
      this.#published.add(records.length);
      return places;
    } catch (error) {
      throw this.#failure(error, records.length);
    }
  }

  #failure(thrown: unknown, commandCount: number): Error {
    const error = errorOf(thrown);
    const isFull = error instanceof MessagingError && error.code === 'MSG_BUFFER_FULL';
    if (isFull) return this.#refusal('OVERLOADED', 'the producer holds as much as it may', commandCount, error);
    this.#options.readiness.set('broker', false, error.message);
    this.#options.log.warn({ error, commands: commandCount }, 'publish_failed');
    return this.#refusal('BROKER_UNAVAILABLE', 'the broker did not acknowledge in time', commandCount, error);
  }

  #refusal(code: string, title: string, commandCount: number, cause?: Error | RuntimeError): Error {
    this.#refused.add(commandCount, { code });
    return unavailable(code, title, { cause });
  }
}

function recordOf(
  { commandId, command }: IdentifiedCommand,
  about: { readonly schemaId: number; readonly traceparent: string | undefined },
): OutgoingRecord {
  return {
    key: commandKey(command),
    value: frame(about.schemaId, encodeCommand({ commandId, command })),
    headers: commandHeaders({
      commandId,
      type: command.type,
      source: SOURCE,
      timeMs: Date.now(),
      traceparent: about.traceparent,
    }),
  };
}
