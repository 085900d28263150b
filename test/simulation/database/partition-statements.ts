import { DatabaseError } from '@tradestream/database';
import { columns } from './columns.ts';
import { emptyPartition, type LedgerTables, type PartitionRow } from './ledger-tables.ts';
import type { RunStatement, Statements } from './statement.ts';
import type { Transaction } from './table.ts';

const NO_ROWS: readonly object[] = [];

/** Ownership of partitions, and their fence. */
export function partitionStatements(ledger: LedgerTables): Statements {
  return {
    named: {
      move_partitions: (_, tx, values) => movePartitions(ledger, tx, values),
      move_sequences: (_, tx, values) => moveSequences(ledger, tx, values),
      lock_partitions: (_, tx, [, partitions, epochs, offsets]) => {
        const [owned, froms] = [columns.number(epochs), columns.number(offsets)];
        const wanted = columns.number(partitions);
        const locked = wanted.map((partition, at) =>
          ledger.partitions.lockWhere(
            tx,
            String(partition),
            (row) => row.epoch === owned[at] && row.nextOffset === froms[at],
          ),
        );
        if (locked.includes(undefined)) refuseMove(ledger, tx, { partitions: wanted, epochs: owned });
        return NO_ROWS;
      },
    },
    unnamed: [
      ['FROM ledger.claim(', (host, tx, values) => claim(ledger, tx, { values, pid: host.pid })],
      ['FROM ledger.claim_again(', (host, tx, values) => claimAgain(ledger, tx, { values, pid: host.pid })],
      ['SELECT ledger.release(', release(ledger)],
      ['SELECT partition, epoch::text FROM ledger.partitions', epochs(ledger)],
      ['SELECT ledger.mark_single(', markSingle(ledger)],
      ['SELECT ledger.mark_published(', markPublished(ledger)],
      [
        'FROM pg_stat_activity',
        (host, _, [pid, name]) => host.endBlockersOf(Number(pid), String(name)).map((ended) => ({ pid: ended })),
      ],
    ],
  };
}

function movePartitions(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const partitions = columns.number(values[1]);
  const [epochs, fromOffsets, toOffsets] = [values[2], values[3], values[4]].map(columns.number);
  const hashes = columns.bytes(values[5]);
  const [fromSeqs, toSeqs, published] = [values[6], values[7], values[8]].map(columns.number);
  let moved = 0;
  for (const [at, partition] of partitions.entries()) {
    const row = ledger.partitions.lockWhere(
      tx,
      String(partition),
      (each) =>
        each.epoch === epochs?.[at] && each.nextOffset === fromOffsets?.[at] && each.eventSeq === fromSeqs?.[at],
    );
    if (row === undefined) continue;
    moved += 1;
    writePartition(ledger, tx, {
      ...row,
      nextOffset: toOffsets?.[at] ?? -1,
      lastHash: hashes[at] ?? null,
      eventSeq: toSeqs?.[at] ?? -1,
      publishedSeq: Math.max(row.publishedSeq, published?.[at] ?? 0),
      deaths: 0,
      singleOffset: null,
      singleAttempts: 0,
    });
  }
  if (moved < partitions.length) refuseMove(ledger, tx, { partitions, epochs: epochs ?? [] });
  return NO_ROWS;
}

/** The fence of a batch that takes nothing from the log: deaths and single tries are left alone. */
function moveSequences(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [partitions = [], epochs = [], offsets, fromSeqs, toSeqs, published] = values.slice(1).map(columns.number);
  let moved = 0;
  for (const [at, partition] of partitions.entries()) {
    const row = ledger.partitions.lockWhere(
      tx,
      String(partition),
      (each) => each.epoch === epochs[at] && each.nextOffset === offsets?.[at] && each.eventSeq === fromSeqs?.[at],
    );
    if (row === undefined) continue;
    moved += 1;
    const publishedSeq = Math.max(row.publishedSeq, published?.[at] ?? 0);
    writePartition(ledger, tx, { ...row, eventSeq: toSeqs?.[at] ?? -1, publishedSeq });
  }
  if (moved < partitions.length) refuseMove(ledger, tx, { partitions, epochs });
  return NO_ROWS;
}

/** Another owner of any of them is said first. */
function refuseMove(
  ledger: LedgerTables,
  tx: Transaction,
  { partitions, epochs }: { readonly partitions: readonly number[]; readonly epochs: readonly number[] },
): never {
  const isFenced = partitions.some(
    (partition, at) => ledger.partitions.read(tx, String(partition))?.epoch !== epochs[at],
  );
  throw new DatabaseError(isFenced ? 'TS001' : 'TS002');
}

function writePartition(ledger: LedgerTables, tx: Transaction, row: PartitionRow): void {
  if (row.publishedSeq > row.eventSeq) throw new DatabaseError('23514', { context: { table: 'partitions' } });
  ledger.partitions.write(tx, String(row.partition), row);
}

type Claim = { readonly values: readonly unknown[]; readonly pid: number };

function claim(ledger: LedgerTables, tx: Transaction, { values, pid }: Claim): readonly object[] {
  const [owner, singlyAfter, singlyCount] = [String(values[2]), Number(values[3]), Number(values[4])];
  const partitions = columns.number(values[1]);
  const sorted = partitions.toSorted((a, b) => a - b);
  for (const partition of sorted) ledger.partitions.add(tx, String(partition), emptyPartition(partition));
  for (const partition of sorted) ledger.partitions.lock(tx, String(partition));
  return partitions.map((partition) => {
    const key = String(partition);
    const row = ledger.partitions.lock(tx, key) ?? emptyPartition(partition);
    const again = row.owner !== null && row.claimedOffset === row.nextOffset;
    const deaths = row.owner === owner ? row.deaths : again ? row.deaths + 1 : 0;
    const isDeadly = row.owner !== owner && again && deaths >= singlyAfter;
    const claimed: PartitionRow = {
      ...row,
      epoch: row.epoch + 1,
      owner,
      ownerPid: pid,
      claimedOffset: row.nextOffset,
      deaths,
      singlyUntil: isDeadly ? row.nextOffset + singlyCount : row.singlyUntil,
    };
    ledger.partitions.write(tx, key, claimed);
    return claimAnswer(claimed);
  });
}

function claimAgain(ledger: LedgerTables, tx: Transaction, { values, pid }: Claim): readonly object[] {
  const epochs = columns.number(values[2]);
  const partitions = columns.number(values[1]);
  for (const partition of partitions.toSorted((a, b) => a - b)) {
    ledger.partitions.lockWhere(tx, String(partition), () => true);
  }
  return partitions.flatMap((partition, at) => {
    const row = ledger.partitions.lockWhere(tx, String(partition), ({ epoch }) => epoch === epochs[at]);
    if (row === undefined) return [];
    const claimed = { ...row, epoch: row.epoch + 1, ownerPid: pid, claimedOffset: row.nextOffset };
    ledger.partitions.write(tx, String(partition), claimed);
    return [claimAnswer(claimed)];
  });
}

/** What a claim answers. */
export function claimAnswer(row: PartitionRow): object {
  return {
    partition: row.partition,
    epoch: String(row.epoch),
    next_offset: String(row.nextOffset),
    last_hash: row.lastHash,
    event_seq: String(row.eventSeq),
    published_seq: String(row.publishedSeq),
    deaths: row.deaths,
    singly_until: String(row.singlyUntil),
  };
}

function release(ledger: LedgerTables): RunStatement {
  return (_, tx, [, partitions, epochs]) => {
    const owned = columns.number(epochs);
    for (const [at, partition] of columns.number(partitions).entries()) {
      const row = ledger.partitions.lockWhere(tx, String(partition), ({ epoch }) => epoch === owned[at]);
      if (row === undefined) continue;
      ledger.partitions.write(tx, String(partition), { ...row, owner: null, ownerPid: null });
    }
    return NO_ROWS;
  };
}

function epochs(ledger: LedgerTables): RunStatement {
  return (_, tx, [, partitions]) =>
    columns.number(partitions).flatMap((partition) => {
      const row = ledger.partitions.read(tx, String(partition));
      return row === undefined ? [] : [{ partition, epoch: String(row.epoch) }];
    });
}

function markSingle(ledger: LedgerTables): RunStatement {
  return (_, tx, values) => {
    const [partition, epoch, offset] = values.slice(1).map(Number);
    const row = ledger.partitions.lockWhere(
      tx,
      String(partition),
      (each) => each.epoch === epoch && each.nextOffset <= (offset ?? -1),
    );
    if (row === undefined) return [{ attempts: null }];
    const singleAttempts = row.singleOffset === offset ? row.singleAttempts + 1 : 1;
    ledger.partitions.write(tx, String(partition), { ...row, singleAttempts, singleOffset: offset ?? null });
    return [{ attempts: singleAttempts }];
  };
}

function markPublished(ledger: LedgerTables): RunStatement {
  return (_, tx, [, partitions, epochs, seqs]) => {
    const [owned, marks] = [columns.number(epochs), columns.number(seqs)];
    for (const [at, partition] of columns.number(partitions).entries()) {
      const row = ledger.partitions.lockWhere(tx, String(partition), ({ epoch }) => epoch === owned[at]);
      if (row === undefined) continue;
      writePartition(ledger, tx, { ...row, publishedSeq: Math.max(row.publishedSeq, marks[at] ?? 0) });
    }
    return NO_ROWS;
  };
}
