import { encodeCommand, frame } from '@tradestream/contracts';
import { AppError, errorOf, sleep } from '@tradestream/runtime';
import { UNIT } from '@tradestream/trading';
import type { DeadLetterFilter } from '../../services/monitor/src/deadletters/dead-letter-filter.ts';
import { IntentStore, type Verb } from '../../services/monitor/src/deadletters/intent-store.ts';
import { CREATE } from '../../services/monitor/src/jobs/job-statements.ts';
import { NodeLink } from '../../services/monitor/src/sources/node-link.ts';
import { COMMAND_SCHEMA_ID, newId } from './commands.ts';
import type { ParkedRow } from './database/ledger-tables.ts';
import type { Press } from './profile.ts';
import { Actor } from './scheduler.ts';
import type { Wiring } from './wiring.ts';

/** What is wanted of whom; an edit's new value is base64. */
type Wish = { readonly verb: Verb; readonly filter: DeadLetterFilter; readonly editedValue: string | null };

const ANY_ID = '9007199254740991';
const TIMEOUT_MS = 1_000;
const AGAIN_MS = 15;
const SWEEP_MS = 150;
const NAMES = ['olga', 'otto'] as const;

/**
 * Those who ask for redrives, discards and edits, with the monitor's own statements: at any time, two
 * of them at once, and again under the same job when no answer comes. Once all is mended they go on
 * until no queue is left.
 */
export class Operators {
  readonly #wiring: Wiring;
  readonly #fail: (error: Error) => void;
  #pressing = 0;

  constructor(wiring: Wiring, fail: (error: Error) => void) {
    this.#wiring = wiring;
    this.#fail = fail;
  }

  start(): void {
    const { profile, scheduler, ledger, server } = this.#wiring;
    const { operators } = profile;
    if (operators === null) return;
    scheduler.after(server.actor, operators.curedAtMs, 'the defect is mended', () => {
      ledger.isCursed = false;
    });
    for (const press of operators.presses) {
      scheduler.after(new Actor('desk'), press.atMs, `press ${press.verb}`, () => this.#press(press));
    }
    scheduler.after(new Actor('sweep'), profile.healedAtMs, 'sweep', () => this.#sweep());
  }

  /** What operators still wait for. */
  whatIsLeft(): readonly string[] {
    const { ledger, profile } = this.#wiring;
    if (profile.operators === null) return [];
    const left = this.#pressing > 0 ? [`${this.#pressing} presses unanswered`] : [];
    for (const { id } of ledger.openIntents.rows.values()) left.push(`intent ${id} is open`);
    for (const { id, reason, message } of this.#queued()) left.push(`parked ${id} waits: ${reason} ${message}`);
    return left;
  }

  #queued(): readonly ParkedRow[] {
    return [...this.#wiring.ledger.parked.rows.values()].filter((row) => row.blocksKey && row.status === 'parked');
  }

  #press(press: Press): void {
    const wish = this.#wishOf(press);
    if (wish === null) return;
    for (const name of press.isTwice ? NAMES : NAMES.slice(0, 1)) this.#wish(name, wish);
  }

  #sweep(): void {
    if (this.#queued().length > 0) {
      this.#wish('olga', { verb: 'redrive', filter: { reason: 'COMMAND_FAILED' }, editedValue: null });
      this.#wish('otto', { verb: 'discard', filter: { reason: 'WORKER_KILLED' }, editedValue: null });
    }
    this.#wiring.scheduler.after(new Actor('sweep'), SWEEP_MS, 'sweep', () => this.#sweep());
  }

  #wishOf({ verb, aim }: Press): Wish | null {
    const { scheduler, ledger } = this.#wiring;
    const parked = [...ledger.parked.rows.values()].filter(({ status }) => status === 'parked');
    const one = parked[scheduler.random.below(parked.length)];
    if (verb === 'edit') {
      return one === undefined ? null : { verb, filter: { ids: [`${one.id}`] }, editedValue: this.#edited(one) };
    }
    const filter = { all: {}, failed: { reason: 'COMMAND_FAILED' }, one: { ids: [`${one?.id ?? 0}`] } };
    return { verb, filter: filter[aim], editedValue: null };
  }

  /** Mostly another amount of something that is not refused; at times one that cannot stand in its place. */
  #edited({ key, commandId }: ParkedRow): string {
    const { scheduler, ledger } = this.#wiring;
    const { random } = scheduler;
    const known = [...ledger.receipts.rows.keys()];
    const other = random.chance(0.3) ? known[random.below(known.length)] : undefined;
    const userId = key?.toString().split(':').at(-1) ?? 'ann';
    const amount = BigInt(random.between(1, 9)) * UNIT;
    const command = { type: 'DepositFunds', userId, asset: 'USD', amount } as const;
    return frame(
      COMMAND_SCHEMA_ID,
      encodeCommand({ commandId: other ?? commandId ?? newId(random), command }),
    ).toString('base64');
  }

  #wish(name: string, wish: Wish): void {
    const { scheduler } = this.#wiring;
    const actor = new Actor(name);
    const jobId = newId(scheduler.random);
    this.#pressing += 1;
    scheduler.after(actor, 0, `${name} wants ${wish.verb}`, () => {
      this.#ask(actor, jobId, wish).catch((error: unknown) => this.#fail(errorOf(error)));
    });
  }

  /** Whatever fails, the same job asks again: it is one wish. */
  async #ask(actor: Actor, jobId: string, wish: Wish): Promise<void> {
    const { server } = this.#wiring;
    const openSession = server.openerFor(actor);
    for (let isMade = false; ; ) {
      const link = new NodeLink({ name: 'primary', url: 'postgres://simulation', openSession, timeoutMs: TIMEOUT_MS });
      try {
        if (!isMade) await this.#makeJob(link, { jobId, actor, wish });
        isMade = true;
        await this.#askAll(link, { jobId, actor, wish });
        this.#pressing -= 1;
        return;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        await sleep(AGAIN_MS);
      } finally {
        await link.close();
      }
    }
  }

  async #makeJob(link: NodeLink, { jobId, actor, wish }: Job): Promise<void> {
    const values = [jobId, wish.verb, '{}', actor.name, 'simulated', null];
    try {
      await link.query({ text: CREATE, values });
    } catch (error) {
      // It was made when its answer was lost.
      if (!(error instanceof AppError) || error.code !== '23505') throw error;
    }
  }

  async #askAll(link: NodeLink, { jobId, actor, wish }: Job): Promise<void> {
    const { topics, scheduler } = this.#wiring;
    const store = new IntentStore(() => link, topics.commands);
    const limit = scheduler.random.pick([2, 100]);
    const order = { jobId, verb: wish.verb, actor: actor.name, why: 'simulated', editedValue: wish.editedValue };
    for (let after: string | null = '0'; after !== null; ) {
      const written = await store.ask(order, { filter: wish.filter, after, last: ANY_ID, limit });
      after = written.picked < limit ? null : written.lastId;
    }
  }
}

type Job = { readonly jobId: string; readonly actor: Actor; readonly wish: Wish };
