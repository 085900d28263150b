import { setImmediate } from 'node:timers/promises';
import type { Session } from '@tradestream/database';
import type { LogRecord } from '@tradestream/messaging';
import { invariant } from '@tradestream/runtime';
import {
  type DecodedCommand,
  type DecodedRecord,
  decodeRecord,
  type PoisonRecord,
  recordHash,
  schemaIdOf,
} from '../intake/decode-record.ts';
import type { SchemaBook } from '../intake/schema-book.ts';
import { type Position, type Positions, revertPosition, unblockFrom } from '../ownership/position.ts';
import type { KeptReceipts } from '../state/kept-receipts.ts';
import type { TouchedByBatch, WorkingState } from '../state/working-state.ts';
import type { ColumnPool } from './column-pool.ts';
import { type Decided, decideBatch, type ReceiptBook } from './decide-batch.ts';
import { loadBalances, loadOrders } from './load-state.ts';
import { planWrite, type WritePlan } from './write-batch.ts';
import type { PartitionMove } from './write-statements.ts';

/** What batches are made on: the kept state of one worker. Used by one batch at a time. */
export type Workbench = {
  readonly topic: string;
  readonly clusterId: string;
  readonly recordBytesMax: number;
  readonly positions: Positions;
  readonly state: WorkingState;
  readonly columns: ColumnPool;
  readonly schemas: SchemaBook;
  /** Receipts of lately seen ids; the unique index has the last word. */
  readonly receipts: KeptReceipts;
  /** Commands that failed alone, by id, with the reason: they are parked. */
  readonly failing: Map<string, string>;
  /** Records to set aside undecoded, by place: they ended their process, or failed alone before they were commands. */
  readonly setAside: Map<string, Pick<PoisonRecord, 'reason' | 'message' | 'blocksKey'>>;
};

export type Batch = {
  readonly records: readonly LogRecord[];
  readonly plan: WritePlan;
  /** Forgets what the batch left in the kept state, after it failed. */
  readonly forget: () => void;
};

/** Rounds of loading: orders first, then the balances that they name, and one more for what raced. */
const LOAD_ROUNDS_MAX = 4;

/** Then the process looks at its sockets: the batch before this one is still being sent, in two parts. */
const DECODED_AT_ONCE = 1_000;

/** Drops what is not ours or was applied already, and decodes the rest. */
export async function decodeRecords(
  bench: Workbench,
  records: readonly LogRecord[],
  session: Session,
): Promise<readonly DecodedRecord[]> {
  const fresh = records.filter(
    (record) => record.offset >= (bench.positions.get(record.partition)?.nextOffset ?? Infinity),
  );
  await learnSchemas(bench, fresh, session);
  const decoded: DecodedRecord[] = [];
  for (const record of fresh) {
    if (fresh.length > DECODED_AT_ONCE && decoded.length % DECODED_AT_ONCE === 0) await setImmediate();
    const aside = bench.setAside.size === 0 ? undefined : bench.setAside.get(placeOf(record));
    decoded.push(aside === undefined ? decodeRecord(record, bench) : { kind: 'poison', record, ...aside });
  }
  return decoded;
}

/** Finds out about the schemas that records name and that are not at hand. */
export async function learnSchemas(
  { schemas }: Pick<Workbench, 'schemas'>,
  records: readonly LogRecord[],
  session: Session,
): Promise<void> {
  const ids = new Set<number>();
  for (const record of records) {
    const id = schemaIdOf(record);
    if (id !== null && schemas.get(id) === undefined) ids.add(id);
  }
  if (ids.size > 0) await schemas.learn(ids, session);
}

/**
 * Decides a batch on the kept state, loading what it lacks, and puts it into statements. The kept
 * state then holds the batch's effects, before they are committed.
 */
export async function prepareBatch(
  bench: Workbench,
  taken: { readonly records: readonly LogRecord[]; readonly decoded: readonly DecodedRecord[] },
  session: Session,
): Promise<Batch> {
  try {
    for (let round = 1; ; round += 1) {
      const decided = decideOnce(bench, { ...taken, receipts: bench.receipts });
      if (decided !== null) {
        if (taken.records.length > DECODED_AT_ONCE) await setImmediate();
        return planBatch(bench, decided);
      }
      const { missingBalances, missingOrders } = bench.state;
      invariant(round < LOAD_ROUNDS_MAX, 'what a batch names is loaded within a few rounds');
      const balances = [...missingBalances.values()];
      const orders = [...missingOrders];
      bench.state.undo();
      await Promise.all([
        loadBalances(session, bench.state, balances, false),
        loadOrders(session, bench.state, orders, false),
      ]);
    }
  } finally {
    bench.state.forgetAbsences();
  }
}

/** The commands that will be decided: none that is parked, nor any behind one of its key. Their state is not asked for. */
export function commandsToDecide(bench: Workbench, decoded: readonly DecodedRecord[]): readonly DecodedCommand[] {
  const blocked = new Set<string>();
  return decoded.filter((from): from is DecodedCommand => {
    if (from.kind === 'poison') return false;
    const position = bench.positions.get(from.record.partition);
    const place = `${from.record.partition}/${from.key}`;
    if (bench.failing.has(from.commandId)) blocked.add(place);
    return !blocked.has(place) && position?.blockedKeys.has(from.key) === false;
  });
}

/** What was decided of a batch, to be planned before another is decided. */
export type DecidedBatch = {
  readonly records: readonly LogRecord[];
  readonly moves: readonly PartitionMove[];
  readonly decided: Decided;
  readonly touched: TouchedByBatch;
  readonly commandIds: readonly string[];
  readonly schemaIds: ReadonlySet<number>;
};

/** Decides a batch on the state as it is. Null when that state lacks something. */
export function decideOnce(
  bench: Workbench,
  input: {
    readonly records: readonly LogRecord[];
    readonly decoded: readonly DecodedRecord[];
    readonly receipts: TransientReceipts;
  },
): DecidedBatch | null {
  const { state, positions } = bench;
  const { records, decoded, receipts } = input;
  const before = new Map([...positions.values()].map((position) => [position.partition, snapshot(position)]));
  const commandIds: string[] = [];
  const takeBack = () => {
    for (const [partition, values] of before) {
      const position = positions.get(partition);
      if (position === undefined) continue;
      Object.assign(position, values);
      unblockFrom(position, values.nextOffset);
    }
    for (const commandId of commandIds) receipts.delete(commandId);
  };
  state.begin();
  let decided: Decided;
  try {
    decided = decideBatch({
      records: decoded,
      state,
      receipts,
      onReceipt: (commandId) => commandIds.push(commandId),
      positions,
      failing: bench.failing,
    });
  } catch (error) {
    state.undo();
    takeBack();
    throw error;
  }
  if (state.missingBalances.size + state.missingOrders.size > 0) {
    takeBack();
    return null;
  }
  for (const commandId of commandIds) keepReceipt(bench, receipts, commandId);
  const moves = moveAll(bench, decoded, before);
  const touched = state.take();
  const schemaIds = new Set(decoded.map((record) => schemaIdOf(record.record) ?? -1));
  return { records, moves, decided, touched, commandIds, schemaIds };
}

/** Puts a decided batch into statements. What it was decided from is garbage then. */
export function planBatch(bench: Workbench, made: DecidedBatch): Batch {
  const { records, moves, decided, touched, commandIds, schemaIds } = made;
  const { topic, columns, schemas, state, receipts } = bench;
  const plan = planWrite({
    topic,
    memory: columns.take(),
    moves,
    decided,
    touched,
    schemas: schemas.unstored(schemaIds),
  });
  return { records, plan, forget: forgetting({ state, receipts, touched, commandIds }) };
}

/** Made on its own: beside what a batch was decided from it would hold all of that. */
function forgetting({
  state,
  receipts,
  touched,
  commandIds,
}: Pick<Workbench, 'state' | 'receipts'> & Pick<DecidedBatch, 'touched' | 'commandIds'>): () => void {
  return () => {
    state.forget(touched);
    for (const commandId of commandIds) receipts.delete(commandId);
  };
}

/** What was decided on receipts loaded afresh is kept like the rest. */
function keepReceipt(bench: Workbench, receipts: TransientReceipts, commandId: string): void {
  const receipt = receipts === bench.receipts ? undefined : receipts.get(commandId);
  if (receipt !== undefined) bench.receipts.set(commandId, receipt);
}

/** Takes every position back to what the database holds. */
export function revertPositions(positions: Positions): void {
  for (const position of positions.values()) revertPosition(position);
}

export function placeOf(record: { readonly partition: number; readonly offset: number }): string {
  return `${record.partition}/${record.offset}`;
}

type TransientReceipts = ReceiptBook & { delete(commandId: string): unknown };

type PositionValues = Pick<Position, 'nextOffset' | 'seq' | 'lastHash'>;

function snapshot({ nextOffset, seq, lastHash }: Position): PositionValues {
  return { nextOffset, seq, lastHash };
}

/** Moves the positions past the batch, and says from where to where. */
function moveAll(
  bench: Workbench,
  decoded: readonly DecodedRecord[],
  before: ReadonlyMap<number, PositionValues>,
): readonly PartitionMove[] {
  const last = new Map<number, LogRecord>();
  for (const { record } of decoded) last.set(record.partition, record);
  const moves: PartitionMove[] = [];
  for (const [partition, record] of [...last].toSorted(([a], [b]) => a - b)) {
    const position = bench.positions.get(partition);
    const from = before.get(partition);
    if (position === undefined || from === undefined) continue;
    position.nextOffset = record.offset + 1;
    position.lastHash = recordHash(record);
    moves.push({
      partition,
      epoch: position.epoch,
      fromOffset: from.nextOffset,
      toOffset: position.nextOffset,
      lastHash: position.lastHash,
      fromSeq: from.seq,
      toSeq: position.seq,
      publishedSeq: position.publishedSeq,
    });
  }
  return moves;
}
