import type { LogAdmin, LogReader, LogRecord, PartitionRange } from '@tradestream/messaging';
import { Contradiction, expectHolds } from './contradiction.ts';
import { idHeaderOf } from './id-header.ts';
import { loadAhead, loadRows } from './pages.ts';
import type { LedgerPartition, Snapshot } from './snapshot.ts';

export type TopicOptions = {
  readonly snapshot: Snapshot;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly topic: string;
  readonly signal: AbortSignal;
  readonly onRecords: (count: number) => void;
  readonly onNote: (note: string) => void;
};

type EventRow = {
  readonly seq: number;
  readonly schema_id: number;
  readonly timeline: number;
  readonly key: string;
  readonly payload: Buffer;
};

/** Bytes of the wire format before the payload. */
const FRAME_BYTES = 5;

/**
 * What is on the events topic is what is in `ledger.events`, byte for byte: the first time in order
 * and without gap, and the same again whenever a relay repeated it.
 * @returns the number of records @throws {Contradiction}
 */
export async function checkEventTopic(options: TopicOptions): Promise<number> {
  const { snapshot, admin, topic, onNote } = options;
  let count = 0;
  for (const range of await admin.ranges(topic)) {
    const { partition, start } = range;
    const ledger = snapshot.partitions.get(partition) ?? { partition, nextOffset: 0, eventSeq: 0, publishedSeq: 0 };
    if (start > 0) onNote(`${topic}/${partition} begins at offset ${start}: the events before have expired`);
    count += await checkPartition(options, range, ledger);
  }
  return count;
}

async function checkPartition(options: TopicOptions, range: PartitionRange, ledger: LedgerPartition): Promise<number> {
  const { reader, topic, signal, onRecords, snapshot } = options;
  const { partition, start, end } = range;
  let highest = start > 0 ? null : 0;
  let count = 0;
  let repeated = 0;
  let removed = 0;
  const { removedSeq = 0 } = snapshot.retention.get(partition) ?? {};
  const pages = reader.read({ topic, partition, from: start, to: end, signal });
  for await (const [records, { seqs, rows }] of loadAhead(
    pages,
    async (page) => await loadEvents(snapshot, page, ledger),
  )) {
    for (const [index, record] of records.entries()) {
      const seq = seqs[index] ?? 0;
      highest ??= seq - 1;
      expectHolds(
        'topic',
        seq <= highest + 1,
        () => `${nameOf(record)} is event ${partition}/${seq}, the newest before it is ${partition}/${highest}`,
      );
      if (seq <= highest) repeated += 1;
      highest = Math.max(highest, seq);
      if (seq <= removedSeq) removed += 1;
      // Written after the snapshot was taken: it will be in the next one.
      else if (seq <= ledger.eventSeq) checkBytes(record, { seq, row: rows.get(seq) });
    }
    count += records.length;
    onRecords(records.length);
  }
  const { publishedSeq } = ledger;
  if (highest === null) return count; // all of it has expired
  expectHolds(
    'topic',
    highest >= publishedSeq,
    () =>
      `${topic}/${partition} ends at event ${partition}/${highest}, the ledger says that ${publishedSeq} was published`,
  );
  if (removed > 0)
    options.onNote(
      `${topic}/${partition}: ${removed} records are of events that were removed: only their order was checked`,
    );
  if (repeated > 0) options.onNote(`${topic}/${partition}: ${repeated} events are there more than once, each the same`);
  return count;
}

async function loadEvents(
  { session }: Snapshot,
  records: readonly LogRecord[],
  ledger: LedgerPartition,
): Promise<{ readonly seqs: readonly number[]; readonly rows: ReadonlyMap<number, EventRow> }> {
  const seqs = records.map(seqOf);
  const wanted = [...new Set(seqs)].filter((seq) => seq <= ledger.eventSeq).toSorted((a, b) => a - b);
  const [first, last] = [wanted[0], wanted.at(-1)];
  if (first === undefined || last === undefined) return { seqs, rows: new Map() };
  // A relay that began again may have left few events that lie far apart.
  const isDense = last - first < wanted.length * 2;
  const rows = await loadRows<EventRow>(
    session,
    `SELECT seq::float8 AS seq, schema_id, timeline, key, payload FROM ledger.events
     WHERE partition = $1 AND ${isDense ? 'seq BETWEEN $2 AND $3' : 'seq = ANY ($2::bigint[])'}`,
    isDense ? [ledger.partition, first, last] : [ledger.partition, wanted],
  );
  return { seqs, rows: new Map(rows.map((row) => [row.seq, row])) };
}

function checkBytes(
  record: LogRecord,
  { seq, row }: { readonly seq: number; readonly row: EventRow | undefined },
): void {
  const { value, key, partition } = record;
  const event = `event ${partition}/${seq}`;
  if (row === undefined)
    throw new Contradiction('topic', `${nameOf(record)} is ${event}, which is not in ledger.events`);
  const isSame =
    value !== null &&
    value.length === row.payload.length + FRAME_BYTES &&
    value[0] === 0 &&
    value.readUInt32BE(1) === row.schema_id &&
    row.payload.compare(value, FRAME_BYTES) === 0;
  expectHolds('topic', isSame, () => `${nameOf(record)} is ${event}, with other bytes than in ledger.events`);
  expectHolds(
    'topic',
    key?.toString('utf8') === row.key,
    () => `${nameOf(record)} is ${event}, with the key ${key?.toString('utf8')} instead of ${row.key}`,
  );
  const id = idHeaderOf(record);
  expectHolds(
    'topic',
    id === `${row.timeline}/${partition}/${seq}`,
    () => `${nameOf(record)} is ${event}, with the id ${id}`,
  );
}

/** The sequence in an event's first bytes: partition, then seq. @throws {Contradiction} */
function seqOf(record: LogRecord): number {
  const { value } = record;
  if (value === null) throw new Contradiction('topic', `${nameOf(record)} has no value`);
  const partition = readVarint(value, FRAME_BYTES);
  const seq = partition === null ? null : readVarint(value, partition.end);
  if (partition === null || seq === null) throw new Contradiction('topic', `${nameOf(record)} is no event`);
  expectHolds(
    'topic',
    partition.number === record.partition,
    () => `${nameOf(record)} holds event ${partition.number}/${seq.number}`,
  );
  return seq.number;
}

/** Avro's whole number: seven bits a byte, the lowest first, the sign in the lowest bit. */
function readVarint(bytes: Buffer, from: number): { readonly number: number; readonly end: number } | null {
  let magnitude = 0;
  for (let at = from, scale = 1; at < bytes.length && scale < 2 ** 53; at += 1, scale *= 128) {
    const byte = bytes[at] ?? 0;
    magnitude += (byte & 0x7f) * scale;
    if (byte >= 0x80) continue;
    return { number: magnitude % 2 === 0 ? magnitude / 2 : -(magnitude + 1) / 2, end: at + 1 };
  }
  return null;
}

function nameOf({ topic, partition, offset }: LogRecord): string {
  return `${topic}/${partition} offset ${offset}`;
}
