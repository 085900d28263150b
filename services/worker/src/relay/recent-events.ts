import { type WrittenEvents, WrittenRecord } from './written-events.ts';

/** A batch of which `left` events are held. */
type Batch = { readonly written: WrittenEvents; left: number };

/** Events of one partition in a batch, of consecutive sequences from `firstSeq` on. */
type Run = { readonly batch: Batch; readonly firstSeq: number; readonly indexes: readonly number[] };

/**
 * Events that this worker has just committed, for its relay: reading them back costs the server and
 * this process as much as encoding them did. The table is the truth: what is not here, or does not
 * follow what was published without a gap, is read there. Told of nothing before its COMMIT has
 * answered, and emptied with every claim. Batches are held as they were written, and of each partition
 * where its events are: an object for each event would outlive the young generation, every one of them.
 */
export class RecentEvents {
  /** Runs without a gap between them, by partition. */
  readonly #lanes = new Map<number, Run[]>();
  readonly #countMax: number;
  readonly #bytesMax: number;
  /** Those of which anything is held. */
  readonly #batches = new Set<Batch>();
  #count = 0;
  #bytes = 0;

  /** At most `countMax` events are held, over all partitions, and batches of `bytesMax` together. */
  constructor({ countMax, bytesMax }: { readonly countMax: number; readonly bytesMax: number }) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  /** Adds a batch's events; of each partition in the order of their sequence. */
  add(written: WrittenEvents): void {
    const { bytesHeld } = written.framed;
    // One event keeps its whole batch: a partition that publishes nothing would keep all of them.
    if (this.#bytes + bytesHeld > this.#bytesMax) this.clear();
    const batch = { written, left: 0 };
    for (const [partition, run] of runsOf(batch)) this.#append(partition, run);
    if (batch.left === 0) return;
    this.#batches.add(batch);
    this.#bytes += bytesHeld;
  }

  /**
   * The next events of a partition, from `fromSeq` on and without a gap; empty when they are not all here.
   * What was given before is read by nobody any more: what lies before `fromSeq` is let go, and the memory
   * of a batch is used again once nothing of it is held.
   */
  next(
    partition: number,
    range: { readonly fromSeq: number; readonly toSeq: number; readonly countMax: number },
  ): readonly WrittenRecord[] {
    const lane = this.#lanes.get(partition) ?? [];
    for (let run = lane[0]; run !== undefined && run.firstSeq < range.fromSeq; run = lane[0]) {
      const published = Math.min(range.fromSeq - run.firstSeq, run.indexes.length);
      lane.shift();
      if (published < run.indexes.length) lane.unshift(withoutFirst(run, published));
      if (this.#letGo(run.batch, published)) run.batch.written.framed.release();
    }
    if (lane[0]?.firstSeq !== range.fromSeq) return [];
    const count = Math.min(range.countMax, range.toSeq - range.fromSeq + 1);
    const records: WrittenRecord[] = [];
    for (const { batch, indexes } of lane) {
      for (const index of indexes) {
        if (records.length >= count) return records;
        records.push(new WrittenRecord(batch.written, index));
      }
    }
    return records;
  }

  clear(): void {
    this.#lanes.clear();
    this.#batches.clear();
    this.#count = 0;
    this.#bytes = 0;
  }

  /** A lane with a gap, or that would be too long, begins anew with what came last. */
  #append(partition: number, run: Run): void {
    const lane = this.#lanes.get(partition) ?? [];
    this.#lanes.set(partition, lane);
    const last = lane.at(-1);
    const follows = last !== undefined && last.firstSeq + last.indexes.length === run.firstSeq;
    // A publish under way may still read what is dropped here: its memory is not used again.
    if (!follows || this.#count + run.indexes.length > this.#countMax) {
      for (const { batch, indexes } of lane.splice(0)) this.#letGo(batch, indexes.length);
    }
    const tooMany = Math.max(0, this.#count + run.indexes.length - this.#countMax);
    if (tooMany >= run.indexes.length) return; // the others' lanes fill it: read from the table
    const kept = tooMany === 0 ? run : withoutFirst(run, tooMany);
    lane.push(kept);
    kept.batch.left += kept.indexes.length;
    this.#count += kept.indexes.length;
  }

  /** Whether nothing of the batch is held any more. */
  #letGo(batch: Batch, count: number): boolean {
    batch.left -= count;
    this.#count -= count;
    if (batch.left > 0) return false;
    if (this.#batches.delete(batch)) this.#bytes -= batch.written.framed.bytesHeld;
    return true;
  }
}

function runsOf(batch: Batch): readonly (readonly [partition: number, run: Run])[] {
  const { framed } = batch.written;
  const runs: [number, Run & { indexes: number[] }][] = [];
  const latest = new Map<number, Run & { indexes: number[] }>();
  for (let index = 0; index < framed.count; index += 1) {
    const partition = framed.partition(index);
    const seq = framed.seq(index);
    const run = latest.get(partition);
    if (run !== undefined && run.firstSeq + run.indexes.length === seq) {
      run.indexes.push(index);
      continue;
    }
    const begun = { batch, firstSeq: seq, indexes: [index] };
    latest.set(partition, begun);
    runs.push([partition, begun]);
  }
  return runs;
}

function withoutFirst(run: Run, count: number): Run {
  return { batch: run.batch, firstSeq: run.firstSeq + count, indexes: run.indexes.slice(count) };
}
