import { createRequire, syncBuiltinESMExports } from 'node:module';
import type * as timersPromises from 'node:timers/promises';
import type { Scheduler, Task } from './scheduler.ts';

/** When the simulated world began: the timestamps of its records are near real ones. */
export const EPOCH_MS = 1_767_225_600_000;

let active: Scheduler | null = null;

/** Clocks, timers and chance of this thread are the scheduler's from here on; null gives them back. */
export function timeFrom(scheduler: Scheduler | null): void {
  active = scheduler;
}

/** Puts the simulation's clocks and timers in place of the thread's own, once and for all its modules. */
export function installVirtualTime(): void {
  const real = { now: Date.now, monotonic: performance.now.bind(performance), random: Math.random };
  Date.now = () => (active === null ? real.now() : Math.floor(EPOCH_MS + active.nowMs));
  performance.now = () => active?.nowMs ?? real.monotonic();
  Math.random = () => active?.random.fraction() ?? real.random();
  installTimers();
  installPromisedTimers();
}

function installTimers(): void {
  const real = { setTimeout, clearTimeout, setInterval, clearInterval };
  const isTask = (timer: unknown): timer is Task => typeof timer === 'object' && timer !== null && 'order' in timer;
  const clear = (otherwise: (timer: never) => void) => (timer: unknown) => {
    if (isTask(timer)) timer.run = null;
    else otherwise(timer as never); // a timer that was set outside of any simulation
  };
  const timers = {
    setTimeout: (run: () => void, ms = 0) =>
      active === null ? real.setTimeout(run, ms) : active.after(active.current, ms, 'timer', run),
    clearTimeout: clear(real.clearTimeout),
    setInterval: (run: () => void, ms = 0) => (active === null ? real.setInterval(run, ms) : repeat(active, run, ms)),
    clearInterval: clear(real.clearInterval),
  };
  Object.assign(globalThis, timers);
}

/** One task object is the handle of all repetitions. */
function repeat(scheduler: Scheduler, run: () => void, ms: number): Task {
  const actor = scheduler.current;
  const handle: Task = { atMs: 0, order: -1, actor, label: 'interval', run };
  const next = () => {
    scheduler.after(actor, ms, 'interval', () => {
      if (handle.run === null) return;
      handle.run();
      next();
    });
  };
  next();
  return handle;
}

function installPromisedTimers(): void {
  const require = createRequire(import.meta.url);
  const promised: { setTimeout: typeof timersPromises.setTimeout } = require('node:timers/promises');
  const real = promised.setTimeout;
  promised.setTimeout = async (ms, value, options) => {
    const scheduler = active;
    if (scheduler === null) return await real(ms, value, options);
    return await new Promise((resolve, reject) => {
      const signal = options?.signal;
      const refuse = () => reject(new Error('aborted', { cause: signal?.reason }));
      if (signal?.aborted === true) return refuse();
      const onAbort = () => {
        scheduler.cancel(task);
        refuse();
      };
      const task = scheduler.after(scheduler.current, ms ?? 0, 'sleep', () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(value as never); // absent unless it was given
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  };
  syncBuiltinESMExports();
}
