import { expect, test } from 'vitest';
import { Sampler } from './sampler.ts';
import { StallWatch } from './stall-watch.ts';

function standStill(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test('a process that stood still knows it, at once and afterwards, and not of what began later', async () => {
  // Long beside what a busy machine takes from this test itself.
  const watch = new StallWatch({ tickMs: 5, stallMs: 400 });
  const startedMs = performance.now();
  expect(watch.hasStalledSince(startedMs)).toBe(false);
  standStill(450);
  expect(watch.hasStalledSince(startedMs)).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(watch.hasStalledSince(startedMs)).toBe(true);
  expect(watch.hasStalledSince(performance.now())).toBe(false);
  await watch.close();
});

test('a process that gets too little of a processor is known by the ticks that it lacks', async () => {
  const watch = new StallWatch({ tickMs: 5, stallMs: 10_000 });
  const startedMs = performance.now();
  // None of these is long, and between them there is hardly a tick.
  while (performance.now() - startedMs < 1_200) {
    standStill(60);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(watch.hasStalledSince(startedMs)).toBe(true);
  expect(watch.hasStalledSince(performance.now())).toBe(false);
  await watch.close();
});

test('a failure while the monitor stood still is no failure of the source, unless it goes on', async () => {
  let tries = 0;
  const failed = Promise.withResolvers<number>();
  const sampler = new Sampler({
    name: 'source',
    intervalMs: 1,
    stall: { hasStalledSince: () => true },
    sample: async () => {
      tries += 1;
      throw new Error('no answer');
    },
    onReading: () => undefined,
    onFailure: () => failed.resolve(tries),
  });
  expect(await failed.promise).toBe(4);
  await sampler.close();
});
