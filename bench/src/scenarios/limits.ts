import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeCommand, decodeEvent, encodeCommand, encodeEvent, payloadHash } from '@tradestream/contracts';
import { openSession } from '@tradestream/database';
import { openKafka } from '@tradestream/messaging';
import { type Logger, Scope } from '@tradestream/runtime';
import type { Endpoints } from '@tradestream/stack';
import { decide, evolve, InMemoryState } from '@tradestream/trading';
import { BASELINE_LOAD, Load } from '../load.ts';

const FLUSH_BYTES = 8 * 1_024;
const PROBE_MS = 3_000;
const CODEC_COUNT = 100_000;
const KAFKA_COUNT = 200_000;
const KAFKA_CALL_COUNT = 2_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** Writes of a page with fdatasync behind each, a second. */
export function measureFlushes(): number {
  const folder = mkdtempSync(join(tmpdir(), 'tradestream-flush-'));
  const file = openSync(join(folder, 'page'), 'w');
  try {
    const page = Buffer.alloc(FLUSH_BYTES, 1);
    return perSecond(() => {
      writeSync(file, page, 0, FLUSH_BYTES, 0);
      fdatasyncSync(file);
    });
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

/** Transactions of one update and one insert, a second, each connection on rows of its own: pgbench -N's shape. */
export async function measureSmallTransactions(url: string, connections: number): Promise<number> {
  await using scope = new Scope();
  const open = async () =>
    scope.use(await openSession({ url, applicationName: 'bench-limits', connectTimeoutMs: CONNECT_TIMEOUT_MS }));
  const [first, ...others] = await Promise.all(Array.from({ length: connections }, open));
  if (first === undefined) return 0;
  await first.query({ text: 'CREATE TABLE IF NOT EXISTS probe (id int PRIMARY KEY, value bigint NOT NULL)' });
  await first.query({ text: 'CREATE TABLE IF NOT EXISTS probe_history (id int, at timestamptz)' });
  await first.query({
    text: 'INSERT INTO probe SELECT generate_series(1, 10000), 0 ON CONFLICT DO NOTHING',
  });
  const startedMs = performance.now();
  let count = 0;
  await Promise.all(
    [first, ...others].map(async (session, lane) => {
      for (let turn = 0; performance.now() - startedMs < PROBE_MS; turn += 1) {
        const id = 1 + ((turn * connections + lane) % 10_000);
        await session.query({ text: 'BEGIN' });
        await session.query({ name: 'u', text: 'UPDATE probe SET value = value + 1 WHERE id = $1', values: [id] });
        await session.query({ name: 'i', text: 'INSERT INTO probe_history VALUES ($1, now())', values: [id] });
        await session.commit();
        count += 1;
      }
    }),
  );
  return rateOf(count, startedMs);
}

export type KafkaLimits = { readonly producedPerSecond: number; readonly consumedPerSecond: number };

/** Records of the commands' size through one partition: acknowledged by all in-sync replicas, then read back. */
export async function measureKafka(endpoints: Endpoints, log: Logger): Promise<KafkaLimits> {
  await using scope = new Scope();
  const kafka = scope.use(
    await openKafka({ brokers: endpoints.kafkaBrokers.split(','), clientId: 'bench-limits', log }),
  );
  const admin = scope.use(await kafka.openAdmin());
  const topic = 'bench-limits';
  await admin.createTopics([{ topic, partitions: 1 }]);
  const producer = scope.use(await kafka.openProducer({ clientId: 'bench-limits' }));
  const value = Buffer.alloc(80, 7);
  const call = Array.from({ length: KAFKA_CALL_COUNT }, (_, index) => ({ key: String(index), value }));
  let startedMs = performance.now();
  for (let sent = 0; sent < KAFKA_COUNT; sent += KAFKA_CALL_COUNT) await producer.send(topic, call);
  const producedPerSecond = rateOf(KAFKA_COUNT, startedMs);
  const reader = scope.use(await kafka.openReader());
  startedMs = performance.now();
  let count = 0;
  for await (const records of reader.read({ topic, partition: 0, from: 0, to: KAFKA_COUNT })) count += records.length;
  return { producedPerSecond, consumedPerSecond: rateOf(count, startedMs) };
}

/** Each step of a command on one core without any database, a second. */
export function measureCodec(): Readonly<Record<string, number>> {
  const load = new Load({ ...BASELINE_LOAD, users: 2_000, openOrders: 400 });
  const state = new InMemoryState();
  for (const { command } of load.setup()) {
    const decision = decide(command, state);
    if (decision.accepted) evolve(state, decision.event);
  }
  const commands = [...load.commands(CODEC_COUNT)];
  const place = { partition: 0, seq: 1, timeline: 1, batch: 1, occurredAt: 1_610_064_000_000_000 };
  const events = commands.map(({ commandId, command }) => {
    const decision = decide(command, state);
    if (decision.accepted) evolve(state, decision.event);
    const event = decision.accepted
      ? decision.event
      : ({ type: 'CommandRejected', reason: decision.reason, command } as const);
    return { ...place, commandId, event };
  });
  const encodedCommands = commands.map((command) => encodeCommand(command));
  const encodedEvents = events.map((event) => encodeEvent(event));
  return {
    commandsEncodedPerSecond: eachPerSecond(commands, encodeCommand),
    commandsDecodedPerSecond: eachPerSecond(encodedCommands, (bytes) => decodeCommand(bytes)),
    commandsHashedPerSecond: eachPerSecond(commands, ({ command }) => payloadHash(command)),
    eventsEncodedPerSecond: eachPerSecond(events, encodeEvent),
    eventsDecodedPerSecond: eachPerSecond(encodedEvents, (bytes) => decodeEvent(bytes)),
  };
}

function eachPerSecond<T>(items: readonly T[], work: (item: T) => unknown): number {
  const startedMs = performance.now();
  for (const item of items) work(item);
  return rateOf(items.length, startedMs);
}

function perSecond(work: () => void): number {
  const startedMs = performance.now();
  let count = 0;
  for (; performance.now() - startedMs < PROBE_MS; count += 1) work();
  return rateOf(count, startedMs);
}

function rateOf(count: number, startedMs: number): number {
  return Math.round((count / (performance.now() - startedMs)) * 1_000);
}
