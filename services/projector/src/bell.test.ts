import { expect, test } from 'vitest';
import { Bell } from './bell.ts';

test('a ring wakes who waits, and one that nobody waited for is kept for the next', async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  await bell.heard();
  let isWoken = false;
  const waiting = bell.heard().then(() => {
    isWoken = true;
  });
  await Promise.resolve();
  expect(isWoken).toBe(false);
  bell.ring();
  await waiting;
});

test('without a ring the wait ends after its time', async () => {
  const bell = new Bell();
  let ended = 0;
  await bell.heard(1).then(() => (ended += 1));
  await bell.heard(0).then(() => (ended += 1));
  expect(ended).toBe(2);
});
