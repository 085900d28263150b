import { type CacheStore, MemoryCacheStore, RedisCacheStore } from '@tradestream/database';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { uniquePrefix } from '../support/scratch.ts';

const redis = new Redis(inject('endpoints').redisUrl, { lazyConnect: true });
const send = (command: string, ...args: string[]) => redis.call(command, ...args);
const WITHIN = { withinMs: 60_000 } as const;

afterAll(() => redis.disconnect());

const ADAPTERS: readonly (readonly [string, () => CacheStore])[] = [
  ['memory', () => new MemoryCacheStore()],
  ['Redis', () => new RedisCacheStore({ send, prefix: uniquePrefix('cache'), timeoutMs: 20_000 })],
];

describe.each(ADAPTERS)('%s holds the laws of a cache store', (_name, open) => {
  test('what was written is read, whole, until it is replaced', async () => {
    const store = open();
    expect((await store.read('a', [])).entry).toBeNull();
    await store.write('a', 'ü"\n\0one', 60_000);
    await store.write('b', 'other', 60_000);
    expect((await store.read('a', [])).entry).toBe('ü"\n\0one');
    await store.write('a', 'two', 60_000);
    expect((await store.read('a', [])).entry).toBe('two');
    expect((await store.read('b', [])).entry).toBe('other');
  });

  test('what has had its time is gone', async () => {
    const store = open();
    await store.write('a', 'one', 30);
    await store.write('b', 'stays', 60_000);
    await eventually(async () => (await store.read('a', [])).entry === null, WITHIN);
    expect((await store.read('b', [])).entry).toBe('stays');
  });

  test('a stamp is the same for all until its table is invalidated, and never comes again', async () => {
    const store = open();
    const seen = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      const readings = await Promise.all(Array.from({ length: 5 }, () => store.read('a', ['t', 'u'])));
      const stamps = new Set(readings.map((reading) => reading.stamps[0]));
      expect(stamps.size).toBe(1);
      const [stamp = ''] = stamps;
      expect(seen.has(stamp)).toBe(false);
      seen.add(stamp);
      await store.invalidate(['t']);
    }
    const [first, second] = [await store.read('a', ['u']), await store.read('b', ['t', 'u'])];
    expect(second.stamps[1]).toBe(first.stamps[0]);
    expect(second.stamps[0]).not.toBe(second.stamps[1]);
  });

  test('of many who claim a key one has it, until it is released by him or its time is over', async () => {
    const store = open();
    const owners = Array.from({ length: 10 }, (_, index) => `owner-${index}`);
    const won = await Promise.all(owners.map((owner) => store.claim('a', owner, 60_000)));
    expect(won.filter((each) => each)).toHaveLength(1);
    await store.release('a', 'nobody');
    expect(await store.claim('a', 'late', 60_000)).toBe(false);
    await store.release('a', owners[won.indexOf(true)] ?? '');
    expect(await store.claim('a', 'late', 30)).toBe(true);
    await eventually(async () => await store.claim('a', 'later', 60_000), WITHIN);
    expect(await store.claim('b', 'late', 60_000)).toBe(true);
  });
});

test('in memory the entries that were not read for the longest give way', async () => {
  const store = new MemoryCacheStore({ lengthMax: 10 });
  await store.write('a', '12345', 60_000);
  await store.write('b', '12345', 60_000);
  await store.read('a', []);
  await store.write('c', '12345', 60_000);
  const kept = await Promise.all(['a', 'b', 'c'].map(async (key) => (await store.read(key, [])).entry !== null));
  expect(kept).toEqual([true, false, true]);
  await store.write('d', '12345678901', 60_000);
  expect((await store.read('d', [])).entry).toBeNull();
  expect((await store.read('a', [])).entry).toBe('12345');
});
