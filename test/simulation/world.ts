import { Archivists } from './archivists.ts';
import { chooseCommands, type Sending } from './commands.ts';
import type { SessionManners } from './database/ends.ts';
import { plantFaults } from './faults.ts';
import { type Life, startProjector, startWorker } from './nodes.ts';
import { Operators } from './operators.ts';
import { judge } from './oracle.ts';
import { chooseProfile, type Extra, type Profile, withExtras } from './profile.ts';
import { Random } from './random.ts';
import { Readers } from './readers.ts';
import { Actor, Scheduler } from './scheduler.ts';
import { timeFrom } from './virtual-time.ts';
import { openWiring, type Wiring } from './wiring.ts';

export type SeedReport = {
  readonly seed: number;
  /** The same for the same seed, whatever machine runs it. */
  readonly trace: string;
  readonly steps: number;
  readonly commands: number;
  readonly deadlocks: number;
  /** What does not hold; empty when all does. */
  readonly failures: readonly string[];
  /** What happened, when it was asked for. */
  readonly lines: readonly string[];
};

export type SeedOptions = {
  readonly keepLines?: boolean;
  /** A planted bug: statements of the database, connections or producers made wrong. */
  readonly statements?: Parameters<typeof openWiring>[2];
  readonly manners?: SessionManners;
  readonly forgetfulProducer?: boolean;
  /** Makes the world harder than its seed would. */
  readonly profile?: (profile: Profile) => Profile;
  /** What every world has, and not only some. */
  readonly extras?: readonly Extra[];
  /** Shows what the world is made of before it begins. */
  readonly onOpened?: (wiring: Wiring) => void;
};

const LATEST_MS = 400_000;
const STEPS_MAX = 60_000;
const RESEND_MS = 10;
const EXTRA_SEED = 0x5f356495;
/** What is looked at only now and then. */
const LOOK_EVERY = 8;

/** Runs one world to its end and judges it. Never throws for what the product does. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedReport> {
  const random = new Random(seed);
  const scheduler = new Scheduler(random, { keepLines: options.keepLines === true });
  timeFrom(scheduler);
  const failures: string[] = [];
  const onUnhandled = (error: unknown) => failures.push(`a rejection that nobody handles: ${String(error)}`);
  process.on('unhandledRejection', onUnhandled);
  try {
    const chosen = withExtras(chooseProfile(random), new Random(seed ^ EXTRA_SEED), options.extras ?? []);
    const profile = options.profile?.(chosen) ?? chosen;
    const wiring = await openWiring(scheduler, profile, options.statements ?? ((same) => same));
    wiring.server.manners = options.manners ?? {};
    wiring.log.isForgetful = options.forgetfulProducer === true;
    options.onOpened?.(wiring);
    const world = new World(wiring, failures);
    try {
      await world.run(chooseCommands(random, profile));
      failures.push(...judge(wiring));
    } catch (error) {
      failures.push(`the world breaks: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    const { deadlocks } = wiring.server;
    const { trace, steps, lines } = scheduler;
    return { seed, trace, steps, commands: profile.commands, deadlocks, failures, lines };
  } finally {
    timeFrom(null);
    process.off('unhandledRejection', onUnhandled);
  }
}

class World {
  readonly #wiring: Wiring;
  readonly #failures: string[];
  readonly #lives = { worker: [] as Life[], projector: [] as Life[] };
  readonly #writer = new Actor('writer');
  readonly #operators: Operators;
  readonly #archivists: Archivists;
  #unsent = 0;
  #started = 0;
  #looked = 0;

  constructor(wiring: Wiring, failures: string[]) {
    this.#wiring = wiring;
    this.#failures = failures;
    this.#archivists = new Archivists(wiring, (error) => failures.push(`archiving fails: ${error.stack}`));
    this.#operators = new Operators(wiring, (error) => failures.push(`an operator fails: ${error.stack}`));
  }

  async run(sendings: readonly Sending[]): Promise<void> {
    const { scheduler } = this.#wiring;
    for (const kind of ['worker', 'worker', 'projector', 'projector'] as const) this.#start(kind);
    this.#send(sendings);
    this.#operators.start();
    this.#archivists.start();
    new Readers(this.#wiring, (failure) => this.#failures.push(failure)).start();
    plantFaults(this.#wiring, {
      living: (kind) => this.#lives[kind],
      kill: (life) => this.#kill(life),
      stop: (life) => this.#stop(life),
    });
    const ended = await scheduler.run(() => this.#isOver(), { untilMs: LATEST_MS, stepsMax: STEPS_MAX });
    if (ended !== 'over') this.#failures.push(`not all came to its end (${ended}): ${this.#whatIsLeft().join('; ')}`);
  }

  #start(kind: 'worker' | 'projector'): void {
    this.#started += 1;
    const fail = (error: Error) => {
      if (life.actor.alive) this.#failures.push(`${life.actor.name} ended: ${error.stack ?? error.message}`);
    };
    const start = kind === 'worker' ? startWorker : startProjector;
    const life = start(this.#wiring, `${kind}-${this.#started}`, fail);
    life.onEnded = () => this.#kill(life);
    this.#lives[kind].push(life);
  }

  #kill(life: Life): void {
    const { scheduler, server, log, profile } = this.#wiring;
    if (!life.actor.alive) return;
    scheduler.note(`kill ${life.actor.name}`);
    life.actor.alive = false;
    this.#replace(life);
    for (const backend of server.backends) {
      if (backend.session.actor !== life.actor) continue;
      scheduler.after(server.actor, server.hop(), `hang up ${backend.pid}`, () => server.hangUp(backend));
    }
    scheduler.after(log.actor, profile.sessionTimeoutMs, 'session timeout', () => life.member?.leave());
  }

  #stop(life: Life): void {
    const { scheduler } = this.#wiring;
    this.#replace(life);
    scheduler.after(life.actor, 0, 'SIGTERM', () => void life.stop().catch(() => undefined)); // told by `fail`
  }

  /** Another one takes its place after a while. */
  #replace(life: Life): void {
    const { scheduler, server } = this.#wiring;
    for (const kind of ['worker', 'projector'] as const) {
      const at = this.#lives[kind].indexOf(life);
      if (at < 0) continue;
      this.#lives[kind].splice(at, 1);
      scheduler.after(server.actor, scheduler.random.pick([1, 30, 200]), 'replace', () => this.#start(kind));
    }
  }

  #send(sendings: readonly Sending[]): void {
    const { scheduler, log, topics, profile } = this.#wiring;
    this.#unsent = sendings.length;
    for (const { atMs, record } of sendings) {
      const send = () => {
        log.append(topics.commands, record);
        // A writer that hears nothing sends again.
        const isUnheard = scheduler.nowMs < profile.healedAtMs && scheduler.random.chance(profile.chances.loseAnswer);
        if (isUnheard) scheduler.after(this.#writer, RESEND_MS, 'send again', send);
        else this.#unsent -= 1;
      };
      scheduler.after(this.#writer, atMs, 'send', send);
    }
  }

  #isOver(): boolean {
    if (this.#failures.length > 0) return true;
    this.#looked += 1;
    if (this.#looked % LOOK_EVERY !== 0 || this.#unsent > 0) return false;
    return this.#wiring.scheduler.nowMs >= this.#wiring.profile.healedAtMs && this.#whatIsLeft().length === 0;
  }

  #whatIsLeft(): readonly string[] {
    const { ledger, views, log, topics, profile } = this.#wiring;
    const left: string[] = this.#unsent > 0 ? [`${this.#unsent} records unsent`] : [];
    for (let partition = 0; partition < profile.partitions; partition += 1) {
      const row = ledger.partitions.rows.get(String(partition));
      const end = log.endOf(topics.commands, partition);
      if (end > (row?.nextOffset ?? 0)) left.push(`partition ${partition} at ${row?.nextOffset} of ${end}`);
      if (row === undefined) continue;
      if (row.publishedSeq < row.eventSeq) left.push(`published ${row.publishedSeq} of ${row.eventSeq}`);
      for (const position of views.positions.rows.values()) {
        if (position.partition === partition && position.seq < row.eventSeq) {
          left.push(`${position.projection}/${partition} at ${position.seq} of ${row.eventSeq}`);
        }
      }
      if (row.eventSeq > 0 && !views.positions.rows.has(`balances|${partition}`)) left.push(`no views of ${partition}`);
    }
    for (const row of ledger.parked.rows.values()) if (!row.isCopied) left.push(`parked ${row.id} not copied`);
    left.push(...this.#operators.whatIsLeft(), ...this.#archivists.whatIsLeft());
    return left;
  }
}
