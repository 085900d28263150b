import { randomBytes, randomUUID } from 'node:crypto';
import { EventPack } from '@tradestream/contracts';
import { type Session, type Statement } from '@tradestream/database';
import { AppError, createLogger } from '@tradestream/runtime';
import type { Order } from '@tradestream/trading';
import type { NewReceipt } from '../../services/worker/src/apply/decide-batch.ts';
import {
  addEvents,
  addParked,
  addReceipts,
  eventColumns,
  type PartitionMove,
  TAKE_BATCH_NUMBER,
} from '../../services/worker/src/apply/write-statements.ts';
import { APPLICATION_NAME } from '../../services/worker/src/connections.ts';
import type { DecodedCommand } from '../../services/worker/src/intake/decode-record.ts';
import { type ClaimOptions, claimPartitions } from '../../services/worker/src/ownership/claim-partitions.ts';
import type { Position } from '../../services/worker/src/ownership/position.ts';
import { eventually } from '../support/eventually.ts';
import type { LedgerServer } from './ledger-bench.ts';

/** What a law works on: a server that other laws use too, so that each takes names of its own. */
export type LawTable = {
  readonly server: () => LedgerServer;
  /** A worker's session, closed with the law. */
  readonly worker: () => Promise<Session>;
  readonly projector: () => Promise<Session>;
  readonly monitor: () => Promise<Session>;
  readonly gateway: () => Promise<Session>;
};

export const TOPIC = 'trade-commands';
export const HASH = Buffer.alloc(32, 7);
export const ONE = 10n ** 18n;
export const DEPOSIT = { userId: 'ann', asset: 'USD', amount: ONE } as const;
const WAIT = { withinMs: 60_000, everyMs: 5 } as const;
const TIMEOUT_MS = 30_000;
/** The number that rows of laws carry where nobody looks at it. */
const BATCH = 7;
const log = createLogger({ service: 'ledger-laws', level: 'silent' });
let partitions = 0;

export function freshName(): string {
  return `law-${randomBytes(6).toString('hex')}`;
}

/** Partitions that no other law has, in their order. */
export function freshPartitions(count: number): readonly number[] {
  partitions += count;
  return Array.from({ length: count }, (_, index) => partitions - count + index);
}

/** `done`, or the code of the failure. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

/** Runs a transaction, all of it sent at once; what each statement and then COMMIT answered. */
export async function transact(session: Session, ...statements: readonly Statement[]): Promise<readonly string[]> {
  const begun = session.query({ text: 'BEGIN' });
  const answers = statements.map((statement) => outcomeOf(session.query(statement)));
  const committed = outcomeOf(session.commit({ timeoutMs: TIMEOUT_MS }));
  await begun;
  return await Promise.all([...answers, committed]);
}

/** Begins a transaction and leaves it open behind these statements. */
export async function holdOpen(session: Session, ...statements: readonly Statement[]): Promise<void> {
  await session.query({ text: 'BEGIN' });
  for (const statement of statements) await session.query(statement);
}

export async function rollBack(session: Session): Promise<void> {
  await session.query({ text: 'ROLLBACK' });
}

/** Resolves once a session waits for another's transaction. */
export async function waitsFor(table: LawTable, waiting: Session, holder: Session): Promise<void> {
  await eventually(async () => (await table.server().blockersOf(waiting)).includes(holder.backendPid), WAIT);
}

export function claimOptions(table: LawTable, session: Session, change: Partial<ClaimOptions> = {}): ClaimOptions {
  return {
    session,
    openControl: table.worker,
    topic: TOPIC,
    owner: 'owner',
    applicationName: APPLICATION_NAME,
    timeoutMs: TIMEOUT_MS,
    commitTimeoutMs: TIMEOUT_MS,
    log,
    ...change,
  };
}

/** A partition of one's own, owned by this session. */
export async function claimOne(table: LawTable, session: Session, change: Partial<ClaimOptions> = {}) {
  const claimed = await claimPartitions(claimOptions(table, session, change), freshPartitions(1), 10);
  return first(claimed);
}

export function first<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new Error('nothing was answered');
  return value;
}

/** One record and one event further. */
export function moveOf(position: Position, change: Partial<PartitionMove> = {}): PartitionMove {
  const { partition, epoch, nextOffset, seq } = position;
  return {
    partition,
    epoch,
    fromOffset: nextOffset,
    toOffset: nextOffset + 1,
    lastHash: HASH,
    fromSeq: seq,
    toSeq: seq + 1,
    publishedSeq: 0,
    ...change,
  };
}

export function orderOf(orderId: string, change: Partial<Order> = {}): Order {
  return {
    orderId,
    userId: 'ann',
    symbol: 'BTC-USD',
    side: 'buy',
    price: 2n * ONE,
    quantity: 3n * ONE,
    filled: 0n,
    hold: 6n * ONE,
    status: 'open',
    version: 1,
    ...change,
  };
}

/** A command's record as the worker has decoded it. */
export function commandFrom(commandId: string, place: { readonly partition: number; readonly offset: number }) {
  const command: DecodedCommand = {
    kind: 'command',
    commandId,
    command: { type: 'DepositFunds', ...DEPOSIT },
    key: 'ann',
    hash: HASH.toString('latin1'),
    record: {
      topic: TOPIC,
      ...place,
      timestampMs: 1_700_000_000_000,
      key: Buffer.from('ann'),
      value: Buffer.of(1),
      headers: {},
    },
  };
  return command;
}

export function receiptOf(commandId: string, place = { partition: 0, offset: 5 }): NewReceipt {
  return { from: commandFrom(commandId, place), index: 0, outcome: 'applied', reason: null, seq: 1 };
}

/** Receipts as a batch adds them. */
export function receiptsOf(receipts: readonly NewReceipt[]): readonly Statement[] {
  const { rows, check } = addReceipts(receipts);
  rows.fill(BATCH);
  return [rows.statement, check];
}

/** Records that are set aside with the receipts of their commands, at offsets from 0 on; answers with the commands' ids. */
export async function park(
  session: Session,
  partition: number,
  reasons: readonly string[],
): Promise<readonly string[]> {
  const parked = reasons.map((reason, offset) => {
    const from = commandFrom(randomUUID(), { partition, offset });
    return { from, reason, message: 'm', blocksKey: true };
  });
  const receipts = parked.map(
    ({ from, reason }, index): NewReceipt => ({ from, index, outcome: 'parked', reason, seq: null }),
  );
  await transact(session, ...receiptsOf(receipts), addParked(TOPIC, parked));
  return parked.map(({ from }) => from.commandId);
}

export async function takeNumber(session: Session): Promise<number> {
  return Number(first((await session.query<{ batch: string }>(TAKE_BATCH_NUMBER)).rows).batch);
}

/** Events of commands, in this order from the first sequence on. */
export function eventsOf(commands: readonly DecodedCommand[], seqs: readonly number[], batch = BATCH): Statement {
  const encoded = new EventPack();
  const events = commands.map((from, index) => {
    const event = { ...DEPOSIT, type: 'FundsDeposited', balances: [], orders: [] } as const;
    const { partition, timestampMs } = from.record;
    const seq = seqs[index] ?? -1;
    encoded.add({ partition, seq }, { commandId: from.commandId, occurredAt: timestampMs * 1_000, event });
    return { from, index, seq, type: event.type };
  });
  const numbers = { timeline: 2, batch, schemaId: 3 };
  return addEvents(eventColumns({ events, encoded }), encoded.number(numbers), numbers);
}
