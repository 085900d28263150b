import { MessagingError } from '../errors.ts';
import type { JobTimer } from './job-timer.ts';

/** A queue in this process alone: timers opened on it share it. */
export type MemoryJobQueue = { readonly ids: string[]; readonly wake: Set<() => void> };

/** An empty queue. */
export function createMemoryJobQueue(): MemoryJobQueue {
  return { ids: [], wake: new Set() };
}

/** The timer for those who have no Redis; what it holds ends with the process. */
export function openMemoryJobTimer(queue: MemoryJobQueue = createMemoryJobQueue()): JobTimer {
  const running = new Set<Promise<void>>();
  let handle: ((jobId: string) => Promise<void>) | null = null;
  let closed = false;
  const take = () => {
    if (closed || handle === null) return;
    for (let id = queue.ids.shift(); id !== undefined; id = queue.ids.shift()) {
      const run: Promise<void> = handle(id)
        .catch(() => undefined) // who keeps the job has seen why
        .finally(() => running.delete(run));
      running.add(run);
    }
  };
  queue.wake.add(take);
  return {
    enqueue: async (jobId) => {
      if (closed) throw new MessagingError('MSG_CLOSED', { detail: 'the timer is closed' });
      queue.ids.push(jobId);
      queueMicrotask(() => {
        for (const each of queue.wake) each();
      });
    },
    consume: (handler) => {
      handle = handler;
      take();
    },
    close: async () => {
      closed = true;
      queue.wake.delete(take);
      await Promise.all(running);
    },
  };
}
