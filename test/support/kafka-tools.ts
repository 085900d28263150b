import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '4.3.1';

export type ToolRow = {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number;
  readonly end: number;
  readonly lag: number;
};

/** Apache Kafka's own command line tools, fetched by Maven beside the jars of the stack. */
export async function kafkaToolsClassPath(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tradestream');
  const jars = readdirSync(cache).find((name) => name.startsWith(`kafka-${VERSION}-`));
  if (jars === undefined) throw new Error(`no Kafka in ${cache}`);
  const folder = join(tmpdir(), 'tradestream-kafka-tools');
  mkdirSync(folder, { recursive: true });
  const jar = `kafka-tools-${VERSION}.jar`;
  if (!readdirSync(folder).includes(jar)) {
    const copy = ['-q', '-B', 'dependency:copy', `-Dartifact=org.apache.kafka:kafka-tools:${VERSION}`];
    await run('mvn', [...copy, `-DoutputDirectory=${folder}`], { cwd: folder });
  }
  return [join(folder, jar), join(cache, jars, '*')].join(':');
}

/** What `kafka-consumer-groups --describe` prints of a group. */
export async function describeGroup(brokers: string, group: string): Promise<readonly ToolRow[]> {
  const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';
  const args = ['--bootstrap-server', brokers, '--describe', '--group', group];
  const { stdout } = await run('java', ['-Xmx128m', '-cp', await kafkaToolsClassPath(), tool, ...args]);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([name]) => name === group)
    .map(([, topic = '', partition, committed, end, lag]) => ({
      topic,
      partition: Number(partition),
      committed: Number(committed),
      end: Number(end),
      lag: Number(lag),
    }));
}

/** A consumer of the new group protocol (KIP-848) that commits as it goes; ended when disposed. */
export async function startNewProtocolConsumer(
  brokers: string,
  { topic, group }: { readonly topic: string; readonly group: string },
): Promise<AsyncDisposable> {
  const tool = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
  const settings = ['group.protocol=consumer', 'auto.commit.interval.ms=200', 'auto.offset.reset=earliest'];
  const child = spawn(
    'java',
    [
      '-Xmx128m',
      '-cp',
      await kafkaToolsClassPath(),
      tool,
      '--bootstrap-server',
      brokers,
      '--topic',
      topic,
      '--group',
      group,
      ...settings.flatMap((each) => ['--consumer-property', each]),
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
