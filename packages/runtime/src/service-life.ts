import { errorOf } from './app-error.ts';
import { RuntimeError } from './errors.ts';
import type { Logger } from './log.ts';
import type { Closeable } from './scope.ts';
import { waitFor } from './wait.ts';

/**
 * The life of one process, from its start to its exit code:
 *
 *   starting -> running     everything is open
 *   starting -> ended       told to stop, or failed: its start heeds `stopping`, or is not waited for beyond the drain's limit
 *   running  -> draining    told to stop, or failed
 *   draining -> ended       everything is closed, or was not within the limit
 *   any      -> ended       a second signal, or a bug
 */
export class ServiceLife {
  readonly #log: Logger;
  readonly #drainMs: number;
  readonly #stopping = new AbortController();
  #running: Closeable | null = null;
  #exitCode = 0;
  #signalled = false;

  constructor({ log, drainMs }: { readonly log: Logger; readonly drainMs: number }) {
    this.#log = log;
    this.#drainMs = drainMs;
  }

  /** Aborts when the process is told to stop. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Listens to SIGTERM, SIGINT, and to bugs. */
  listen(): void {
    process.on('SIGTERM', this.#onSignal);
    process.on('SIGINT', this.#onSignal);
    process.on('uncaughtException', this.#onBug);
    process.on('unhandledRejection', this.#onBug);
  }

  /** Everything is open, unless it was told to stop meanwhile. */
  async began(running: Closeable): Promise<void> {
    this.#running = running;
    if (this.stopping.aborted) await this.#drain(running);
    else this.#log.info('service_started');
  }

  /** The start has thrown: because it was told to stop, or else for a failure. */
  startFailed(error: unknown): never {
    if (!(this.stopping.aborted && error instanceof RuntimeError)) {
      this.#log.error({ error: errorOf(error) }, 'start_failed');
      this.#exitCode = 1;
    }
    process.exit(this.#exitCode);
  }

  /** Ends the process with exit code 1, after a drain. */
  fail(error: Error): void {
    this.#log.error({ error }, 'service_failed');
    this.#stop(1);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    this.#log.info({ signal: name }, this.#signalled ? 'stop_forced' : 'stop_requested');
    if (this.#signalled) process.exit(1);
    this.#signalled = true;
    this.#stop(0);
  };

  readonly #onBug = (thrown: unknown): never => {
    this.#log.error({ error: errorOf(thrown) }, 'service_crashed');
    process.exit(1);
  };

  #stop(code: number): void {
    this.#exitCode = Math.max(this.#exitCode, code);
    if (this.stopping.aborted) return;
    this.#stopping.abort(new Error('the service is stopping'));
    if (this.#running !== null) void this.#drain(this.#running);
    else setTimeout(() => this.#giveUpStarting(), this.#drainMs).unref();
  }

  async #drain(running: Closeable): Promise<never> {
    try {
      await waitFor(running.close(), { timeoutMs: this.#drainMs, stage: 'drain' });
      this.#log.info({ exitCode: this.#exitCode }, 'service_stopped');
    } catch (error) {
      this.#exitCode = 1;
      this.#log.error({ error: errorOf(error) }, 'drain_failed');
    }
    process.exit(this.#exitCode);
  }

  /** A start that does not heed `stopping` is not waited for beyond the drain's limit. */
  #giveUpStarting(): void {
    if (this.#running !== null) return;
    this.#log.error({ drainMs: this.#drainMs }, 'start_not_ended');
    process.exit(1);
  }
}
