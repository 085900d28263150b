import { describe, expect, test } from 'vitest';
import { WalClock } from './wal-clock.ts';

describe('the lag of a replica in seconds', () => {
  test('it is 0 at the position of the primary, however long that is idle', () => {
    const clock = new WalClock();
    clock.mark(1_000, 0);
    clock.mark(1_000, 60_000);
    expect(clock.secondsBehind(1_000, 61_000)).toBe(0);
  });

  test('it is the time since the primary left the position of the replica', () => {
    const clock = new WalClock();
    for (const second of [0, 1, 2, 3, 4]) clock.mark(second * 100, second * 1_000);
    expect(clock.secondsBehind(200, 5_000)).toBe(3);
    expect(clock.secondsBehind(250, 5_000)).toBe(2.5);
  });

  test('an idle stretch before the replica fell behind does not count', () => {
    const clock = new WalClock();
    clock.mark(100, 0);
    clock.mark(100, 60_000);
    clock.mark(200, 61_000);
    expect(clock.secondsBehind(100, 62_000)).toBe(2);
  });

  test('a position before all that is known is at least as old as that', () => {
    const clock = new WalClock();
    clock.mark(500, 10_000);
    clock.mark(600, 11_000);
    expect(clock.secondsBehind(100, 15_000)).toBe(5);
  });

  test('a primary at an earlier position is another one', () => {
    const clock = new WalClock();
    clock.mark(500, 0);
    clock.mark(300, 1_000);
    expect(clock.secondsBehind(300, 9_000)).toBe(0);
  });

  test('nothing is known before the primary was read', () => {
    expect(new WalClock().secondsBehind(5, 0)).toBeNull();
  });
});
