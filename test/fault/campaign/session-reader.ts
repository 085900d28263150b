import { newCommandId } from '@tradestream/contracts';
import { sleep } from '@tradestream/runtime';

/** What a session has seen. */
export type SessionReport = { readonly reads: number; readonly wrong: readonly string[] };

const ASSET = 'SEEN';
const PAUSE_MS = 50;
const REQUEST_MS = 3_000;

/**
 * One client that deposits 1 and reads its balance with its token, again and again: it never sees less
 * than it has written or seen before, and never more than it has sent.
 */
export class SessionReader {
  readonly #gatewayUrl: string;
  readonly #userId: string;
  readonly #wrong: string[] = [];
  #sent = 0;
  #known = 0;
  #seen = 0;
  #reads = 0;
  #token: string | null = null;
  #isOver = false;
  #running: Promise<void> | null = null;

  constructor(gatewayUrl: string, userId: string) {
    this.#gatewayUrl = gatewayUrl;
    this.#userId = userId;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** What it has seen since the last call. */
  take(): SessionReport {
    const reads = this.#reads;
    this.#reads = 0;
    return { reads, wrong: this.#wrong.splice(0) };
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#write().catch(() => undefined); // a gateway that is away is asked again
      await this.#read().catch(() => undefined);
      await sleep(PAUSE_MS);
    }
  }

  async #write(): Promise<void> {
    this.#sent += 1;
    const command = {
      commandId: newCommandId(),
      type: 'DepositFunds',
      userId: this.#userId,
      asset: ASSET,
      amount: '1',
    };
    const answer = await fetch(`${this.#gatewayUrl}/v1/commands?wait=applied&timeoutMs=1000`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(command),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const body = (await answer.json()) as { readonly outcome?: string; readonly token?: string }; // our own route
    if (answer.status !== 200 || body.token === undefined) return;
    this.#known += 1;
    this.#token = body.token;
  }

  async #read(): Promise<void> {
    const atLeast = Math.max(this.#known, this.#seen);
    const answer = await fetch(`${this.#gatewayUrl}/v1/balances/${this.#userId}?timeoutMs=1000`, {
      headers: this.#token === null ? {} : { 'x-consistency-token': this.#token },
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const body = (await answer.json()) as { readonly balances?: readonly { asset: string; available: string }[] }; // our own route
    if (answer.status !== 200 || body.balances === undefined) return;
    const value = Number(body.balances.find(({ asset }) => asset === ASSET)?.available ?? 0);
    this.#reads += 1;
    const by = answer.headers.get('x-served-by') ?? 'nobody';
    if (value < atLeast)
      this.#wrong.push(`${this.#userId} read ${value} from ${by} after it had written or seen ${atLeast}`);
    if (value > this.#sent) this.#wrong.push(`${this.#userId} read ${value} from ${by} and has sent ${this.#sent}`);
    this.#seen = value;
    this.#token = answer.headers.get('x-consistency-token') ?? this.#token;
  }
}
