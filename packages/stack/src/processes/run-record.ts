import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { identifyProcess, type ProcessIdentity, type ProcessWorld, readProcessWorld } from '../host/process-table.ts';

export type RecordedProcess = ProcessIdentity & {
  readonly name: string;
  /** What asks it to end in order. */
  readonly stopSignal: NodeJS.Signals;
};

/** What one running stack has started, kept where the next start finds it after a crash. */
export type RunRecord = {
  readonly world: ProcessWorld;
  readonly owner: ProcessIdentity;
  /** Removed when the owner is gone; null where everything is to be kept. */
  readonly folder: string | null;
  readonly processes: readonly RecordedProcess[];
};

/** Writes the record anew at each change, whole and at once, so that a kill -9 leaves a readable one. */
export class RunJournal {
  readonly file: string;
  #record: RunRecord;

  constructor(file: string, folder: string | null) {
    this.file = file;
    const owner = identifyProcess(process.pid) ?? { pid: process.pid, startTicks: 0 };
    this.#record = { world: readProcessWorld(), owner, folder, processes: [] };
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    this.#write();
  }

  add(started: RecordedProcess): void {
    this.#record = { ...this.#record, processes: [...this.#record.processes, started] };
    this.#write();
  }

  remove(ended: ProcessIdentity): void {
    const processes = this.#record.processes.filter(({ pid }) => pid !== ended.pid);
    this.#record = { ...this.#record, processes };
    this.#write();
  }

  delete(): void {
    rmSync(this.file, { force: true });
  }

  #write(): void {
    const temporary = join(dirname(this.file), `.${basename(this.file)}.${process.pid}`);
    writeFileSync(temporary, JSON.stringify(this.#record), { mode: 0o600 });
    renameSync(temporary, this.file);
  }
}

/** The record files of all stacks of this user, running or left behind. */
export function listRunFiles(runsFolder: string): readonly string[] {
  try {
    return readdirSync(runsFolder)
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .map((name) => join(runsFolder, name));
  } catch {
    return [];
  }
}

/** Null when the file is gone or unreadable. */
export function readRunRecord(file: string): RunRecord | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RunRecord; // written by RunJournal alone, whole
  } catch {
    return null;
  }
}
