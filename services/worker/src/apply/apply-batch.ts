import { DatabaseError } from '@tradestream/database';
import type { LogRecord } from '@tradestream/messaging';
import { errorOf } from '@tradestream/runtime';
import type { Intake } from '../intake/intake.ts';
import type { QueueCap, Taken } from '../intake/queue-cap.ts';
import type { LedgerLink } from '../ownership/ledger-link.ts';
import type { WrittenEvents } from '../relay/written-events.ts';
import { loadBalances, loadLocked } from './load-state.ts';
import {
  type Batch,
  commandsToDecide,
  decideOnce,
  decodeRecords,
  planBatch,
  prepareBatch,
  revertPositions,
  type Workbench,
} from './prepare-batch.ts';
import { rollBack, writeBatch } from './write-batch.ts';
import { lockPartitions } from './write-statements.ts';

export type ApplyOptions = {
  readonly bench: Workbench;
  readonly intake: Intake;
  readonly link: LedgerLink;
  readonly cap: QueueCap;
  readonly eventSchemaId: number;
  readonly commitTimeoutMs: number;
  readonly aheadCommandsMin: number;
  /** Called once a batch is durable. */
  readonly onCommitted: (batch: Batch, written: WrittenEvents | null, startedMs: number) => void;
};

/** A batch whose transaction is under way. `failure` never rejects; null means durable. */
type InFlight = { readonly batch: Batch; readonly failure: Promise<Error | null> };

/** What stopped a batch, and its records: they are back in the intake. */
export class BatchFailure extends Error {
  override readonly name = 'BatchFailure';
  readonly records: readonly LogRecord[];
  override readonly cause: Error;

  constructor(cause: Error, records: readonly LogRecord[]) {
    super(cause.message, { cause });
    this.cause = cause;
    this.records = records;
  }
}

/**
 * Applies what waits, a batch at a time, in its order: take, decode, decide, write, commit. While
 * one batch commits the next is built on its effects; at most that one is thrown away when the
 * first fails.
 */
export class BatchApplier {
  readonly #options: ApplyOptions;
  #inFlight: InFlight | null = null;

  constructor(options: ApplyOptions) {
    this.#options = options;
  }

  /** Resolves when the batch under way, if any, is settled either way. */
  async landed(): Promise<void> {
    await (this.#inFlight?.failure ?? new Promise<void>(() => undefined));
  }

  /**
   * Takes up to `countMax` records and sends them; their commit is awaited by the next call or `settle`.
   * @throws {BatchFailure} of this batch or the one before; all records not applied are back in the intake
   */
  async applyWaiting(countMax: number): Promise<void> {
    const { intake, bench, link, cap, aheadCommandsMin } = this.#options;
    const inFlight = this.#inFlight;
    // How long queues are is known once what was parked last is durable.
    if (inFlight !== null && (intake.waiting < aheadCommandsMin || inFlight.batch.plan.parked.length > 0)) {
      await this.settle();
    }
    let records: readonly LogRecord[] = intake.take(countMax);
    if (records.length === 0) return;
    const startedMs = performance.now();
    let batch: Batch;
    try {
      const taken = cap.within({ records, decoded: await decodeRecords(bench, records, link.loads()) });
      records = taken.records;
      batch = await prepareBatch(bench, taken, link.loads());
    } catch (error) {
      intake.putBack(records);
      await this.settle();
      throw this.#failed(error, records);
    }
    const lost = (await this.#inFlight?.failure) ?? null;
    if (lost !== null) {
      // What this batch was built on did not happen; the failed batch's records go in front of these.
      batch.forget();
      intake.putBack(records);
    }
    await this.settle();
    if (batch.plan.moves.length === 0) return;
    this.#send(batch, startedMs);
  }

  /**
   * Applies up to `countMax` records the careful way: everything that they name is loaded afresh
   * under locks, in the transaction that writes them.
   * @throws {BatchFailure}
   */
  async applyCarefully(countMax: number): Promise<void> {
    await this.settle();
    const { intake, bench, link, cap } = this.#options;
    let records: readonly LogRecord[] = intake.take(countMax);
    if (records.length === 0) return;
    const startedMs = performance.now();
    try {
      const taken = cap.within({ records, decoded: await decodeRecords(bench, records, link.loads()) });
      records = taken.records;
      const batch = await this.#prepareLocked(taken);
      if (batch === null) return;
      this.#options.onCommitted(batch, await this.#write(batch, true), startedMs);
    } catch (error) {
      await rollBack(link.apply());
      intake.putBack(records);
      throw this.#failed(error, records);
    } finally {
      bench.state.forgetAbsences();
    }
  }

  /**
   * Waits for the batch under way.
   * @throws {BatchFailure} when it did not commit; its records are back in the intake
   */
  async settle(): Promise<void> {
    const inFlight = this.#inFlight;
    if (inFlight === null) return;
    const failure = await inFlight.failure;
    this.#inFlight = null;
    if (failure === null) return;
    inFlight.batch.forget();
    this.#options.intake.putBack(inFlight.batch.records);
    throw this.#failed(failure, inFlight.batch.records);
  }

  async #prepareLocked({ records, decoded }: Taken): Promise<Batch | null> {
    const { bench, link } = this.#options;
    if (decoded.length === 0) return null;
    const session = link.apply();
    const partitions = [...new Set(decoded.map(({ record }) => record.partition))].toSorted((a, b) => a - b);
    const from = partitions.flatMap((partition) => {
      const position = bench.positions.get(partition);
      return position === undefined ? [] : [{ partition, epoch: position.epoch, fromOffset: position.nextOffset }];
    });
    await session.query({ text: 'BEGIN' });
    await session.query(lockPartitions(bench.topic, from));
    const receipts = await loadLocked(session, bench.state, {
      decoded,
      toDecide: commandsToDecide(bench, decoded),
    });
    for (;;) {
      const decided = decideOnce(bench, { records, decoded, receipts });
      if (decided !== null) return planBatch(bench, decided);
      const missing = [...bench.state.missingBalances.values()];
      bench.state.undo();
      await loadBalances(session, bench.state, missing, true);
    }
  }

  #send(batch: Batch, startedMs: number): void {
    const failure = this.#write(batch, false).then(
      (written) => {
        this.#options.onCommitted(batch, written, startedMs);
        return null;
      },
      (error: unknown) => errorOf(error),
    );
    this.#inFlight = { batch, failure };
  }

  async #write(batch: Batch, begun: boolean): Promise<WrittenEvents | null> {
    const { link, eventSchemaId, commitTimeoutMs } = this.#options;
    try {
      return await writeBatch(link.apply(), batch.plan, {
        timeline: link.timeline,
        eventSchemaId,
        commitTimeoutMs,
        begun,
      });
    } catch (error) {
      if (begun) batch.forget();
      throw error;
    }
  }

  #failed(error: unknown, records: readonly LogRecord[]): BatchFailure {
    revertPositions(this.#options.bench.positions);
    return error instanceof BatchFailure ? error : new BatchFailure(errorOf(error), records);
  }
}

/** Tables in which another worker may have been first with a key of its own choosing. */
const RACED: ReadonlySet<string> = new Set(['receipts', 'orders', 'trades']);

/** Whether a failure says that kept values were wrong: the batch is decided again on fresh ones. */
export function isStale(error: Error): boolean {
  if (!(error instanceof DatabaseError)) return false;
  return error.code === 'TS003' || (error.code === '23505' && RACED.has(String(error.context['table'])));
}
