import { randomInt, randomUUID } from 'node:crypto';
import { sleep } from '@tradestream/runtime';
import type { LedgerWorld } from './ledger-world.ts';
import { deposit } from './poison-records.ts';

const COMMANDS_MAX = 80;
const PAUSE_MS = { least: 50, most: 6_000 } as const;

/** Bursts of deposits with pauses between, until it is closed: an ordinary day, faster. */
export class SteadyLoad implements AsyncDisposable {
  sent = 0;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(world: LedgerWorld) {
    this.#running = this.#run(world);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the load has ended'));
    await this.#running;
  }

  async #run(world: LedgerWorld): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const commands = Array.from({ length: randomInt(1, COMMANDS_MAX) }, () => ({
        commandId: randomUUID(),
        command: deposit(`user-${randomInt(50)}`, '1'),
      }));
      // While the broker is down nothing is sent: that is no part of what is judged.
      const places = await world.producer
        .send(world.topics.commands, world.recordsOf(commands), { signal })
        .catch(() => []);
      this.sent += places.length;
      await sleep(randomInt(PAUSE_MS.least, PAUSE_MS.most), signal).catch(() => undefined);
    }
  }
}
