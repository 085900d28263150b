import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { EndpointsFile } from '@tradestream/stack';
import { eventually } from './eventually.ts';

const PROGRAM = resolve('packages/cli/bin/tradestream.mjs');
const END_MS = 60_000;

/** A folder that the command line takes for its checkout, so that a test's start is no one else's. */
export class LaunchFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'tradestream-launch-'));

  constructor() {
    writeFileSync(join(this.path, 'package.json'), '{"name": "tradestream", "workspaces": []}\n');
  }

  get endpointsFile(): string {
    return join(this.path, '.tradestream', 'endpoints.json');
  }

  /** Of the installation that runs here. */
  endpoints(): EndpointsFile {
    return JSON.parse(readFileSync(this.endpointsFile, 'utf8')) as EndpointsFile; // written by the launcher alone
  }

  isRunning(): boolean {
    return existsSync(this.endpointsFile);
  }

  /** Starts `tradestream` with these arguments, without endpoints of anyone else. */
  launch(...args: readonly string[]): Launched {
    const { PATH, HOME, XDG_CACHE_HOME, JAVA_HOME } = process.env;
    const env = { PATH, HOME, XDG_CACHE_HOME, JAVA_HOME, NO_COLOR: '1' };
    return new Launched(spawn(process.execPath, [PROGRAM, ...args], { cwd: this.path, env }));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A run of the command line. */
export class Launched implements AsyncDisposable {
  readonly child: ChildProcess;
  #out = '';
  #err = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#out += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#err += chunk.toString();
    });
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    if (!this.hasEnded) await once(this.child, 'close');
    return this.child.exitCode ?? this.child.signalCode;
  }

  /** Resolves when it has said this on standard error. */
  async says(text: string, withinMs: number): Promise<void> {
    await eventually(
      () => {
        if (this.#err.includes(text)) return;
        if (this.hasEnded) throw new Error(`it ended without saying "${text}": ${this.#err}`);
        throw new Error(`it has not said "${text}" yet: ${this.#err}`);
      },
      { withinMs },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasEnded) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    await this.ended();
    clearTimeout(timer);
  }
}
