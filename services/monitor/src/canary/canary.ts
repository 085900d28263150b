import { randomUUID } from 'node:crypto';
import type { PipelineAnswer } from '@tradestream/answers';
import { commandHeaders, encodeCommand, frame, type Schemas, type Topics } from '@tradestream/contracts';
import type { Producer } from '@tradestream/messaging';
import { type Closeable, errorOf, type Logger, sleep } from '@tradestream/runtime';
import { commandKey, type TradeCommand } from '@tradestream/trading';
import { MonitorError } from '../errors.ts';
import type { NodeLink } from '../sources/node-link.ts';

export type CanaryOptions = {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly topics: Topics;
  readonly schemas: Schemas;
  readonly producer: Producer;
  readonly primary: () => NodeLink | null;
  readonly replica: () => NodeLink | null;
  readonly log: Logger;
};

type Answer = PipelineAnswer['canary'];
type Receipt = { readonly partition: number; readonly seq: number | null };

const USER = 'tradestream-canary';
const ASSET = 'CANARY';
const AMOUNT = 1_000_000_000_000_000_000n;
const POLL_MS = 25;
/** A pipeline that starts together with the monitor may need so long until its first command comes back, ms. */
const START_MS = 30_000;

/**
 * A command of its own at an interval, followed through the whole pipeline: deposits and withdrawals
 * of one unit in turn, so that what it owns stays where it is.
 */
export class Canary implements Closeable {
  readonly #options: CanaryOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #schemaId: number | null = null;
  readonly #startedMs = performance.now();
  #isDeposit = true;
  #hasReturned = false;
  #answer: Answer = CANARY_UNKNOWN;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get answer(): Answer {
    return this.#answer;
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('the monitor is stopping'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const { appliedSeconds, visibleSeconds } = await this.#fly();
        this.#hasReturned = true;
        this.#answer = { ...CANARY_UNKNOWN, ok: true, appliedSeconds, visibleSeconds, at: new Date().toISOString() };
      } catch (error) {
        if (signal.aborted) return;
        const { message } = errorOf(error);
        const isJudged = this.#hasReturned || performance.now() - this.#startedMs > START_MS;
        this.#answer = { ...CANARY_UNKNOWN, detail: message, at: isJudged ? new Date().toISOString() : null };
        this.#options.log.debug({ error: errorOf(error) }, 'canary_lost');
      }
      await sleep(this.#options.intervalMs, signal).catch(() => undefined); // ended by close
    }
  }

  async #fly(): Promise<{ readonly appliedSeconds: number; readonly visibleSeconds: number | null }> {
    const { producer, topics, timeoutMs, schemas, replica } = this.#options;
    this.#schemaId ??= (await schemas.register()).commandSchemaId;
    const commandId = randomUUID();
    const command: TradeCommand = {
      type: this.#isDeposit ? 'DepositFunds' : 'WithdrawFunds',
      userId: USER,
      asset: ASSET,
      amount: AMOUNT,
    };
    const startedMs = performance.now();
    const deadlineMs = startedMs + timeoutMs;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(timeoutMs)]);
    const record = {
      key: commandKey(command),
      value: frame(this.#schemaId, encodeCommand({ commandId, command })),
      headers: commandHeaders({ commandId, type: command.type, source: '/tradestream/monitor', timeMs: Date.now() }),
    };
    await producer.send(topics.commands, [record], { signal }).catch((cause: unknown) => {
      if (!signal.aborted) throw cause;
      throw new MonitorError('CANARY_LOST', { cause, detail: `it was not published within ${timeoutMs} ms` });
    });
    const receipt = await this.#poll('its receipt', deadlineMs, () => this.#receipt(commandId));
    const appliedSeconds = (performance.now() - startedMs) / 1_000;
    // Turned only now: a deposit that is not known to have been applied is not taken back.
    this.#isDeposit = !this.#isDeposit;
    const link = replica();
    const { seq, partition } = receipt;
    if (link === null || seq === null) return { appliedSeconds, visibleSeconds: null };
    await this.#poll('its sight on a replica', deadlineMs, () => isVisible(link, partition, seq));
    return { appliedSeconds, visibleSeconds: (performance.now() - startedMs) / 1_000 };
  }

  async #receipt(commandId: string): Promise<Receipt | null> {
    const rows = await this.#options.primary()?.query<Receipt>({
      text: 'SELECT partition, seq::float8 FROM ledger.receipts WHERE command_id = $1',
      values: [commandId],
    });
    return rows?.[0] ?? null;
  }

  async #poll<T>(what: string, deadlineMs: number, ask: () => Promise<T | null>): Promise<T> {
    for (;;) {
      const answer = await ask();
      if (answer !== null) return answer;
      if (performance.now() > deadlineMs)
        throw new MonitorError('CANARY_LOST', { detail: `${what} did not come within ${this.#options.timeoutMs} ms` });
      await sleep(POLL_MS, this.#stopping.signal);
    }
  }
}

/** What the balances projection shows; null while it does not yet. */
async function isVisible(link: NodeLink, partition: number, seq: number): Promise<true | null> {
  const rows = await link.query({
    text: `SELECT FROM views.positions WHERE projection = 'balances' AND partition = $1 AND seq >= $2`,
    values: [partition, seq],
  });
  return rows.length > 0 ? true : null;
}

const CANARY_UNKNOWN: Answer = {
  enabled: true,
  ok: false,
  appliedSeconds: null,
  visibleSeconds: null,
  detail: '',
  at: null,
};

/** The answer of a canary that is switched off. */
export const CANARY_OFF: Answer = { ...CANARY_UNKNOWN, enabled: false };
