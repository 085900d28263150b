import { DatabaseError } from '@tradestream/database';
import type { LogAdmin, LogReader } from '@tradestream/messaging';
import { AppError, errorOf, type Logger, type Readiness, waitFor } from '@tradestream/runtime';
import { PARKED_BEFORE } from '../apply/decide-batch.ts';
import { placeOf, revertPositions, type Workbench } from '../apply/prepare-batch.ts';
import type { Intake } from '../intake/intake.ts';
import type { QueueCap } from '../intake/queue-cap.ts';
import type { Pauses } from '../pauses.ts';
import type { WorkerMetrics } from '../worker-metrics.ts';
import { checkLog } from './check-log.ts';
import { askEpochs, type ClaimOptions, claimAgain, claimPartitions, releasePartitions } from './claim-partitions.ts';
import type { LedgerLink } from './ledger-link.ts';
import type { Position } from './position.ts';

export type OwnershipOptions = {
  readonly bench: Workbench;
  readonly intake: Intake;
  readonly link: LedgerLink;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly log: Logger;
  readonly readiness: Readiness;
  readonly metrics: WorkerMetrics;
  readonly pauses: Pauses;
  readonly cap: QueueCap;
  readonly owner: string;
  readonly applicationName: string;
  readonly claimTimeoutMs: number;
  readonly commitTimeoutMs: number;
  readonly batchCommandsMax: number;
  /** Aborts when the worker stops: nothing is waited for any more. */
  readonly signal: AbortSignal;
  /** Called when the set of owned partitions, or what is durable in it, has changed. */
  readonly onOwned: () => void;
};

/** Longest wait for the database of a worker that is idle. */
const CHECK_MS = 5_000;

/** Which partitions are this worker's, and from where it goes on in each: as the database says. */
export class Ownership {
  readonly #options: OwnershipOptions;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** Claims what was assigned; resolves with the offset at which each partition begins. One whose log is wrong is left out. */
  async claim(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const { bench, admin, reader, intake, log, readiness, batchCommandsMax } = this.#options;
    bench.receipts.clear(); // another owner may have edited what they are of
    await this.giveUp([...bench.positions.keys()], { release: false });
    if (partitions.length === 0) return new Map();
    const positions = await this.#untilAnswered(() =>
      claimPartitions(this.#claimOptions(), partitions, batchCommandsMax),
    );
    const wrong = await this.#untilAnswered(() => checkLog({ admin, reader, topic: bench.topic, positions }));
    for (const [partition, error] of wrong) {
      log.error({ error, partition }, 'partition_stopped');
      readiness.set(`partition-${partition}`, false, error.message);
    }
    for (const position of positions) {
      intake.clear(position.partition);
      if (wrong.has(position.partition)) continue;
      bench.positions.set(position.partition, position);
      this.#keepParked(position);
    }
    log.info(
      { partitions: positions.map(({ partition, epoch, nextOffset }) => ({ partition, epoch, nextOffset })) },
      'partitions_claimed',
    );
    this.#options.onOwned();
    return new Map([...bench.positions.values()].map((position) => [position.partition, position.nextOffset]));
  }

  /**
   * Settles what is in doubt: what the claim answers is final. Resolves with whether a new
   * assignment is to be asked for: a partition has another owner, or was set back behind what waits.
   */
  async claimAgain(): Promise<boolean> {
    const { bench, intake, link, log, cap } = this.#options;
    bench.receipts.clear(); // an edit in doubt may have been done
    const held = [...bench.positions.values()];
    const again = await this.#untilAnswered(async () => {
      await link.reopen();
      return held.length === 0 ? [] : await claimAgain(this.#claimOptions(), held);
    });
    for (const position of again) {
      const before = held.find((other) => other.partition === position.partition);
      log.info(
        { partition: position.partition, before: before?.committed.offset, now: position.nextOffset },
        'position_settled',
      );
      bench.positions.set(position.partition, {
        ...position,
        publishedSeq: Math.max(position.publishedSeq, before?.publishedSeq ?? 0),
      });
      this.#keepParked(position);
      intake.dropBelow(position.partition, position.nextOffset);
      cap.lift([position.partition]);
    }
    const lost = held
      .map(({ partition }) => partition)
      .filter((partition) => !again.some((position) => position.partition === partition));
    const rewound = again.filter(({ partition, nextOffset }) => {
      const before = held.find((other) => other.partition === partition);
      const first = intake.firstOffset(partition) ?? nextOffset;
      return first > nextOffset || nextOffset < (before?.committed.offset ?? 0);
    });
    if (lost.length > 0) log.warn({ partitions: lost }, 'partitions_fenced');
    await this.giveUp(lost, { release: false });
    this.#options.onOwned();
    return lost.length + rewound.length > 0;
  }

  /**
   * Asks the database whether every partition is still this worker's, as of the last batch.
   * @throws {DatabaseError} TS001 when one is not; {RuntimeError} RT_TIMEOUT
   */
  async check(): Promise<void> {
    const { bench, link, pauses } = this.#options;
    const held = [...bench.positions.values()];
    const { rows } = await waitFor(askEpochs(link.loads(), bench.topic, held), {
      timeoutMs: CHECK_MS,
      stage: 'asking who owns the partitions',
    });
    const lost = held.filter(({ partition, epoch }) =>
      rows.every((row) => row.partition !== partition || Number(row.epoch) !== epoch),
    );
    if (lost.length > 0) {
      throw new DatabaseError('TS001', { context: { partitions: lost.map(({ partition }) => partition).join(',') } });
    }
    pauses.over();
  }

  /** Forgets partitions; `release` tells the database, for owners that were asked to let go. */
  async giveUp(partitions: readonly number[], options: { readonly release: boolean }): Promise<void> {
    const { bench, intake, readiness, metrics, cap } = this.#options;
    cap.lift(partitions);
    const held = partitions.flatMap((partition) => bench.positions.get(partition) ?? []);
    for (const { partition } of held) {
      bench.positions.delete(partition);
      intake.clear(partition);
      metrics.forgetPartition(partition);
    }
    for (const partition of partitions) readiness.set(`partition-${partition}`, true);
    revertPositions(bench.positions);
    if (options.release && held.length > 0) await this.#releaseQuietly(held);
    this.#options.onOwned();
  }

  /** Gives everything back as the last thing; what is durable stays known here. */
  async release(): Promise<void> {
    const held = [...this.#options.bench.positions.values()];
    if (held.length > 0) await this.#releaseQuietly(held);
  }

  #keepParked(position: Position): void {
    const { bench } = this.#options;
    for (const offset of position.parkedAhead) {
      bench.setAside.set(placeOf({ partition: position.partition, offset }), {
        reason: PARKED_BEFORE,
        message: 'parked when it was read the first time',
      });
    }
  }

  async #untilAnswered<T>(work: () => Promise<T>): Promise<T> {
    const { signal, log, pauses, link } = this.#options;
    for (;;) {
      try {
        const result = await work();
        pauses.over();
        return result;
      } catch (error) {
        if (!(error instanceof AppError) || signal.aborted) throw error;
        log.warn({ error }, 'claim_failed');
        await pauses.rest(error, false);
        if (error instanceof DatabaseError || error.code === 'CLAIM_NOT_SETTLED') await link.reopen();
      }
    }
  }

  /** A courtesy: without it the next claim takes this worker for dead. */
  async #releaseQuietly(held: readonly Position[]): Promise<void> {
    const { link } = this.#options;
    if (!link.isOpen) return;
    try {
      await releasePartitions(link.loads(), this.#options.bench.topic, held);
    } catch (error) {
      this.#options.log.warn({ error: errorOf(error) }, 'release_failed');
    }
  }

  #claimOptions(): ClaimOptions {
    const { link, bench, owner, applicationName, claimTimeoutMs, commitTimeoutMs, log } = this.#options;
    return {
      session: link.apply(),
      openControl: () => link.openSession('control'),
      topic: bench.topic,
      owner,
      applicationName,
      timeoutMs: claimTimeoutMs,
      commitTimeoutMs,
      log,
    };
  }
}
