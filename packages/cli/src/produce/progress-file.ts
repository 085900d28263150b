import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** How far a phase of a file was answered. */
export type PhaseProgress = {
  readonly answered: number;
  /** Of those answered, commands that were refused or in conflict. */
  readonly failed: number;
  readonly lastCommandId: string;
};

/**
 * Remembers across runs how far the phases of an input got. It is a hint: a run believes it only
 * when the gateway knows the last command, and a command sent twice has one effect anyway.
 */
export class ProgressFile {
  readonly path: string;
  #phases: Record<string, PhaseProgress>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, phases: Record<string, PhaseProgress>) {
    this.path = path;
    this.#phases = phases;
  }

  /** The file in `folder` for these inputs; a missing or damaged one is as good as none. */
  static async open(folder: string, inputs: readonly string[]): Promise<ProgressFile> {
    const name = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 16);
    const path = join(folder, `produce-${name}.json`);
    try {
      return new ProgressFile(path, phasesOf(JSON.parse(await readFile(path, 'utf8'))));
    } catch {
      return new ProgressFile(path, {});
    }
  }

  get(phase: string): PhaseProgress | null {
    return this.#phases[phase] ?? null;
  }

  /** Written one after the other, each whole: a crash leaves the one before. */
  set(phase: string, progress: PhaseProgress): Promise<void> {
    this.#phases = { ...this.#phases, [phase]: progress };
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    await writeFile(`${this.path}.new`, `${JSON.stringify(this.#phases, null, 2)}\n`);
    await rename(`${this.path}.new`, this.path);
  }
}

function phasesOf(value: unknown): Record<string, PhaseProgress> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, PhaseProgress] =>
        Number.isSafeInteger(entry[1]?.answered) &&
        Number.isSafeInteger(entry[1]?.failed) &&
        typeof entry[1]?.lastCommandId === 'string',
    ),
  );
}
