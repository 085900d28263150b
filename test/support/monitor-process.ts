import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LagAnswer, LagGroup, LagPartition, ReplicationAnswer } from '@tradestream/answers';
import { FRUGAL_NODE } from '@tradestream/stack';
import { eventually } from './eventually.ts';

export const MONITOR_TOKENS = {
  reader: 'reader-0123456789-0123456789-0123456789',
  operator: 'operator-0123456789-0123456789-0123456789',
  admin: 'admin-0123456789-0123456789-0123456789',
} as const;

const STOP_MS = 60_000;
const LINES_KEPT = 30;

/** A monitor as its own process, read over HTTP. */
export class MonitorProcess implements AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;

  constructor(child: ChildProcess, url: string) {
    this.child = child;
    this.url = url;
  }

  async get<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await fetch(new URL(path, this.url), init);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T; // the shape that the caller asks for
  }

  async text(path: string): Promise<string> {
    return await (await fetch(new URL(path, this.url))).text();
  }

  async group(group: string): Promise<LagGroup> {
    const { groups } = await this.get<LagAnswer>('/v1/lag');
    const found = groups.find((each) => each.group === group);
    if (found === undefined) throw new Error(`no group ${group} in ${groups.map((each) => each.group).join(', ')}`);
    return found;
  }

  /** Resolves once the first partition of the group is as `check` wants it. */
  async partition(
    group: string,
    check: (partition: LagPartition) => boolean,
    withinMs = 60_000,
  ): Promise<LagPartition> {
    return await eventually(
      async () => {
        const [first] = (await this.group(group)).partitions;
        if (first !== undefined && check(first)) return first;
        throw new Error(`the partition is ${JSON.stringify(first)}`);
      },
      { withinMs },
    );
  }

  async node(name: string): Promise<ReplicationAnswer['nodes'][number]> {
    const { nodes } = await this.get<ReplicationAnswer>('/v1/replication');
    const found = nodes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** Ends it in the orderly way and answers its exit code. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Resolves when it listens. */
export async function startMonitor(env: NodeJS.ProcessEnv): Promise<MonitorProcess> {
  const child = spawn(process.execPath, ['services/monitor/src/main.ts'], {
    env: {
      PATH: process.env['PATH'],
      ...FRUGAL_NODE.env,
      TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS: '500',
      TRADESTREAM_MONITOR_CANARY: 'false',
      TRADESTREAM_MONITOR_READER_TOKEN: MONITOR_TOKENS.reader,
      TRADESTREAM_MONITOR_OPERATOR_TOKEN: MONITOR_TOKENS.operator,
      TRADESTREAM_MONITOR_ADMIN_TOKEN: MONITOR_TOKENS.admin,
      ...env,
    },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const lines = createInterface({ input: child.stderr });
  const url = await new Promise<string>((resolve, reject) => {
    const said: string[] = [];
    // One that ends by itself in the middle of a test says why there.
    child.once('exit', (code) => {
      if (code !== null && code !== 0) process.stderr.write(`the monitor ended: ${said.join('\n')}\n`);
    });
    lines.on('line', (line) => {
      said.push(line);
      if (said.length > LINES_KEPT) said.shift();
      const found = /"url":"(http:[^"]+)"/.exec(line)?.[1];
      if (line.includes('http_listening') && found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`the monitor ended: ${said.join('\n')}`)));
  });
  return new MonitorProcess(child, url);
}
