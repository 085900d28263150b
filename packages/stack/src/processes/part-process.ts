import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, RuntimeError } from '@tradestream/runtime';
import { StackError } from '../errors.ts';
import { identifyProcess, isAlive, type ProcessIdentity, processTree, signalProcess } from '../host/process-table.ts';
import type { SystemUser } from '../host/system-user.ts';
import type { PartName } from '../stack.ts';
import type { RunJournal } from './run-record.ts';

export type PartCommand = {
  readonly name: PartName;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logFile: string;
  readonly port: number;
  /** Null: as who we are. */
  readonly user: SystemUser | null;
  /** Asks for an orderly and quick end. */
  readonly stopSignal: NodeJS.Signals;
  /** After this SIGKILL follows, milliseconds. */
  readonly stopMs: number;
  /** Whether the part, running under this id, serves; asked again and again until it does. */
  readonly isReady: (pid: number) => Promise<boolean>;
};

export type PartContext = { readonly log: Logger; readonly journal: RunJournal };

const START_MS = 90_000;
const POLL_MS = 40;
const LOG_TAIL_LINES = 20;
const LOG_TAIL_BYTES = 16_384;

/** One process of the stack: `stopped -> starting -> running -> stopped`, as often as asked. */
export class PartProcess {
  readonly command: PartCommand;
  readonly #context: PartContext;
  #child: ChildProcess | null = null;
  #identity: ProcessIdentity | null = null;
  #stopping = false;

  constructor(command: PartCommand, context: PartContext) {
    this.command = command;
    this.#context = context;
  }

  get pid(): number | null {
    return this.#identity !== null && isAlive(this.#identity) ? this.#identity.pid : null;
  }

  /** @throws {StackError} STACK_PART_FAILED with the log's last lines; RuntimeError RT_ABORTED */
  async start(signal?: AbortSignal): Promise<void> {
    if (this.pid !== null) return;
    const logFrom = this.#spawn();
    const deadline = performance.now() + START_MS;
    for (;;) {
      const { pid } = this;
      if (pid !== null && (await this.command.isReady(pid))) return;
      if (pid === null || performance.now() > deadline) throw this.#failure(logFrom);
      if (signal?.aborted === true) {
        throw new RuntimeError('RT_ABORTED', {
          cause: signal.reason,
          context: { stage: `start of ${this.command.name}` },
        });
      }
      await delay(POLL_MS);
    }
  }

  /** Idempotent; bounded by the part's `stopMs` and a second. */
  async stop(signal: NodeJS.Signals = this.command.stopSignal): Promise<void> {
    const identity = this.#identity;
    if (identity === null) return;
    this.#stopping = true;
    const tree = processTree(identity);
    signalProcess(identity, signal);
    // A frozen process takes its signal only when it goes on.
    for (const process of tree) signalProcess(process, 'SIGCONT');
    if (!(await this.#areGone(tree, signal === 'SIGKILL' ? 0 : this.command.stopMs))) {
      for (const process of tree) signalProcess(process, 'SIGKILL');
      await this.#areGone(tree, 1_000);
    }
    this.#context.journal.remove(identity);
    this.#identity = null;
    this.#child = null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#identity === null) return;
    for (const process of processTree(this.#identity)) signalProcess(process, signal);
  }

  #spawn(): number {
    const { command, args, env, cwd, logFile, user, name, stopSignal } = this.command;
    const logHandle = openSync(logFile, 'a', 0o600);
    const logFrom = statSync(logFile).size;
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', logHandle, logHandle],
      detached: true, // a Ctrl-C at the terminal is for the owner, who ends the parts in their order
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
    });
    closeSync(logHandle);
    child.on('error', (error) => this.#context.log.error({ part: name, error }, 'stack_part_unusable'));
    this.#stopping = false;
    this.#child = child;
    this.#identity = child.pid === undefined ? null : identifyProcess(child.pid);
    if (this.#identity !== null) this.#context.journal.add({ ...this.#identity, name, stopSignal });
    child.on('exit', (code, signal) => {
      if (this.#stopping || this.#child !== child) return;
      this.#context.log.error({ part: name, code, signal, logFile }, 'stack_part_ended');
    });
    child.unref();
    return logFrom;
  }

  async #areGone(processes: readonly ProcessIdentity[], withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (processes.some((process) => isAlive(process))) {
      if (performance.now() > deadline) return false;
      await delay(POLL_MS);
    }
    return true;
  }

  #failure(logFrom: number): StackError {
    const { name, logFile } = this.command;
    const exitCode =
      this.#child?.exitCode ?? this.#child?.signalCode ?? (this.pid === null ? 'unknown' : 'still running');
    return new StackError('STACK_PART_FAILED', {
      context: { part: name, exitCode, logFile },
      detail: `its log ends with\n${readLogTail(logFile, logFrom)}\n`,
    });
  }
}

/** The last lines that the log has beyond `fromByte`. */
function readLogTail(logFile: string, fromByte: number): string {
  const bytes = readFileSync(logFile).subarray(fromByte);
  const lines = bytes
    .subarray(Math.max(0, bytes.length - LOG_TAIL_BYTES))
    .toString('utf8')
    .trimEnd()
    .split('\n');
  return lines
    .slice(-LOG_TAIL_LINES)
    .map((line) => `  ${line}`)
    .join('\n');
}
