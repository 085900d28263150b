import cliProgress from 'cli-progress';
import type { Terminal } from './terminal.ts';

/** One bar at a time, drawn on a terminal; elsewhere a line at the end of each. */
export class Progress {
  readonly #terminal: Terminal;
  #bar: cliProgress.SingleBar | null = null;
  #name = '';
  #startedMs = 0;
  #done = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  start(name: string, total: number): void {
    this.stop();
    this.#name = name;
    this.#done = 0;
    this.#startedMs = performance.now();
    if (!this.#terminal.hasBars) return;
    this.#bar = new cliProgress.SingleBar({
      format: `${name} [{bar}] {value}/{total} {rate}/s`,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      barsize: 30,
      hideCursor: true,
      clearOnComplete: false,
      stream: process.stderr,
      etaBuffer: 100,
    });
    this.#bar.start(total, 0, { rate: 0 });
  }

  add(count: number): void {
    this.#done += count;
    this.#bar?.update(this.#done, { rate: this.#rate() });
  }

  stop(): void {
    if (this.#name === '') return;
    this.#bar?.stop();
    if (this.#bar === null) this.#terminal.note(`${this.#name}: ${this.#done} (${this.#rate()}/s)`);
    this.#bar = null;
    this.#name = '';
  }

  #rate(): number {
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    return seconds <= 0 ? 0 : Math.round(this.#done / seconds);
  }
}
