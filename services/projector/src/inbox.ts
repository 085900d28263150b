import type { LogRecord } from '@tradestream/messaging';

/** What is kept of a record until it is projected: its headers and key are not needed. */
export type WaitingRecord = Pick<LogRecord, 'offset' | 'value'>;

type Lane = {
  records: WaitingRecord[];
  head: number;
  /** Offset after the last record that came. */
  nextOffset: number;
  blocked: boolean;
  drained: (() => void)[];
};

/** Records that wait to be projected, a lane a partition, each in its order. */
export class Inbox {
  readonly #lanes: ReadonlyMap<number, Lane>;
  readonly #queueRecordsMax: number;
  readonly #onWaiting: () => void;
  #turn = 0;

  /** `starts`: the offset at which each partition begins. `onWaiting` is told when more may be taken. */
  constructor(
    starts: ReadonlyMap<number, number>,
    options: { readonly queueRecordsMax: number; readonly onWaiting: () => void },
  ) {
    this.#queueRecordsMax = options.queueRecordsMax;
    this.#onWaiting = options.onWaiting;
    this.#lanes = new Map(
      [...starts].map(([partition, nextOffset]) => [
        partition,
        { records: [], head: 0, nextOffset, blocked: false, drained: [] },
      ]),
    );
  }

  /** Records that may be taken now. */
  get waiting(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) if (!lane.blocked) count += lane.records.length - lane.head;
    return count;
  }

  /** Adds records at the end of their lane; resolves when there is room for more: the back-pressure. */
  async push(partition: number, records: readonly LogRecord[]): Promise<void> {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    for (const { offset, value } of records) lane.records.push({ offset, value });
    lane.nextOffset = (records.at(-1)?.offset ?? lane.nextOffset - 1) + 1;
    this.#onWaiting();
    if (lane.records.length - lane.head <= this.#queueRecordsMax) return;
    await new Promise<void>((resolve) => lane.drained.push(resolve));
  }

  /** Up to `countMax` records, shared out evenly among the lanes that may be taken from. */
  take(countMax: number): ReadonlyMap<number, readonly WaitingRecord[]> {
    const open = [...this.#lanes].filter(([, lane]) => !lane.blocked && lane.head < lane.records.length);
    this.#turn += 1;
    const first = open.length === 0 ? 0 : this.#turn % open.length;
    const turns = [...open.slice(first), ...open.slice(0, first)];
    const taken = new Map<number, readonly WaitingRecord[]>();
    let left = countMax;
    for (const [index, [partition, lane]] of turns.entries()) {
      const share = Math.ceil(left / (turns.length - index));
      if (share === 0) break;
      const records = lane.records.slice(lane.head, lane.head + share);
      lane.head += records.length;
      left -= records.length;
      taken.set(partition, records);
      release(lane, this.#queueRecordsMax);
    }
    return taken;
  }

  /** Puts records that were taken back in front of their lane, in their order. */
  putBack(partition: number, records: readonly WaitingRecord[]): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined || records.length === 0) return;
    lane.records = [...records, ...lane.records.slice(lane.head)];
    lane.head = 0;
  }

  /** Nothing is taken from a blocked lane; its fetching stops when it is full. */
  block(partition: number, blocked: boolean): void {
    const lane = this.#lanes.get(partition);
    if (lane !== undefined) lane.blocked = blocked;
    if (!blocked) this.#onWaiting();
  }

  /** Offset of the first record that waits, or of the next to come. */
  firstOffset(partition: number): number {
    const lane = this.#lanes.get(partition);
    return lane?.records[lane.head]?.offset ?? lane?.nextOffset ?? 0;
  }

  /** Lets every `push` go: nobody takes any more. */
  close(): void {
    for (const lane of this.#lanes.values()) {
      lane.records = [];
      lane.head = 0;
      release(lane, this.#queueRecordsMax);
    }
  }
}

function release(lane: Lane, queueRecordsMax: number): void {
  if (lane.head > 4_096 || lane.head === lane.records.length) {
    lane.records = lane.records.slice(lane.head);
    lane.head = 0;
  }
  if (lane.records.length - lane.head > queueRecordsMax) return;
  for (const resolve of lane.drained.splice(0)) resolve();
}
