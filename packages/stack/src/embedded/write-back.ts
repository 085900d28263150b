import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Closeable } from '@tradestream/runtime';

export type WriteBackOptions = {
  readonly dataFolders: readonly string[];
  readonly everyMs?: number;
  /** Told which files were begun to be written. */
  readonly onBegun?: (files: readonly string[]) => void;
};

const EVERY_MS = 3_000;
/**
 * Of tables and indexes that were made: catalogues have shorter numbers, and what maps free space grows little.
 * Each costs a process: what is left to the kernel of small ones holds nobody up.
 */
const RELATIONS = ['-type', 'f', '-name', '[0-9][0-9][0-9][0-9][0-9]*', '!', '-name', '*_*', '-size', '+4M'];
/** By how much the time of a file may be behind the clock: it is that of the kernel's last tick. */
const TICK_MS = 100;
/** What need not be cached any longer is written, and not waited for. Nothing is read, made or cut off. */
const BEGIN = ['-exec', 'dd', 'of={}', 'oflag=nocache', 'conv=notrunc,nocreat', 'count=0', 'status=none', ';'];

/**
 * Has what nodes grow written back every few seconds. Left to itself the kernel writes what is 30 s old, of
 * all nodes at once, and where they share a disk every commit stands still behind some hundred megabytes of
 * it. Durability is none of its concern: what a commit needs the server flushes itself. Where no `find` and
 * `dd` can do this, nothing happens.
 */
export class WriteBack implements Closeable {
  readonly #options: WriteBackOptions;
  readonly #timer: NodeJS.Timeout;
  /** What was written since is begun the next time. */
  #sinceMs = Date.now();
  #running: Promise<void> | null = null;

  constructor(options: WriteBackOptions) {
    this.#options = options;
    const begin = () => {
      this.#running ??= this.#once().finally(() => {
        this.#running = null;
      });
    };
    this.#timer = setInterval(begin, options.everyMs ?? EVERY_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  /** In a process of its own: there are thousands of files. */
  async #once(): Promise<void> {
    const bases = this.#options.dataFolders.map((dataFolder) => join(dataFolder, 'base'));
    const since = (this.#sinceMs - TICK_MS) / 1_000;
    this.#sinceMs = Date.now();
    const args = [...bases, ...RELATIONS, '-newermt', `@${since}`, '-print', ...BEGIN];
    const find = spawn('find', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [files] = await Promise.all([text(find.stdout), once(find, 'close')]);
      this.#options.onBegun?.(files.split('\n').filter((file) => file !== ''));
    } catch {
      clearInterval(this.#timer); // there is no `find`
    }
  }
}
