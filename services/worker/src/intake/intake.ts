import type { LogRecord } from '@tradestream/messaging';

type Lane = { records: LogRecord[]; head: number; bytes: number; drained: (() => void)[]; held: boolean };

/** Of values that wait in a lane before its fetching pauses, and of a batch: both are held in memory several times over. */
const LANE_BYTES_MAX = 4 * 1024 * 1024;
const BATCH_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Records that wait to be applied, a lane a partition. A batch is merged over the lanes by
 * (timestamp, partition, offset), each lane keeping its own order.
 */
export class Intake {
  readonly #lanes = new Map<number, Lane>();
  readonly #queueRecordsMax: number;
  #waiting = 0;
  #arrival: PromiseWithResolvers<void> | null = null;

  constructor(options: { readonly queueRecordsMax: number }) {
    this.#queueRecordsMax = options.queueRecordsMax;
  }

  /** Records that could be taken. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds records at the end of their lane; resolves when there is room for more: the back-pressure. */
  async push(partition: number, records: readonly LogRecord[]): Promise<void> {
    const lane = this.#laneOf(partition);
    for (const record of records) {
      lane.records.push(record);
      lane.bytes += bytesOf(record);
    }
    this.#count(lane, records.length);
    if (this.#hasRoom(lane)) return;
    await new Promise<void>((resolve) => lane.drained.push(resolve));
  }

  /** Resolves once any record waits. */
  async ready(): Promise<void> {
    if (this.#waiting > 0) return;
    this.#arrival ??= Promise.withResolvers<void>();
    await this.#arrival.promise;
  }

  /** Takes up to `countMax` records, the oldest of all lanes first. */
  take(countMax: number): LogRecord[] {
    const lanes = [...this.#lanes.values()].filter((lane) => !lane.held && lane.head < lane.records.length);
    const taken: LogRecord[] = [];
    for (let bytes = 0; taken.length < countMax && bytes < BATCH_BYTES_MAX && lanes.length > 0; ) {
      const lane = lanes.length === 1 ? lanes[0] : oldest(lanes);
      const record = lane?.records[lane.head];
      if (lane === undefined || record === undefined) break;
      lane.head += 1;
      lane.bytes -= bytesOf(record);
      bytes += bytesOf(record);
      taken.push(record);
      if (lane.head === lane.records.length) lanes.splice(lanes.indexOf(lane), 1);
    }
    this.#waiting -= taken.length;
    for (const lane of this.#lanes.values()) this.#release(lane);
    return taken;
  }

  /** Puts records of a batch that did not commit back in front of their lanes, in their order. */
  putBack(records: readonly LogRecord[]): void {
    const byPartition = Map.groupBy(records, (record) => record.partition);
    for (const [partition, ofLane] of byPartition) {
      const lane = this.#laneOf(partition);
      lane.records = [...ofLane, ...lane.records.slice(lane.head)];
      lane.head = 0;
      lane.bytes = sumOf(lane.records);
      this.#count(lane, ofLane.length);
    }
  }

  /** Leaves a lane alone: nothing of it is taken until `resume`. */
  hold(partition: number): void {
    const lane = this.#laneOf(partition);
    if (lane.held) return;
    this.#waiting -= lane.records.length - lane.head;
    lane.held = true;
  }

  resume(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane?.held !== true) return;
    lane.held = false;
    this.#count(lane, lane.records.length - lane.head);
  }

  /** Drops what waits below an offset: it was settled as applied. */
  dropBelow(partition: number, offset: number): void {
    const lane = this.#laneOf(partition);
    const kept = lane.records.slice(lane.head).filter((record) => record.offset >= offset);
    this.#count(lane, kept.length - (lane.records.length - lane.head));
    lane.records = kept;
    lane.head = 0;
    lane.bytes = sumOf(kept);
    this.#release(lane);
  }

  /** The offset of the first record that waits in a lane, if any does. */
  firstOffset(partition: number): number | undefined {
    const lane = this.#lanes.get(partition);
    return lane?.records[lane.head]?.offset;
  }

  /** Forgets a lane: its partition is not ours any more. */
  clear(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    this.#count(lane, lane.head - lane.records.length);
    this.#lanes.delete(partition);
    for (const resolve of lane.drained) resolve();
  }

  #laneOf(partition: number): Lane {
    const known = this.#lanes.get(partition);
    if (known !== undefined) return known;
    const lane: Lane = { records: [], head: 0, bytes: 0, drained: [], held: false };
    this.#lanes.set(partition, lane);
    return lane;
  }

  #release(lane: Lane): void {
    if (lane.head > 4_096 || lane.head === lane.records.length) {
      lane.records = lane.records.slice(lane.head);
      lane.head = 0;
    }
    if (!this.#hasRoom(lane)) return;
    for (const resolve of lane.drained.splice(0)) resolve();
  }

  #hasRoom(lane: Lane): boolean {
    return lane.records.length - lane.head <= this.#queueRecordsMax && lane.bytes <= LANE_BYTES_MAX;
  }

  #count(lane: Lane, more: number): void {
    if (lane.held) return;
    this.#waiting += more;
    if (this.#waiting > 0) this.#notify();
  }

  #notify(): void {
    const arrival = this.#arrival;
    this.#arrival = null;
    arrival?.resolve();
  }
}

function bytesOf(record: LogRecord): number {
  return record.valueBytes ?? record.value?.length ?? 0;
}

function sumOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, record) => sum + bytesOf(record), 0);
}

function oldest(lanes: readonly Lane[]): Lane | undefined {
  let best: Lane | undefined;
  let bestRecord: LogRecord | undefined;
  for (const lane of lanes) {
    const record = lane.records[lane.head];
    if (record === undefined) continue;
    if (bestRecord === undefined || precedes(record, bestRecord)) {
      best = lane;
      bestRecord = record;
    }
  }
  return best;
}

function precedes(a: LogRecord, b: LogRecord): boolean {
  return a.timestampMs < b.timestampMs || (a.timestampMs === b.timestampMs && a.partition < b.partition);
}
