import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Closeable } from '@tradestream/runtime';

export type WriteBackOptions = {
  readonly dataFolders: readonly string[];
  readonly everyMs?: number;
  /** Told which files were begun to be written. */
  readonly onBegun?: (files: readonly string[]) => void;
};

const EVERY_MS = 3_000;
/** What need not be cached any longer is written, and not waited for. Nothing is read, made or cut off. */
const WRITE_BACK = 'for file; do dd of="$file" oflag=nocache conv=notrunc,nocreat count=0 status=none; done';

/**
 * Has the files that nodes grow written back every few seconds. Left to itself the kernel writes what is
 * 30 s old, of all nodes at once, and where they share a disk every commit stands still behind some hundred
 * megabytes of it. Durability is none of its concern: what a commit needs the server flushes itself. Where
 * no `dd` can do this, nothing happens.
 */
export class WriteBack implements Closeable {
  readonly #options: WriteBackOptions;
  readonly #timer: NodeJS.Timeout;
  #lengths: ReadonlyMap<string, number> = new Map();
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

  async #once(): Promise<void> {
    const before = this.#lengths;
    this.#lengths = await lengthsOf(this.#options.dataFolders);
    const grown = [...this.#lengths]
      .filter(([file, bytes]) => (before.get(file) ?? bytes) < bytes)
      .map(([file]) => file);
    if (grown.length === 0) return;
    const shell = spawn('sh', ['-c', WRITE_BACK, 'write-back', ...grown], { stdio: 'ignore' });
    const begun = once(shell, 'close').then(
      () => this.#options.onBegun?.(grown),
      () => clearInterval(this.#timer), // there is no shell
    );
    await begun;
  }
}

/** Bytes of the files of every database. A node that is being made anew has none for a while. */
async function lengthsOf(dataFolders: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const lengths = new Map<string, number>();
  for (const dataFolder of dataFolders) {
    const base = join(dataFolder, 'base');
    for (const database of await namesIn(base)) {
      for (const name of await namesIn(join(base, database))) {
        const file = join(base, database, name);
        const found = await stat(file).catch(() => null); // it went away meanwhile
        if (found !== null) lengths.set(file, found.size);
      }
    }
  }
  return lengths;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => []);
}
