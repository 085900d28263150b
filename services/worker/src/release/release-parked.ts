import type { Session } from '@tradestream/database';
import { errorOf } from '@tradestream/runtime';
import { BatchFailure } from '../apply/apply-batch.ts';
import { CommandDefect } from '../apply/decide-batch.ts';
import { loadBalances, loadNamed, loadReceipts } from '../apply/load-state.ts';
import { type Batch, learnSchemas, revertPositions, type Workbench } from '../apply/prepare-batch.ts';
import { planWrite, rollBack, writeBatch } from '../apply/write-batch.ts';
import { lockPartitions } from '../apply/write-statements.ts';
import { type DecodedRecord, decodeRecord, schemaIdOf } from '../intake/decode-record.ts';
import type { QueueCap } from '../intake/queue-cap.ts';
import type { LedgerLink } from '../ownership/ledger-link.ts';
import { blockKey, type Position, revertPosition } from '../ownership/position.ts';
import type { WrittenEvents } from '../relay/written-events.ts';
import type { KnownReceipt } from '../state/receipt-table.ts';
import { type DecidedRelease, decideReleased } from './decide-released.ts';
import { intentsWait, loadQueues, markTries, type ParkedRow, type ReleaseQueues } from './parked-rows.ts';
import { planRelease, type Release, type ReleasePlan, TRIES_TOGETHER_MAX } from './plan-release.ts';
import { settleRelease } from './release-statements.ts';

export type ReleaserOptions = {
  readonly bench: Workbench;
  readonly link: LedgerLink;
  readonly eventSchemaId: number;
  readonly commitTimeoutMs: number;
  /** Most parked records of one batch. */
  readonly recordsMax: number;
  readonly cap: QueueCap;
  /** Called once a release is durable. */
  readonly onCommitted: (batch: Batch, written: WrittenEvents | null, startedMs: number) => void;
};

/** `batch` is null when nothing is to be written. */
type Prepared = { readonly plan: ReleasePlan; readonly release: DecidedRelease; readonly batch: Batch | null };

/**
 * Releases what is parked, in batches of their own between those of the log: under the partition
 * rows, so that every record of the log up to there is settled, and a key's queue comes before any
 * newer record of that key. What becomes of each record is written with what it does; nothing is
 * published again.
 */
export class ParkedReleaser {
  readonly #options: ReleaserOptions;
  #countMax: number;
  /** What the last round decided. */
  #tried: readonly Release[] = [];
  /** Why records failed alone, by their id. */
  readonly #failing = new Map<number, string>();
  /** Records that this process has begun to release: it marks each once, however often it tries. */
  readonly #marked = new Set<number>();
  /** The ownership under which they failed: what was mended under another owner is tried afresh. */
  #epochs = '';

  constructor(options: ReleaserOptions) {
    this.#options = options;
    this.#countMax = options.recordsMax;
  }

  /** Most records that a release takes. */
  get recordsMax(): number {
    return this.#options.recordsMax;
  }

  /** Whether anything may be released now. */
  async waits(): Promise<boolean> {
    const { bench, link } = this.#options;
    const positions = [...bench.positions.values()];
    if (positions.length === 0) return false;
    if (positions.some(({ releasing }) => releasing.size > 0)) return true;
    const partitions = positions.map(({ partition }) => partition);
    return await intentsWait(link.loads(), { topic: bench.topic, partitions });
  }

  /**
   * Releases once; resolves with whether there may be more. No batch may be under way.
   * @throws {BatchFailure}
   */
  async release(): Promise<boolean> {
    this.#tried = [];
    const { bench, link, eventSchemaId, commitTimeoutMs } = this.#options;
    const startedMs = performance.now();
    let batch: Batch | null = null;
    try {
      if (!(await this.waits())) return false;
      const prepared = await this.#prepare();
      batch = prepared.batch;
      if (batch === null) await link.apply().query({ text: 'ROLLBACK' });
      else {
        const { timeline } = link;
        const written = await writeBatch(link.apply(), batch.plan, {
          timeline,
          eventSchemaId,
          commitTimeoutMs,
          begun: true,
        });
        this.#options.onCommitted(batch, written, startedMs);
      }
      this.#landed(prepared);
      return true;
    } catch (error) {
      await rollBack(link.apply());
      batch?.forget();
      revertPositions(bench.positions);
      const records = this.#tried.map(({ from }) => from.record);
      throw error instanceof BatchFailure ? error : new BatchFailure(errorOf(error), records);
    } finally {
      bench.state.forgetAbsences();
    }
  }

  /**
   * After a failure that a command of the last round is at fault for: the next round is smaller, or
   * parks again the one that stood alone. False when there is nobody to blame.
   */
  blame(cause: Error): boolean {
    const defect = cause instanceof CommandDefect ? cause.from.commandId : null;
    const suspects = this.#tried.filter(({ from }) => defect === null || from.commandId === defect);
    const [only] = suspects;
    if (suspects.length > 1) {
      this.#countMax = Math.max(1, Math.floor(Math.min(this.#countMax, suspects.length) / 2));
      return true;
    }
    if (only === undefined || this.#failing.has(only.row.id)) return false;
    this.#failing.set(only.row.id, cause.message);
    return true;
  }

  async #prepare(): Promise<Prepared> {
    const { bench, link } = this.#options;
    const session = link.apply();
    const positions = [...bench.positions.values()].toSorted((a, b) => a.partition - b.partition);
    const epochs = positions.map(({ partition, epoch }) => `${partition}:${epoch}`).join();
    if (epochs !== this.#epochs) this.#failing.clear();
    this.#epochs = epochs;
    await session.query({ text: 'BEGIN' });
    await session.query(
      lockPartitions(
        bench.topic,
        positions.map(({ partition, epoch, nextOffset }) => ({ partition, epoch, fromOffset: nextOffset })),
      ),
    );
    const { queues, countMax } = await this.#load(session, positions);
    const decoded = await this.#decode(queues.rows);
    const plan = planRelease({ queues, decoded, failing: this.#failing, countMax });
    this.#tried = plan.releases;
    await this.#mark(plan.releases);
    const receipts = await loadReceipts(
      session,
      [...new Set(plan.releases.map(({ from }) => from.commandId))].toSorted(),
    );
    const toDecide = plan.releases.filter(({ failure }) => failure === null).map(({ from }) => from);
    if (toDecide.length > 0) await loadNamed(session, bench.state, toDecide);
    for (;;) {
      const prepared = this.#decideOnce(plan, positions, new Map(receipts));
      if (prepared !== null) return prepared;
      const missing = [...bench.state.missingBalances.values()];
      bench.state.undo();
      await loadBalances(session, bench.state, missing, true);
    }
  }

  /** One record at a time where workers died before. */
  async #load(
    session: Session,
    positions: readonly Position[],
  ): Promise<{ readonly queues: ReleaseQueues; readonly countMax: number }> {
    const { topic } = this.#options.bench;
    const partitions = positions.map(({ partition }) => partition);
    const releasing = positions.flatMap(({ partition, releasing: keys }) =>
      [...keys.values()].map((key) => ({ partition, key })),
    );
    const countMax = this.#countMax;
    const queues = await loadQueues(session, { topic, partitions, releasing, countMax });
    if (countMax === 1 || queues.rows.every(({ tries }) => tries < TRIES_TOGETHER_MAX)) return { queues, countMax };
    return { queues: await loadQueues(session, { topic, partitions, releasing, countMax: 1 }), countMax: 1 };
  }

  async #decode(rows: readonly ParkedRow[]): Promise<ReadonlyMap<number, DecodedRecord>> {
    const { bench, link } = this.#options;
    const wanted = rows.map(({ id, record, intent }) => ({
      id,
      record: intent?.kind === 'edit' ? { ...record, value: intent.editedValue } : record,
    }));
    await learnSchemas(
      bench,
      wanted.map(({ record }) => record),
      link.loads(),
    );
    return new Map(wanted.map(({ id, record }) => [id, decodeRecord(record, bench)]));
  }

  async #mark(releases: readonly Release[]): Promise<void> {
    const unmarked = releases.map(({ row }) => row.id).filter((id) => !this.#marked.has(id));
    if (unmarked.length === 0) return;
    await markTries(this.#options.link.loads(), unmarked);
    for (const id of unmarked) this.#marked.add(id);
  }

  /** Null when the state lacks something that a decision asked for. */
  #decideOnce(plan: ReleasePlan, positions: readonly Position[], receipts: Map<string, KnownReceipt>): Prepared | null {
    const { bench } = this.#options;
    const { state, topic, columns, schemas } = bench;
    state.begin();
    let release: DecidedRelease;
    try {
      release = decideReleased({ plan, state, receipts, positions: bench.positions });
    } catch (error) {
      state.undo();
      throw error;
    }
    if (state.missingBalances.size + state.missingOrders.size > 0) {
      positions.forEach(revertPosition);
      return null;
    }
    const touched = state.take();
    if (release.settlements.length + plan.answers.length === 0) return { plan, release, batch: null };
    const moves = positions.map((position) => ({
      partition: position.partition,
      epoch: position.epoch,
      fromOffset: position.nextOffset,
      toOffset: position.nextOffset,
      lastHash: position.lastHash,
      fromSeq: position.committed.seq,
      toSeq: position.seq,
      publishedSeq: position.publishedSeq,
    }));
    const schemaIds = new Set(plan.releases.map(({ from }) => schemaIdOf(from.record) ?? -1));
    const planned = planWrite({
      topic,
      memory: columns.take(),
      moves,
      decided: release.decided,
      touched,
      schemas: schemas.unstored(schemaIds),
      release: { moved: release.moved, statements: () => settleRelease(release, plan.answers) },
    });
    return { plan, release, batch: { records: [], plan: planned, forget: () => state.forget(touched) } };
  }

  /** What is durable now. */
  #landed({ plan, release }: Prepared): void {
    const { bench, cap, recordsMax } = this.#options;
    for (const { partition, key, state, growth } of plan.queues) {
      const position = bench.positions.get(partition);
      if (position === undefined) continue;
      const text = key.toString('utf8');
      position.queued.set(text, Math.max(0, (position.queued.get(text) ?? 0) + growth));
      if (state === 'free') {
        for (const known of [position.blockedKeys, position.releasing, position.queued]) known.delete(text);
        continue;
      }
      if (growth > 0) blockKey(position, text, -1);
      if (state === 'releasing' && position.blockedKeys.has(text)) position.releasing.set(text, key);
      else position.releasing.delete(text);
    }
    cap.lift(plan.queues.map(({ partition }) => partition));
    for (const { row } of release.settlements) {
      this.#failing.delete(row.id);
      this.#marked.delete(row.id);
    }
    // A copy of the edited payload is a duplicate from now on, which only the ledger knows.
    for (const { commandId } of release.edits) bench.receipts.delete(commandId);
    this.#countMax = Math.min(recordsMax, this.#countMax * 2);
  }
}
