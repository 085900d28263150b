import { connect } from 'node:net';
import { sleep } from '@tradestream/runtime';

export type Pulse = { readonly up: boolean; readonly detail: string };

export type BrokerPulseOptions = {
  /** One small request, that fails when nothing came within its own time. */
  readonly ask: () => Promise<unknown>;
  /** `host:port` of those who are asked. */
  readonly addresses: readonly string[];
};

/** After so long a request is late, and it is worth looking whether anybody listens, ms. */
const LATE_MS = 500;
const CONNECT_MS = 1_000;

/**
 * Whether the broker lives. That a reading of the log failed is no evidence: it is many requests, and on a busy
 * machine one of them is late. A broker is down when each address refuses to connect, which is known at once, or
 * when it leaves a small request without an answer for longer than a busy one does.
 */
export class BrokerPulse {
  readonly #options: BrokerPulseOptions;
  #asking: Promise<unknown> | null = null;

  constructor(options: BrokerPulseOptions) {
    this.#options = options;
  }

  /** @throws what `ask` throws */
  async feel(): Promise<Pulse> {
    // One that is still under way is waited for by the next call: there is one at a time.
    this.#asking ??= this.#options.ask().finally(() => {
      this.#asking = null;
    });
    const asking = this.#asking;
    const isAnswered = await Promise.race([asking.then(() => true), sleep(LATE_MS).then(() => false)]);
    if (!isAnswered && (await this.#isRefused())) {
      asking.catch(() => undefined); // told already
      return { up: false, detail: 'no address accepts a connection' };
    }
    await asking;
    return { up: true, detail: '' };
  }

  async #isRefused(): Promise<boolean> {
    const refused = await Promise.all(this.#options.addresses.map(refuses));
    return refused.every(Boolean);
  }
}

/** Whether nobody listens there; what else may keep one from connecting is no answer to that. */
async function refuses(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect({ host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port), timeout: CONNECT_MS });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(false));
      socket.once('timeout', () => resolve(false));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
    });
  } finally {
    socket.destroy();
  }
}
