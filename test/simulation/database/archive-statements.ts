import { DatabaseError } from '@tradestream/database';
import { columns } from './columns.ts';
import { type LedgerTables, pair, type ReceiptRow } from './ledger-tables.ts';
import type { StatementHost, Statements } from './statement.ts';
import type { Transaction } from './table.ts';

const NO_ROWS: readonly object[] = [];

type Running = { readonly host: StatementHost; readonly tx: Transaction };

/** Receipts that leave the hot table, and those that are asked for wherever they are. */
export function archiveStatements(ledger: LedgerTables): Statements {
  return {
    named: {
      archive_receipts: (_, tx, values) => archive(ledger, tx, values),
      expect_unarchived: (_, tx, [ids]) => {
        const isTaken = columns.text(ids).some((id) => archived(ledger, tx, id) !== undefined);
        if (isTaken) throw new DatabaseError('TS003');
        return NO_ROWS;
      },
      gateway_receipts: (host, tx, [ids]) =>
        (Array.isArray(ids) ? ids : []).flatMap((id) => {
          const row = ledger.receipts.read(tx, id) ?? ledger.archive.read(tx, id);
          return row === undefined ? [] : [gatewayAnswer(ledger, { host, tx }, row)];
        }),
      load_receipts: (_, tx, [ids]) =>
        columns.text(ids).flatMap((command_id) => {
          const row = ledger.receipts.read(tx, command_id) ?? archived(ledger, tx, command_id);
          if (row === undefined) return [];
          return [
            {
              command_id,
              payload_hash: row.hash,
              edited_hash: ledger.edits.read(tx, command_id)?.editedHash ?? null,
              partition: row.partition,
              place: String(row.offset),
            },
          ];
        }),
    },
    unnamed: [
      [
        'SELECT partition FROM ledger.partitions WHERE topic = $1',
        (_, tx) => [...ledger.partitions.all(tx)].map(({ partition }) => ({ partition })),
      ],
    ],
  };
}

/** A receipt with its event's type and the conflicts recorded against it. */
function gatewayAnswer(ledger: LedgerTables, { host, tx }: Running, row: ReceiptRow): object {
  const conflicts = [...ledger.conflicts.all(tx)]
    .filter(({ commandId }) => commandId === row.commandId)
    .toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
    .map(({ partition, offset }) => ({ topic: 'trade-commands', partition, offset }));
  return {
    command_id: row.commandId,
    outcome: row.outcome,
    reason: row.reason,
    partition: row.partition,
    record_offset: String(row.offset),
    batch: String(row.batch),
    index: row.index,
    seq: row.seq === null ? null : String(row.seq),
    payload_hash: row.hash,
    edited_hash: ledger.edits.read(tx, row.commandId)?.editedHash ?? null,
    event_type: ledger.events.read(tx, pair(row.partition, row.seq ?? -1))?.type ?? null,
    conflicts: conflicts.length === 0 ? null : conflicts,
    lsn: '0/0',
    timeline: host.timeline,
    system_id: '1',
  };
}

/** The archive is asked once there is something in it, by what its own row says. */
function archived(ledger: LedgerTables, tx: Transaction, id: string): ReceiptRow | undefined {
  for (const { archivedSeq, discarded } of ledger.retention.all(tx)) {
    if (archivedSeq > 0 || discarded) return ledger.archive.read(tx, id);
  }
  return undefined;
}

function archive(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [partition = -1, before = 0, count = 0] = values.slice(1).map(Number);
  const key = String(partition);
  ledger.retention.add(tx, key, { archivedSeq: 0, discarded: false });
  const stands = ledger.retention.lock(tx, key);
  const nextOffset = ledger.partitions.read(tx, key)?.nextOffset;
  if (count < 1 || stands === undefined || nextOffset === undefined) throw new DatabaseError('22023');
  const limit = Math.min(before, nextOffset);
  const lastSeq = lastToMove(ledger, tx, { partition, limit, from: stands.archivedSeq, count });
  let moved = 0;
  for (let seq = stands.archivedSeq + 1; seq <= lastSeq; seq += 1) {
    moved += move(ledger, tx, receiptOf(ledger, tx, { partition, seq }));
  }
  const gone = discardedBefore(ledger, tx, { partition, limit }).slice(0, count);
  for (const row of gone) move(ledger, tx, row);
  ledger.retention.write(tx, key, { archivedSeq: lastSeq, discarded: stands.discarded || gone.length > 0 });
  return [{ moved: moved + gone.length, done: lastSeq < stands.archivedSeq + count && gone.length < count }];
}

type Stretch = {
  readonly partition: number;
  readonly limit: number;
  readonly from: number;
  readonly count: number;
};

/** Up to the first event whose record the log still has. */
function lastToMove(ledger: LedgerTables, tx: Transaction, { partition, limit, from, count }: Stretch): number {
  let last = from;
  for (let seq = from + 1; seq <= from + count; seq += 1) {
    if (ledger.events.read(tx, pair(partition, seq)) === undefined) break;
    const row = receiptOf(ledger, tx, { partition, seq });
    if (row !== undefined && row.offset >= limit) break;
    last = seq;
  }
  return last;
}

/** The receipt in the hot table that an event belongs to. */
function receiptOf(
  ledger: LedgerTables,
  tx: Transaction,
  { partition, seq }: { readonly partition: number; readonly seq: number },
): ReceiptRow | undefined {
  const event = ledger.events.read(tx, pair(partition, seq));
  const row = ledger.receipts.read(tx, event?.commandId ?? '');
  return row?.seq === seq && row.partition === partition ? row : undefined;
}

function discardedBefore(
  ledger: LedgerTables,
  tx: Transaction,
  { partition, limit }: Pick<Stretch, 'partition' | 'limit'>,
): readonly ReceiptRow[] {
  return [...ledger.parked.all(tx)].flatMap((parked) => {
    if (parked.partition !== partition || parked.offset >= limit || parked.status !== 'discarded') return [];
    const row = ledger.receipts.read(tx, parked.commandId ?? '');
    const isOwn = row?.outcome === 'discarded' && row.partition === partition && row.offset === parked.offset;
    return isOwn ? [row] : [];
  });
}

function move(ledger: LedgerTables, tx: Transaction, row: ReceiptRow | undefined): number {
  if (row === undefined) return 0;
  ledger.receipts.write(tx, row.commandId, undefined);
  ledger.archive.insert(tx, row.commandId, row);
  return 1;
}
