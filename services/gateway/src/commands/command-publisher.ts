import { commandHeaders, encodeCommand, frame } from '@tradestream/contracts';
import { MessagingError, type OutgoingRecord, type Producer, type RecordPlace } from '@tradestream/messaging';
import { errorOf, type Logger, type Metrics, type Readiness } from '@tradestream/runtime';
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
   * The places of all commands, in their order, once acknowledged. After the time is over what had
   * not left is taken back; what was on its way may still arrive, so the problem names the ids.
   * @throws {HttpProblem} 503 BROKER_UNAVAILABLE, REGISTRY_UNAVAILABLE, OVERLOADED, SHUTTING_DOWN
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
    try {
      const places = await producer().send(topic, records, { signal: AbortSignal.timeout(publishTimeoutMs) });
      readiness.set('broker', true);
      this.#published.add(records.length);
      return places;
    } catch (error) {
      throw this.#failure(error, commands);
    } finally {
      this.#sinceMs.delete(since);
      this.#outstanding -= records.length;
    }
  }

  #failure(thrown: unknown, commands: readonly IdentifiedCommand[]): Error {
    const error = errorOf(thrown);
    const isFull = error instanceof MessagingError && error.code === 'MSG_BUFFER_FULL';
    if (isFull) return this.#refusal('OVERLOADED', 'the producer holds as much as it may', commands.length);
    this.#options.readiness.set('broker', false, error.message);
    this.#options.log.warn({ error, commands: commands.length }, 'publish_failed');
    this.#refused.add(commands.length, { code: 'BROKER_UNAVAILABLE' });
    const title = 'the broker did not acknowledge in time; send again under the same ids';
    return unavailable('BROKER_UNAVAILABLE', title, { cause: error, extra: idsOf(commands) });
  }

  #refusal(code: string, title: string, commandCount: number): Error {
    this.#refused.add(commandCount, { code });
    return unavailable(code, title);
  }
}

/** So that the caller can send them again without a second effect, whoever made the ids. */
function idsOf(commands: readonly IdentifiedCommand[]): Readonly<Record<string, unknown>> {
  const [first] = commands;
  return commands.length === 1 && first !== undefined
    ? { commandId: first.commandId }
    : { commandIds: commands.map(({ commandId }) => commandId) };
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
