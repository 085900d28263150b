import type { EventNumbers } from '@tradestream/contracts';
import {
  type ColumnMemory,
  DatabaseError,
  type Session,
  type Statement,
  type UnnumberedCopy,
  withColumnMemory,
} from '@tradestream/database';
import { errorOf, invariant } from '@tradestream/runtime';
import type { Order } from '@tradestream/trading';
import type { WrittenEvents } from '../relay/written-events.ts';
import type { MovedReceipt } from '../release/decide-released.ts';
import type { TouchedBalances } from '../state/touched-balances.ts';
import type { OrderTouched, TouchedByBatch } from '../state/working-state.ts';
import { type Decided, type NewEvent, type NewParked, type NewReceipt, PARKED_BEFORE } from './decide-batch.ts';
import { sortByText } from './sort-by-text.ts';
import {
  addConflicts,
  addEvents,
  addOrders,
  addParked,
  addReceipts,
  addSchemas,
  addTrades,
  addZeroBalances,
  type EventColumns,
  eventColumns,
  expectAbsent,
  movePartitions,
  moveSequences,
  type PartitionMove,
  TAKE_BATCH_NUMBER,
  writeBalances,
  writeOrders,
} from './write-statements.ts';

/** One transaction's worth of writes, sorted by key and encoded but for the batch number, which the server gives. */
export type WritePlan = {
  /** Where its columns are. */
  readonly memory: ColumnMemory;
  readonly moves: readonly PartitionMove[];
  /** Null when the batch has none. */
  readonly events: EventColumns | null;
  readonly parked: readonly NewParked[];
  readonly counts: BatchCounts;
  readonly schemas: readonly { readonly id: number; readonly schema: string }[];
  /** Sent before the batch number is taken, so that every lock is held then. */
  readonly locking: readonly Statement[];
  /** Sent once the number is known: new rows. */
  readonly adding: readonly Statement[];
  /** The receipts among them, which lack their batch number. Null when the batch has none. */
  readonly receipts: UnnumberedCopy | null;
};

/** What became of the batch's records. */
export type BatchCounts = {
  readonly commands: number;
  readonly applied: number;
  readonly parked: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejected: ReadonlyMap<string, number>;
};

export type PlanInput = {
  readonly memory: ColumnMemory;
  readonly topic: string;
  readonly moves: readonly PartitionMove[];
  readonly decided: Decided;
  readonly touched: TouchedByBatch;
  readonly schemas: readonly { readonly id: number; readonly schema: string }[];
  /** Of a batch that releases parked records instead of taking records from the log. */
  readonly release?: ReleaseWrites;
};

export type ReleaseWrites = {
  /** Receipts that are there already and move to another outcome. */
  readonly moved: readonly MovedReceipt[];
  /** Made in the memory of the plan. */
  readonly statements: () => readonly Statement[];
};

/** Puts a decided batch into its statements. Order of tables, and of keys within each, is the same for every writer. */
export function planWrite(input: PlanInput): WritePlan {
  return withColumnMemory(input.memory, () => plan(input));
}

function plan(input: PlanInput): WritePlan {
  const { topic, decided, touched, release } = input;
  const { balances } = touched;
  const places = sortedPlaces(balances);
  const unmade = places.filter((place) => balances.foundVersionAt(place) === 0);
  const orders = sortByText(touched.orders, ({ current }) => current.orderId, byOrderId);
  const found = orders.filter((order): order is OrderTouched & { before: Order } => order.before !== undefined);
  const made = orders.filter((order) => order.before === undefined).map((order) => order.current);
  const receipts = sortByText(decided.receipts, ({ from }) => from.commandId, byCommandId);
  const trades = decided.events.filter(isTrade).map(withTradeKey).toSorted(byTradeKey);
  const locking = [
    release === undefined ? movePartitions(topic, input.moves) : moveSequences(topic, input.moves),
    ...when(unmade.length, () => addZeroBalances(unmade.map((place) => balances.read(place)))),
    ...when(found.length, () => writeOrders(found)),
    ...when(places.length, () => writeBalances(balances.columns(places))),
    ...when(decided.absentOrders.length + decided.absentTrades.length, () =>
      expectAbsent(decided.absentOrders, decided.absentTrades),
    ),
  ];
  const added = receipts.length === 0 ? null : addReceipts(receipts);
  const adding = [
    ...(added === null ? [] : [added.rows.statement, added.check]),
    ...when(made.length, () => addOrders(made)),
    ...when(trades.length, () => addTrades(trades)),
    ...when(decided.conflicts.length, () => addConflicts(topic, decided.conflicts)),
    ...when(decided.parked.length, () => addParked(topic, decided.parked)),
    ...when(input.schemas.length, () => addSchemas(input.schemas)),
    ...(release?.statements() ?? []),
  ];
  return {
    memory: input.memory,
    moves: input.moves,
    events: decided.events.length === 0 ? null : eventColumns(decided),
    parked: decided.parked,
    counts: countsOf(decided, release?.moved ?? []),
    schemas: input.schemas,
    locking,
    receipts: added?.rows ?? null,
    adding,
  };
}

const BEGIN: Statement = { name: 'begin', text: 'BEGIN' };

/** Of a statement that was sent: the connection went, or was given up. */
const UNANSWERED: ReadonlySet<string> = new Set(['DB_CONNECTION_LOST', 'DB_STATEMENT_TIMEOUT']);

export type WriteOptions = {
  readonly timeline: number;
  readonly eventSchemaId: number;
  readonly commitTimeoutMs: number;
  /** Whether BEGIN was sent and the partitions locked before: the careful way. */
  readonly begun: boolean;
};

/**
 * Writes a plan in one transaction and resolves when its COMMIT answered as durable. It is sent in two parts:
 * all that locks, the fence first, and the batch number; and then, the number known, the new rows and COMMIT.
 * Whatever fails inside a part leaves out what stands behind it; behind the first no COMMIT is sent then, and
 * behind the second it becomes a ROLLBACK.
 * @throws {DatabaseError} the failure of BEGIN or of the first statement that failed: nothing was
 * written; or what COMMIT's answer means
 */
export async function writeBatch(
  session: Session,
  plan: WritePlan,
  options: WriteOptions,
): Promise<WrittenEvents | null> {
  if (session.closed.aborted) throw errorOf(session.closed.reason);
  const { written, adding } = await openBatch(session, plan, options);
  const answering = session.pipeline(adding);
  try {
    await session.commit({ timeoutMs: options.commitTimeoutMs, after: answering });
  } catch (error) {
    const { failure } = await answering;
    // Where no answer came what matters is that COMMIT may have been done.
    throw failure === null || isUnanswered(failure) ? errorOf(error) : failure;
  }
  const { failure } = await answering;
  if (failure !== null) throw failure; // committed, and an answer could not be read: its receipts say so
  return written;
}

type Numbered = { readonly written: WrittenEvents | null; readonly adding: readonly Statement[] };

/** Locks, and numbers the rows. Where any of it fails nothing was committed, and no transaction is left open. */
async function openBatch(session: Session, plan: WritePlan, options: WriteOptions): Promise<Numbered> {
  const { timeline, eventSchemaId: schemaId, begun } = options;
  try {
    const batch = await lockAndNumber(session, begun ? plan.locking : [BEGIN, ...plan.locking]);
    return number(plan, { timeline, schemaId, batch });
  } catch (error) {
    await rollBack(session);
    throw error;
  }
}

async function lockAndNumber(session: Session, locking: readonly Statement[]): Promise<number> {
  const { rows, failure } = await session.pipeline([...locking, TAKE_BATCH_NUMBER]);
  if (failure !== null) throw failure;
  const [numbered] = rows[locking.length]?.rows ?? [];
  const batch = numbered !== undefined && 'batch' in numbered ? Number(numbered.batch) : Number.NaN;
  invariant(Number.isSafeInteger(batch), 'the batch number is a whole number');
  return batch;
}

/** Ends a transaction that failed, if one is open. Never rejects: a broken session has rolled back. */
export async function rollBack(session: Session): Promise<void> {
  await session.query({ text: 'ROLLBACK' }).catch(() => undefined);
}

/** Puts the batch number where it is missing. */
function number({ receipts, events, memory, adding }: WritePlan, numbers: EventNumbers): Numbered {
  receipts?.fill(numbers.batch);
  if (events === null) return { written: null, adding };
  const framed = events.encoded.number(numbers);
  const rows = withColumnMemory(memory, () => addEvents(events, framed, numbers));
  return { written: { heads: events.heads, framed }, adding: [...adding, rows] };
}

function isUnanswered(error: Error): boolean {
  return error instanceof DatabaseError && UNANSWERED.has(error.code);
}

/** What is read again at the place of its own outcome is none of these: a replay would look like a flood of poison. */
function countsOf(
  { receipts: added, parked: aside, duplicates, conflicts }: Decided,
  moved: readonly MovedReceipt[],
): BatchCounts {
  const parked = aside.filter(({ reason }) => reason !== PARKED_BEFORE);
  const receipts = moved.length === 0 ? added : [...added, ...moved];
  const rejected = new Map<string, number>();
  let applied = 0;
  for (const { outcome, reason } of receipts) {
    if (outcome === 'applied') applied += 1;
    else if (outcome === 'rejected') rejected.set(reason ?? '', (rejected.get(reason ?? '') ?? 0) + 1);
  }
  const poison = parked.filter(({ from }) => from.kind === 'poison').length;
  return {
    commands: receipts.length + poison + duplicates + conflicts.length,
    applied,
    parked: parked.length,
    duplicates,
    conflicts: conflicts.length,
    rejected,
  };
}

type TradeKeyed = NewEvent & { readonly symbol: string; readonly tradeId: string };

function isTrade(event: NewEvent): boolean {
  return event.type === 'TradeExecuted';
}

function withTradeKey(event: NewEvent): TradeKeyed {
  const { command } = event.from;
  invariant(command.type === 'ExecuteTrade', 'a TradeExecuted comes from an ExecuteTrade');
  return { ...event, symbol: command.symbol, tradeId: command.tradeId };
}

function byTradeKey(a: TradeKeyed, b: TradeKeyed): number {
  return compareText(a.symbol, b.symbol) || compareText(a.tradeId, b.tradeId);
}

/** By user, then by asset. */
function sortedPlaces(balances: TouchedBalances): readonly number[] {
  const places = Array.from({ length: balances.count }, (_, place) => place);
  return sortByText(
    places,
    (place) => balances.userAt(place),
    (a, b) =>
      compareText(balances.userAt(a), balances.userAt(b)) || compareText(balances.assetAt(a), balances.assetAt(b)),
  );
}

function byOrderId(a: OrderTouched, b: OrderTouched): number {
  return compareText(a.current.orderId, b.current.orderId);
}

function byCommandId(a: NewReceipt, b: NewReceipt): number {
  return compareText(a.from.commandId, b.from.commandId);
}

/** Byte order, as the collation "C" of the keys: every id is ASCII. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function when(count: number, make: () => Statement): Statement[] {
  return count > 0 ? [make()] : [];
}
