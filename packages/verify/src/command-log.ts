import type { LogAdmin, LogReader, LogRecord, PartitionRange } from '@tradestream/messaging';
import { expectHolds } from './contradiction.ts';
import type { ConflictRow, ParkedRow, ReceiptRow } from './judge-record.ts';
import { judgeRecord, type OutcomeRows, type StandingReceipt } from './judge-record.ts';
import { loadAhead, loadRows, micros } from './pages.ts';
import { type Placed, PlacedRows } from './placed-rows.ts';
import { readCommand } from './read-command.ts';
import type { Snapshot } from './snapshot.ts';

export type LogOptions = {
  readonly snapshot: Snapshot;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly topic: string;
  readonly signal: AbortSignal;
  readonly onRecords: (count: number) => void;
  readonly onNote: (note: string) => void;
};

const RECEIPTS = `
  SELECT r.partition, r."offset"::float8 AS "offset", r.command_id::text AS command_id, r.payload_hash, r.outcome::text AS outcome,
         r.seq::float8 AS seq, e.command_id::text AS event_command_id, ${micros('e.occurred_at')} AS occurred_at,
         x.command_id IS NOT NULL AND x.original_hash IS NULL AS made_by_edit
  FROM ledger.every_receipt AS r LEFT JOIN ledger.every_event AS e ON e.partition = r.partition AND e.seq = r.seq
  LEFT JOIN ledger.edits AS x ON x.command_id = r.command_id
  ORDER BY r.partition, r."offset"`;
const CONFLICTS = `
  SELECT partition, "offset"::float8 AS "offset", command_id::text AS command_id, payload_hash, first_hash
  FROM ledger.conflicts WHERE topic = $1 ORDER BY partition, conflicts."offset"`;
const PARKED = `
  SELECT partition, "offset"::float8 AS "offset", command_id::text AS command_id, key, value, sha256, reason, status,
         ${micros('record_time')} AS record_time
  FROM ledger.parked WHERE topic = $1 ORDER BY partition, parked."offset"`;

type Outcomes = {
  readonly receipts: PlacedRows<ReceiptRow>;
  readonly conflicts: PlacedRows<ConflictRow>;
  readonly parked: PlacedRows<ParkedRow>;
};

/**
 * Every record below `next_offset` has exactly one outcome, and every outcome is of a record.
 * Records and rows are read side by side, both in the order of their places.
 * @returns the number of records @throws {Contradiction}
 */
export async function checkCommandLog(options: LogOptions): Promise<number> {
  const { snapshot, admin, topic } = options;
  const { session, partitions } = snapshot;
  const outcomes: Outcomes = {
    receipts: new PlacedRows(session, RECEIPTS, []),
    conflicts: new PlacedRows(session, CONFLICTS, [topic]),
    parked: new PlacedRows(session, PARKED, [topic]),
  };
  const clusterId = await admin.clusterId();
  const ranges = new Map((await admin.ranges(topic)).map((range) => [range.partition, range]));
  const last = await lastOutcomes(snapshot, topic);
  let count = 0;
  for (const partition of [...new Set([...partitions.keys(), ...last.keys()])].toSorted((a, b) => a - b)) {
    const range = ranges.get(partition) ?? { partition, start: 0, end: 0 };
    const next = partitions.get(partition)?.nextOffset ?? 0;
    const end = Math.max(next, (last.get(partition) ?? -1) + 1);
    expectHolds(
      'one outcome',
      next <= range.end,
      () => `${topic}/${partition} ends at offset ${range.end}, the ledger goes on at ${next}`,
    );
    expectHolds(
      'one outcome',
      end <= range.end,
      () => `${topic}/${partition} ends at offset ${range.end}, there is an outcome for ${end - 1}`,
    );
    if (end > next)
      options.onNote(`${topic}/${partition} is being read again from offset ${next}: it has outcomes up to ${end}`);
    count += await checkPartition(options, { outcomes, range, next, end, clusterId });
  }
  return count;
}

async function checkPartition(
  options: LogOptions,
  work: {
    readonly outcomes: Outcomes;
    readonly range: PartitionRange;
    readonly next: number;
    readonly end: number;
    readonly clusterId: string;
  },
): Promise<number> {
  const { snapshot, reader, topic, signal, onRecords, onNote } = options;
  const { outcomes, next, end, clusterId } = work;
  const { partition, start } = work.range;
  if (start > 0)
    onNote(
      `${topic}/${partition} begins at offset ${start}: what was before has expired and is checked by its receipts alone`,
    );
  for (const receipts of (await outcomes.receipts.takeBefore(partition, start)).values())
    receipts.forEach(checkExpired);
  await outcomes.conflicts.takeBefore(partition, start);
  await outcomes.parked.takeBefore(partition, start);
  let count = 0;
  const pages = reader.read({ topic, partition, from: start, to: end, signal });
  const { retention, forgottenIds } = snapshot;
  const someForgotten =
    forgottenIds.size > 0 || [...retention.values()].some(({ forgottenBefore }) => forgottenBefore !== null);
  const loaded = loadAhead(pages, async (records) => await loadPage(records, { snapshot, outcomes, clusterId }));
  for await (const [records, page] of loaded) {
    for (const record of records) judgeRecord(record, { ...page, isBelowNext: record.offset < next, someForgotten });
    expectNoOther(page, records);
    count += records.length;
    onRecords(records.length);
  }
  expectNoOther(await takeRows(outcomes, partition, end), []);
  return count;
}

/** What a page of records is judged by. */
async function loadPage(
  records: readonly LogRecord[],
  options: { readonly snapshot: Snapshot; readonly outcomes: Outcomes; readonly clusterId: string },
): Promise<Omit<OutcomeRows, 'isBelowNext' | 'someForgotten'>> {
  const { snapshot, outcomes, clusterId } = options;
  const last = records.at(-1);
  const rows = await takeRows(outcomes, last?.partition ?? 0, (last?.offset ?? -1) + 1);
  const read = new Map(
    records.map((record) => [record.offset, readCommand(record, { schemas: snapshot.schemas, clusterId })]),
  );
  const again = new Set<string>();
  for (const { offset } of records) {
    const commandId = read.get(offset)?.commandId ?? null;
    if (commandId !== null && !rows.receipts.has(offset)) again.add(commandId);
  }
  return { ...rows, read, standing: await loadStanding(snapshot, [...again]) };
}

async function takeRows({ receipts, conflicts, parked }: Outcomes, partition: number, end: number) {
  return {
    receipts: await receipts.takeBefore(partition, end),
    conflicts: await conflicts.takeBefore(partition, end),
    parked: await parked.takeBefore(partition, end),
  };
}

/** Receipts of commands that came again. */
async function loadStanding(
  { session }: Snapshot,
  commandIds: readonly string[],
): Promise<ReadonlyMap<string, StandingReceipt>> {
  if (commandIds.length === 0) return new Map();
  const rows = await loadRows<StandingReceipt & { readonly command_id: string }>(
    session,
    `SELECT r.command_id::text AS command_id, r.payload_hash, x.edited_hash, r.partition, r."offset"::float8 AS "offset"
     FROM ledger.every_receipt AS r LEFT JOIN ledger.edits AS x ON x.command_id = r.command_id
     WHERE r.command_id = ANY ($1::uuid[])`,
    [commandIds],
  );
  return new Map(rows.map((row) => [row.command_id, row]));
}

/** Its record is gone: only its event can still speak for it. */
function checkExpired(receipt: ReceiptRow): void {
  const { command_id, seq, outcome, event_command_id, partition } = receipt;
  const fits = outcome === 'parked' || outcome === 'discarded' ? seq === null : event_command_id === command_id;
  expectHolds(
    'receipts',
    fits,
    () =>
      `the receipt of command ${command_id} (${outcome}) names event ${partition}/${seq}, which is of ${event_command_id ?? 'no'} command`,
  );
}

/** Rows whose place holds no record. */
function expectNoOther(
  rows: Pick<OutcomeRows, 'receipts' | 'conflicts' | 'parked'>,
  records: readonly LogRecord[],
): void {
  const offsets = new Set(records.map(({ offset }) => offset));
  const kinds: readonly [string, ReadonlyMap<number, readonly (Placed & { readonly command_id: string | null })[]>][] =
    [
      ['receipts', rows.receipts],
      ['conflicts', rows.conflicts],
      ['parked', rows.parked],
    ];
  for (const [table, byOffset] of kinds) {
    for (const [offset, [row]] of byOffset) {
      expectHolds(
        'one outcome',
        offsets.has(offset),
        () =>
          `ledger.${table}: command ${row?.command_id ?? '?'} names offset ${offset} of partition ${row?.partition}, where the log has no record`,
      );
    }
  }
}

/** The highest offset of each partition for which there is an outcome. */
async function lastOutcomes({ session }: Snapshot, topic: string): Promise<ReadonlyMap<number, number>> {
  const rows = await loadRows<{ partition: number; last: number }>(
    session,
    `SELECT partition, max(last)::float8 AS last FROM (
       SELECT partition, max("offset") AS last FROM ledger.every_receipt GROUP BY partition
       UNION ALL SELECT partition, max("offset") FROM ledger.conflicts WHERE topic = $1 GROUP BY partition
       UNION ALL SELECT partition, max("offset") FROM ledger.parked WHERE topic = $1 GROUP BY partition) AS lasts
     GROUP BY partition`,
    [topic],
  );
  return new Map(rows.map(({ partition, last }) => [partition, last]));
}
