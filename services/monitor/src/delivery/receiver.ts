import { type Closeable, errorOf, type Logger, sleep } from '@tradestream/runtime';
import type { Alert } from '../alerts/alert.ts';
import { MonitorError } from '../errors.ts';

export type ReceiverOptions = {
  readonly name: string;
  /** @throws {MonitorError} RECEIVER_FAILED to be tried again, RECEIVER_REFUSED never */
  readonly send: (alerts: readonly Alert[]) => Promise<void>;
  readonly onDelivered: (receiver: string, alerts: readonly Alert[]) => void;
  readonly log: Logger;
};

/** Notifications that wait for a receiver that is away; beyond it the oldest are given up, and the log says so. */
const WAITING_MAX = 1_000;
const PAUSE_MS = { first: 500, most: 15_000 } as const;

/**
 * Sends notifications to one receiver, in order, each until it was taken: what was not acknowledged
 * is sent again, so a receiver that loses its answer hears it twice, with the same fingerprint and start.
 */
export class Receiver implements Closeable {
  readonly #options: ReceiverOptions;
  readonly #stopping = new AbortController();
  #waiting: (readonly Alert[])[] = [];
  #running: Promise<void> | null = null;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Whether it has taken all that it was told. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  notify(alerts: readonly Alert[]): void {
    this.#waiting.push(alerts);
    if (this.#waiting.length > WAITING_MAX) {
      const given = this.#waiting.shift() ?? [];
      this.#options.log.error(
        { receiver: this.#options.name, alerts: given.map(({ name }) => name) },
        'alerts_given_up',
      );
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** What was not taken yet is told again by the next start, from the database. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error('the monitor is stopping'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { send, onDelivered, log, name } = this.#options;
    const { signal } = this.#stopping;
    let pauseMs: number = PAUSE_MS.first;
    while (this.#waiting.length > 0 && !signal.aborted) {
      const [alerts = []] = this.#waiting;
      try {
        await send(alerts);
        pauseMs = PAUSE_MS.first;
        onDelivered(name, alerts);
      } catch (error) {
        log.warn({ error: errorOf(error), receiver: name, waiting: this.#waiting.length }, 'alerts_not_delivered');
        if (!(error instanceof MonitorError) || error.retry !== 'never') {
          await sleep(pauseMs, signal).catch(() => undefined); // ended by close
          pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2);
          continue;
        }
      }
      // By identity: the oldest may have been given up meanwhile.
      this.#waiting = this.#waiting.filter((each) => each !== alerts);
    }
  }
}
