import { createMemoryJobQueue, type JobTimer, openMemoryJobTimer, openRedisJobTimer } from '@tradestream/messaging';
import { createLogger } from '@tradestream/runtime';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { uniquePrefix } from '../support/scratch.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WITHIN = { withinMs: 60_000 } as const;
const DEADLINE_MS = 5_000;
const log = createLogger({ service: 'job-timer', level: 'silent' });
const opened: JobTimer[] = [];

afterAll(async () => {
  await Promise.all(opened.map((timer) => timer.close()));
});

/** Opens as many timers of one queue as are asked for. */
type OpenQueue = () => () => Promise<JobTimer>;

async function redisTimer(queue: string, overrides: { url?: string; deadlineMs?: number } = {}): Promise<JobTimer> {
  const timer = await openRedisJobTimer({
    url: inject('endpoints').redisUrl,
    queue,
    deadlineMs: DEADLINE_MS,
    log,
    ...overrides,
  });
  opened.push(timer);
  return timer;
}

const ADAPTERS: readonly (readonly [string, OpenQueue])[] = [
  [
    'memory',
    () => {
      const queue = createMemoryJobQueue();
      return async () => openMemoryJobTimer(queue);
    },
  ],
  [
    'Redis',
    () => {
      const queue = uniquePrefix('jobs');
      return () => redisTimer(queue);
    },
  ],
];

describe.each(ADAPTERS)('%s holds the laws of a timer of jobs', (_name, openQueue) => {
  test('what is enqueued is handed out, also what was enqueued before anyone consumed', async () => {
    const open = openQueue();
    const seen: string[] = [];
    const [asking, consuming] = [await open(), await open()];
    await asking.enqueue('before');
    consuming.consume(async (id) => void seen.push(id));
    await asking.enqueue('after');
    await consuming.enqueue('own');
    await eventually(() => seen.length >= 3, WITHIN);
    expect(new Set(seen)).toEqual(new Set(['before', 'after', 'own']));
  });

  test('a handler that throws or takes its time keeps no other job waiting', async () => {
    const timer = await openQueue()();
    const seen: string[] = [];
    const never = Promise.withResolvers<void>();
    timer.consume(async (id) => {
      seen.push(id);
      if (id === 'throws') throw new Error('as handlers do');
      if (id === 'hangs') await never.promise;
    });
    for (const id of ['throws', 'hangs']) await timer.enqueue(id);
    await eventually(() => seen.length === 2, WITHIN);
    await timer.enqueue('fine');
    await eventually(() => seen.includes('fine'), WITHIN);
    // Two that are enqueued at once may begin in either order.
    expect(seen.toSorted()).toEqual(['fine', 'hangs', 'throws']);
    never.resolve();
  });

  test('the same job enqueued twice is handed out: whoever keeps the jobs tells them apart', async () => {
    const timer = await openQueue()();
    const seen: string[] = [];
    timer.consume(async (id) => void seen.push(id));
    await timer.enqueue('same');
    await eventually(() => seen.length === 1, WITHIN);
    await timer.enqueue('same');
    await eventually(() => seen.length === 2, WITHIN);
    expect(seen).toEqual(['same', 'same']);
  });

  test('after close nothing is handed out and nothing is taken, and closing again is closing once', async () => {
    const open = openQueue();
    const [asking, closed] = [await open(), await open()];
    const seen: string[] = [];
    closed.consume(async (id) => void seen.push(id));
    await Promise.all([closed.close(), closed.close()]);
    await expect(closed.enqueue('late')).rejects.toMatchObject({ code: 'MSG_CLOSED' });
    await asking.enqueue('for another');
    const other: string[] = [];
    asking.consume(async (id) => void other.push(id));
    await eventually(() => other.length === 1, WITHIN);
    expect(seen).toEqual([]);
  });
});

test('a Redis that is away, silent or emptied fails no call beyond its deadline, and is used again by itself', async () => {
  const { proxy, url } = await TcpProxy.before(inject('endpoints').redisUrl);
  await using _proxy = proxy;
  proxy.mode = 'refuse';
  const queue = uniquePrefix('jobs');
  const timer = await redisTimer(queue, { url, deadlineMs: 300 });
  const seen: string[] = [];
  timer.consume(async (id) => void seen.push(id));
  const tell = (id: string) => eventually(() => timer.enqueue(id).then(() => true), WITHIN);
  await expect(timer.enqueue('away from the start')).rejects.toMatchObject({ code: 'MSG_TIMER_UNAVAILABLE' });

  proxy.mode = 'pass';
  await tell('back');
  await eventually(() => seen.includes('back'), WITHIN);

  proxy.mode = 'drop';
  const startedMs = performance.now();
  await expect(timer.enqueue('silent')).rejects.toMatchObject({ code: 'MSG_TIMER_UNAVAILABLE' });
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  proxy.mode = 'pass';
  proxy.resetAll();
  await tell('heard again');
  await eventually(() => seen.includes('heard again'), WITHIN);

  const redis = new Redis(inject('endpoints').redisUrl);
  const keys = await redis.keys(`bull:${queue}:*`);
  expect(keys.length).toBeGreaterThan(0);
  await redis.del(...keys);
  redis.disconnect();
  await tell('after it forgot');
  await eventually(() => seen.includes('after it forgot'), WITHIN);

  proxy.mode = 'drop';
  const closingMs = performance.now();
  await timer.close();
  expect(performance.now() - closingMs).toBeLessThan(10_000);
});
