import { errorOf, sleep } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import { failureOf, messagingErrorOf } from './failure.ts';
import { KafkaClient } from './kafka-client.ts';
import type { KafkaSettings } from './kafka-options.ts';

const PAUSE = { initialMs: 50, maxMs: 1_000 } as const;

/**
 * The current client of one producer, subscription or reader: connects when it is asked for, with
 * growing pauses for as long as it takes, and is told when the client is no good any more.
 *
 *   none -> connecting -> connected -> (discard) -> none ...       close: from anywhere, for good
 */
export class ClientSource {
  readonly #settings: KafkaSettings;
  readonly #clientId: string;
  readonly #part: string;
  readonly #closed = new AbortController();
  #client: Promise<KafkaClient> | undefined;
  /** Failures since the last sign of life; pauses grow with it. */
  #failures = 0;
  #reachable: boolean | undefined;
  #givenUp = false;

  constructor(settings: KafkaSettings, names: { readonly clientId: string; readonly part: string }) {
    this.#settings = settings;
    this.#clientId = names.clientId;
    this.#part = names.part;
  }

  get settings(): KafkaSettings {
    return this.#settings;
  }

  get closed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** @throws {MessagingError} MSG_CLOSED, MSG_REFUSED */
  get(): Promise<KafkaClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  /** The client answered: pauses start small again. */
  works(): void {
    if (this.#reachable === true) return;
    this.#settings.log.info({ part: this.#part, failures: this.#failures }, 'kafka_reached');
    this.#settings.onReachable(this.#part, true, '');
    this.#reachable = true;
    this.#failures = 0;
  }

  /** Throws a client away after a failure; another one than the current is gone already. */
  async discard(client: KafkaClient, thrown: unknown): Promise<void> {
    client.destroy();
    const current = this.#client;
    if (current === undefined || this.closed) return;
    if ((await current.catch(() => undefined)) !== client || this.#client !== current) return;
    this.#client = undefined;
    this.#failed(thrown);
  }

  /** A connection that stands is kept; none is waited for any more. */
  giveUpConnecting(): void {
    this.#givenUp = true;
    if (this.#reachable === true) return;
    this.close();
  }

  close(): void {
    if (this.closed) return;
    this.#closed.abort(new MessagingError('MSG_CLOSED'));
    this.#client?.then(
      (client) => client.destroy(),
      () => undefined,
    );
  }

  async #connect(): Promise<KafkaClient> {
    for (;;) {
      if (this.closed || this.#givenUp) throw new MessagingError('MSG_CLOSED', { context: { part: this.#part } });
      await this.#pause();
      const client = new KafkaClient(this.#settings, this.#clientId);
      const destroy = () => client.destroy();
      this.#closed.signal.addEventListener('abort', destroy, { once: true });
      try {
        await client.connect();
        return client;
      } catch (error) {
        client.destroy();
        if (failureOf(error) === 'fatal') {
          this.#client = undefined;
          throw messagingErrorOf(error, { part: this.#part });
        }
        this.#failed(error);
      } finally {
        this.#closed.signal.removeEventListener('abort', destroy);
      }
    }
  }

  #failed(thrown: unknown): void {
    this.#failures += 1;
    const error = errorOf(thrown);
    const level = this.#reachable === false ? 'debug' : 'warn';
    this.#settings.log[level]({ part: this.#part, failures: this.#failures, reason: error.message }, 'kafka_lost');
    if (this.#reachable !== false) this.#settings.onReachable(this.#part, false, error.message);
    this.#reachable = false;
  }

  async #pause(): Promise<void> {
    if (this.#failures === 0) return;
    const longestMs = Math.min(PAUSE.maxMs, PAUSE.initialMs * 2 ** Math.min(this.#failures, 10));
    await sleep(PAUSE.initialMs + Math.random() * (longestMs - PAUSE.initialMs), this.#closed.signal).catch(
      () => undefined,
    );
  }
}
