import { appendFileSync } from 'node:fs';
import { commandToJson } from '@tradestream/contracts';
import { sleep } from '@tradestream/runtime';
import { commandKey } from '@tradestream/trading';
import type { Sent } from '../../support/ledger-world.ts';
import type { Rig } from '../rig/rig.ts';
import type { SeedLoad } from './seed-load.ts';

/** An id that a broker or the gateway has acknowledged, with the place that was told. */
export type Acknowledged = {
  readonly commandId: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
};

const BATCH = 25;
const PAUSE_MS = 40;
const REQUEST_MS = 5_000;
const RETRY_MS = 100;
/** Whoever is harmed this long is not coming back. */
const GIVE_UP_MS = 120_000;

/** Two writers that send until they are acknowledged, one by HTTP and one by Kafka, and write down what was. */
export class Writers {
  readonly #rig: Rig;
  readonly #journal: string;
  #acknowledged = 0;

  constructor(rig: Rig, journal: string) {
    this.#rig = rig;
    this.#journal = journal;
  }

  /** Acknowledgements so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Resolves when all is acknowledged. Commands of one key go one way, in their order. */
  async send({ sent, poison }: Pick<SeedLoad, 'sent' | 'poison'>): Promise<void> {
    const byHttp = sent.filter((each) => goesByHttp(each));
    const byKafka = sent.filter((each) => !goesByHttp(each));
    await Promise.all([
      inBatches(byHttp, async (batch) => await this.#post(batch)),
      inBatches(byKafka, async (batch) => await this.produce(batch)),
      this.#untilDone(async () => void (await this.#rig.world.producer.send(this.#rig.world.topics.commands, poison))),
    ]);
  }

  async produce(batch: readonly Sent[]): Promise<void> {
    const { topics } = this.#rig.world;
    await this.#untilDone(async () => {
      const places = await this.#rig.world.send(batch);
      this.#writeDown(
        places.map(({ partition, offset }, index) => ({
          commandId: batch[index]?.commandId ?? '',
          topic: topics.commands,
          partition,
          offset,
        })),
      );
    });
  }

  /** A gateway that answers no, or not at all, is asked again with the same ids: for what it has not acknowledged. */
  async #post(batch: readonly Sent[]): Promise<void> {
    let left = batch;
    await this.#untilDone(async () => {
      const answer = await fetch(`${this.#rig.gatewayUrl}/v1/commands`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(left.map((each) => commandToJson(each))),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      const body = (await answer.json()) as readonly (Acknowledged & { readonly status?: number })[]; // our own route
      if (!Array.isArray(body)) throw new Error(`the gateway answered ${answer.status}: ${JSON.stringify(body)}`);
      this.#writeDown(body.filter(({ status }) => status === undefined));
      left = left.filter((_each, index) => body[index]?.status !== undefined);
      if (left.length > 0)
        throw new Error(
          `${left.length} commands were refused: ${JSON.stringify(body.find(({ status }) => status !== undefined))}`,
        );
    });
  }

  async #untilDone(work: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + GIVE_UP_MS;
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  #writeDown(acknowledged: readonly Acknowledged[]): void {
    const lines = acknowledged.map(({ commandId, topic, partition, offset }) =>
      JSON.stringify({ commandId, topic, partition, offset }),
    );
    if (lines.length > 0) appendFileSync(this.#journal, `${lines.join('\n')}\n`);
    this.#acknowledged += lines.length;
  }
}

async function inBatches(sent: readonly Sent[], send: (batch: readonly Sent[]) => Promise<void>): Promise<void> {
  for (let start = 0; start < sent.length; start += BATCH) {
    await send(sent.slice(start, start + BATCH));
    await sleep(PAUSE_MS);
  }
}

function goesByHttp({ command }: Sent): boolean {
  const key = commandKey(command);
  let sum = 0;
  for (const character of key) sum += character.charCodeAt(0);
  return sum % 2 === 0;
}
