import { errorOf, sleep } from '@tradestream/runtime';
import { Assignment } from '../assignment.ts';
import { MessagingError } from '../errors.ts';
import type { SubscribeOptions, Subscription, SubscriptionHandler } from '../ports.ts';
import type { ClientSource } from './client-source.ts';
import { failureOf, messagingErrorOf } from './failure.ts';
import { Fetcher } from './fetcher.ts';
import { Lane } from './lane.ts';
import { Membership } from './membership.ts';

type Stop = 'rebalance' | 'lost' | 'rejoin' | 'close';

const PAUSE = { initialMs: 100, maxMs: 1_000 } as const;
const HEARTBEAT_MS_MAX = 1_000;
const CLOSE_WAIT_MS = 5_000;

/**
 *   joining -> serving -> draining -> joining ...
 *      \__________\____________\-> closing -> ended
 *
 * serving: the owner was told its partitions; fetches and heartbeats run side by side. It stops on a
 * rebalance, when the group has lost this member, on `rejoin`, on `close`, and on any failure that a
 * new connection does not mend. draining: nothing is delivered, heartbeats go on until the owner has
 * let go. Every end of an assignment goes through draining, so `revoked` is never left out.
 */
export class KafkaSubscription implements Subscription {
  readonly ended: Promise<void>;
  readonly #source: ClientSource;
  readonly #options: Required<SubscribeOptions>;
  readonly #handler: SubscriptionHandler;
  readonly #membership: Membership;
  #assignment: Assignment | undefined;
  #stop: (reason: Stop) => void = () => undefined;
  #closing = false;
  #pauseMs = 0;

  constructor(source: ClientSource, options: SubscribeOptions, handler: SubscriptionHandler) {
    const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
    this.#source = source;
    this.#handler = handler;
    this.#options = {
      sessionTimeoutMs,
      fetchBytesMax: 1024 * 1024,
      fetchWaitMs: 100,
      fetchGatherMs: 0,
      drainMs: sessionTimeoutMs / 2,
      ...options,
    };
    // Long enough for the slowest member to drain twice (calls, then `revoked`) and come back.
    const rebalanceTimeoutMs = this.#options.drainMs * 2 + sessionTimeoutMs;
    this.#membership = new Membership(source, { ...this.#options, sessionTimeoutMs, rebalanceTimeoutMs });
    this.ended = this.#run();
    this.ended.catch(() => undefined);
  }

  async commit(next: ReadonlyMap<number, number>): Promise<void> {
    const held = this.#assignment?.partitions ?? [];
    const mine = new Map([...next].filter(([partition]) => held.includes(partition)));
    if (mine.size === 0) return;
    try {
      await this.#membership.commit(mine);
    } catch (error) {
      // A courtesy: a stale generation or a broker away costs nothing but the tools' view of the lag.
      this.#source.settings.log.debug({ group: this.#options.group, error }, 'kafka_commit_failed');
    }
  }

  async rejoin(): Promise<void> {
    this.#stop('rejoin');
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#stop('close');
    // A member that is just joining cannot be told to stop; one that waits for a broker can.
    const timer = setTimeout(() => this.#source.close(), CLOSE_WAIT_MS + this.#options.drainMs * 2);
    if (this.#assignment === undefined) this.#source.giveUpConnecting();
    await this.ended.catch(() => undefined);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closing) await this.#join();
    } finally {
      this.#closing = true;
      await this.#membership.leave();
      this.#source.close();
    }
  }

  async #join(): Promise<void> {
    const { log } = this.#source.settings;
    const { group, topic } = this.#options;
    try {
      const partitions = await this.#membership.join();
      if (this.#closing) return;
      log.info({ group, topic, partitions }, 'partitions_assigned');
      const reason = await this.#serve(new Assignment(this.#handler, partitions));
      log.info({ group, topic, reason }, 'partitions_revoked');
      this.#pauseMs = 0;
      if (reason === 'lost') this.#membership.forget();
      if (reason === 'rejoin') await this.#membership.leave();
    } catch (error) {
      if (this.#closing && !(error instanceof MessagingError && error.code === 'MSG_HANDLER_FAILED')) return;
      await this.#recover(error);
    }
  }

  /** Pauses before the next join, or throws what no new join can mend. */
  async #recover(thrown: unknown): Promise<void> {
    const { log } = this.#source.settings;
    const { group, topic } = this.#options;
    // The owner judges again where to begin when it is asked at the next assignment.
    const askAgain = thrown instanceof MessagingError && thrown.code === 'MSG_OFFSET_OUT_OF_RANGE';
    const failure = failureOf(thrown);
    if (failure === 'fatal' && !askAgain) throw messagingErrorOf(thrown, { group, topic });
    if (failure === 'lost') this.#membership.forget();
    if (askAgain) log.error({ group, topic, error: thrown }, 'offset_out_of_range');
    else log.debug({ group, topic, failure, reason: errorOf(thrown).message }, 'join_failed');
    // A rebalance is the group at work; everything else waits longer each time.
    this.#pauseMs = failure === 'rebalance' ? 0 : Math.min(PAUSE.maxMs, Math.max(PAUSE.initialMs, this.#pauseMs * 2));
    const pause = new AbortController();
    this.#stop = () => pause.abort();
    if (!this.#closing) await sleep(this.#pauseMs, pause.signal).catch(() => undefined);
  }

  async #serve(assignment: Assignment): Promise<Stop> {
    const stop = Promise.withResolvers<Stop>();
    const served = new AbortController();
    this.#assignment = assignment;
    this.#stop = stop.resolve;
    const heartbeats = this.#heartbeat(served.signal, stop);
    this.#consume(assignment).catch(stop.reject);
    try {
      return await stop.promise;
    } finally {
      this.#assignment = undefined;
      this.#stop = () => undefined;
      try {
        await assignment.end(this.#options.drainMs);
      } finally {
        served.abort();
        await heartbeats;
      }
    }
  }

  async #consume(assignment: Assignment): Promise<void> {
    const starts = await assignment.begin();
    const lanes = [...starts].map(([partition, offset]) => new Lane(partition, offset));
    const { topic, fetchBytesMax, fetchWaitMs, fetchGatherMs } = this.#options;
    const watchdogMs = 2 * fetchWaitMs + this.#source.settings.requestTimeoutMs / 2;
    const fetcher = new Fetcher(this.#source, { topic, fetchBytesMax, fetchWaitMs, fetchGatherMs, watchdogMs }, lanes);
    if (lanes.length === 0) return;
    await Promise.all([
      fetcher.run(assignment.signal),
      ...lanes.map(async (lane) => await this.#pump(lane, assignment, fetcher)),
    ]);
  }

  async #pump(lane: Lane, assignment: Assignment, fetcher: Fetcher): Promise<void> {
    for (;;) {
      const batch = await lane.take(assignment.signal);
      if (batch === undefined) return;
      if (this.#membership.expired) {
        this.#stop('lost');
        return;
      }
      fetcher.wake();
      await assignment.deliver(batch);
    }
  }

  async #heartbeat(served: AbortSignal, stop: PromiseWithResolvers<Stop>): Promise<void> {
    // A third of the session lets two be lost; more often, because a rebalance is learned from the answer.
    const intervalMs = Math.min(HEARTBEAT_MS_MAX, this.#options.sessionTimeoutMs / 3);
    let waitMs = intervalMs;
    for (;;) {
      await sleep(waitMs, served).catch(() => undefined);
      if (served.aborted) return;
      waitMs = intervalMs;
      try {
        await this.#membership.heartbeat(this.#options.sessionTimeoutMs / 3);
      } catch (error) {
        const failure = failureOf(error);
        if (failure === 'rebalance' || failure === 'lost') stop.resolve(failure);
        else if (failure === 'fatal') stop.reject(error);
        else waitMs = intervalMs / 10;
        if (this.#membership.expired) stop.resolve('lost');
      }
    }
  }
}
