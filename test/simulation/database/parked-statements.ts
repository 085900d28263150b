import { columns } from './columns.ts';
import { type LedgerTables, type ParkedRow, pair, parkedIdOf, parkedKeyOf } from './ledger-tables.ts';
import type { RunStatement, Statements } from './statement.ts';
import type { Transaction } from './table.ts';

const NO_ROWS: readonly object[] = [];

/** Setting records aside, copying them, and what an owner asks of them when it claims. */
export function parkedStatements(ledger: LedgerTables): Statements['unnamed'] {
  return [
    ['SELECT partition, key, count(*)', keyQueues(ledger)],
    ['JOIN ledger.parked AS k ON k.topic = $1', parkedAhead(ledger)],
    ['INSERT INTO ledger.parked', (_, tx, values) => addParked(ledger, tx, values)],
    ['FROM ledger.parked WHERE copied_at IS NULL', uncopied(ledger)],
    ['UPDATE ledger.parked SET copied_at', changeParked(() => ({ isCopied: true }))(ledger)],
    ['UPDATE ledger.parked SET tries', changeParked(({ tries }) => ({ tries: tries + 1 }))(ledger)],
  ];
}

function parkedOf(ledger: LedgerTables, partitions: readonly number[]): readonly ParkedRow[] {
  return [...ledger.parked.rows.values()]
    .filter((row) => partitions.includes(row.partition))
    .toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function keyQueues(ledger: LedgerTables): RunStatement {
  return (_, __, [, partitions]) => {
    const queues = new Map<string, { partition: number; key: Buffer; count: number; head: string }>();
    for (const { partition, key, blocksKey, reason, status } of parkedOf(ledger, columns.number(partitions))) {
      if (!blocksKey || key === null || status !== 'parked') continue;
      const name = pair(partition, key.toString('latin1'));
      const queue = queues.get(name) ?? { partition, key, count: 0, head: reason };
      queue.count += 1;
      queues.set(name, queue);
    }
    return [...queues.values()];
  };
}

function parkedAhead(ledger: LedgerTables): RunStatement {
  return (_, __, [, partitions, offsets]) => {
    const mine = columns.number(partitions);
    const nexts = columns.number(offsets);
    return parkedOf(ledger, mine)
      .filter(({ partition, offset }) => offset >= (nexts[mine.indexOf(partition)] ?? 0))
      .map(({ partition, offset }) => ({ partition, place: String(offset) }));
  };
}

function addParked(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [offsets, times] = [columns.number(values[2]), columns.number(values[3])];
  const [keys, contents] = [columns.bytesOrNull(values[4]), columns.bytesOrNull(values[5])];
  const [headers, reasons, messages] = [values[6], values[7], values[8]].map(columns.text);
  const [ids, blocks] = [columns.textOrNull(values[9]), columns.flag(values[10])];
  for (const [at, partition] of columns.number(values[1]).entries()) {
    const offset = offsets[at] ?? -1;
    ledger.parked.add(tx, pair(partition, offset), {
      id: parkedIdOf(partition, offset),
      partition,
      offset,
      recordTime: times[at] ?? 0,
      key: keys[at] ?? null,
      value: contents[at] ?? null,
      headers: headers?.[at] ?? '[]',
      reason: reasons?.[at] ?? '',
      message: messages?.[at] ?? '',
      commandId: ids[at] ?? null,
      blocksKey: blocks[at] ?? false,
      isCopied: false,
      status: 'parked',
      attempts: 1,
      tries: 0,
    });
  }
  return NO_ROWS;
}

function uncopied(ledger: LedgerTables): RunStatement {
  return (_, __, [topic, partitions]) =>
    parkedOf(ledger, columns.number(partitions))
      .filter((row) => !row.isCopied)
      .map((row) => ({ ...recordAnswer(row), topic }));
}

/** A parked record as every statement answers it. */
export function recordAnswer(row: ParkedRow): object {
  return {
    id: String(row.id),
    partition: row.partition,
    place: String(row.offset),
    record_time: String(Math.floor(row.recordTime / 1_000)),
    key: row.key,
    value: row.value,
    headers: JSON.parse(row.headers),
    reason: row.reason,
    message: row.message,
  };
}

/** Changes rows in the order of their ids, as the index gives them. */
function changeParked(change: (row: ParkedRow) => Partial<ParkedRow>): (ledger: LedgerTables) => RunStatement {
  return (ledger) =>
    (_, tx, [ids]) => {
      for (const id of columns.number(ids).toSorted((a, b) => a - b)) {
        const key = parkedKeyOf(id);
        const row = ledger.parked.lockWhere(tx, key, () => true);
        if (row !== undefined) ledger.parked.write(tx, key, { ...row, ...change(row) });
      }
      return NO_ROWS;
    };
}
