import { createLogger } from '@tradestream/runtime';
import { expect, test } from 'vitest';
import { SharedPoll } from './shared-poll.ts';

const log = createLogger({ service: 'test', level: 'silent' });

test('any number of waiters share one look', async () => {
  const looks: (readonly string[])[] = [];
  const poll = new SharedPoll<number>({
    keysMax: 10,
    log,
    load: async (keys) => {
      looks.push(keys);
      return looks.length < 3 ? new Map() : new Map(keys.map((key) => [key, key.length]));
    },
  });
  const waits = ['a', 'bb', 'bb'].map((key) => poll.wait(key, { timeoutMs: 20_000 }));
  expect(await Promise.all(waits)).toEqual([1, 2, 2]);
  expect(looks.slice(1)).toEqual([
    ['a', 'bb'],
    ['a', 'bb'],
  ]);
  expect(poll.waiting).toBe(0);
  await poll.close();
});

test('nothing is asked while nobody waits', async () => {
  let looks = 0;
  const poll = new SharedPoll<number>({ keysMax: 10, log, load: async () => new Map([['a', (looks += 1)]]) });
  await poll.wait('a', { timeoutMs: 20_000 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(looks).toBe(1);
  await poll.close();
});

test('more keys than one look holds take turns', async () => {
  const asked = new Set<string>();
  const poll = new SharedPoll<number>({
    keysMax: 2,
    log,
    load: async (keys) => {
      expect(keys.length).toBeLessThanOrEqual(2);
      for (const key of keys) asked.add(key);
      // Nobody leaves before all have had their turn.
      return asked.size === 5 ? new Map(keys.map((key) => [key, 1])) : new Map();
    },
  });
  const waits = ['a', 'b', 'c', 'd', 'e'].map((key) => poll.wait(key, { timeoutMs: 20_000 }));
  expect(await Promise.all(waits)).toEqual([1, 1, 1, 1, 1]);
  await poll.close();
});

test('a look that fails is tried again, and a waiter whose caller is gone, or whose time is over, is forgotten', async () => {
  let looks = 0;
  const poll = new SharedPoll<number>({
    keysMax: 10,
    log,
    load: async () => {
      looks += 1;
      if (looks === 1) throw new Error('away');
      return new Map([['a', 1]]);
    },
  });
  const gone = new AbortController();
  const left = poll.wait('b', { timeoutMs: 20_000, signal: gone.signal });
  const found = poll.wait('a', { timeoutMs: 20_000 });
  gone.abort();
  expect([await left, await found]).toEqual([null, 1]);
  expect(await poll.wait('b', { timeoutMs: 30 })).toBeNull();
  await poll.close();
});
