import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Closeable } from '@tradestream/runtime';
import { FRUGAL_NODE } from '@tradestream/stack';

// States of a supervised process, and the only moves between them:
//   running -> ended -> waiting -> running      it ended by itself: started again after a pause
//   running -> stopping -> stopped              it was told to end
//   ended   -> failed                           it refused its configuration: a new start mends nothing
export type ProcessState = 'running' | 'waiting' | 'failed' | 'stopped';

export type SupervisedOptions = {
  /** As in the endpoints file: `worker-1`. */
  readonly name: string;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** The environment variable that fixes its port, so that a new start keeps the URL of the first. */
  readonly portVariable: string;
  /** Pid, URL or state changed. */
  readonly onChange: () => void;
  readonly onNote: (text: string) => void;
};

const PAUSE_MS = { first: 200, most: 10_000 } as const;
/** After this long a process counts as started well, and the next pause is the first again. */
const STEADY_MS = 30_000;
const DRAIN_MS = 20_000;
/** `runService` ends so when a setting is refused. */
const CONFIG_REFUSED = 2;
const PRELOAD = fileURLToPath(new URL('./end-with-parent.ts', import.meta.url));

/** A service that is started again whenever it ends by itself, until it is closed. */
export class SupervisedProcess implements Closeable {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | null = null;
  #state: ProcessState = 'waiting';
  #url: string | null = null;
  #pauseMs: number = PAUSE_MS.first;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #starts = 0;
  #closing: Promise<void> | null = null;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#start();
  }

  get name(): string {
    return this.#options.name;
  }

  get logFile(): string {
    return this.#options.logFile;
  }

  get state(): ProcessState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#state === 'running' ? (this.#child?.pid ?? null) : null;
  }

  /** Where it listens; null until it says so for the first time. */
  get url(): string | null {
    return this.#url;
  }

  /** SIGTERM, and SIGKILL when it has not drained in time. */
  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  #start(): void {
    const { script, env, logFile, portVariable, name, onChange, onNote } = this.#options;
    const port = this.#url === null ? '0' : new URL(this.#url).port;
    const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
    log.on('error', () => undefined);
    const child = spawn(process.execPath, [...FRUGAL_NODE.flags, '--import', PRELOAD, script], {
      env: { ...env, [portVariable]: port },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C in the terminal reaches the launcher alone, which takes all down in order.
      detached: true,
    });
    this.#child = child;
    this.#state = 'running';
    this.#startedMs = performance.now();
    this.#starts += 1;
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', (line) => this.#findUrl(line));
    child.once('error', (error) => onNote(`${name} cannot be started: ${error.message}`));
    child.once('close', (code, signal) => {
      log.end();
      if (this.#closing === null) this.#ended(code, signal);
    });
    if (this.#starts > 1) onNote(`${name} was started again`);
    onChange();
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    const { name, logFile, onChange, onNote } = this.#options;
    onNote(`${name} ended (${signal ?? `exit code ${code ?? 'unknown'}`}); its log is ${logFile}`);
    if (code === CONFIG_REFUSED) {
      this.#state = 'failed';
    } else {
      this.#state = 'waiting';
      if (performance.now() - this.#startedMs > STEADY_MS) this.#pauseMs = PAUSE_MS.first;
      this.#timer = setTimeout(() => this.#start(), this.#pauseMs);
      this.#pauseMs = Math.min(PAUSE_MS.most, this.#pauseMs * 2);
    }
    onChange();
  }

  /** Every service logs where it listens before it does anything else. */
  #findUrl(line: string): void {
    if (!line.includes('"http_listening"')) return;
    const found = /"url":"(http:[^"]+)"/.exec(line)?.[1];
    if (found === undefined || found === this.#url) return;
    this.#url = found;
    this.#options.onChange();
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), DRAIN_MS);
      await gone;
      clearTimeout(timer);
    }
    this.#state = 'stopped';
  }
}
