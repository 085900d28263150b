import { decodeEvent, payloadHash } from '@tradestream/contracts';
import { errorOf } from '@tradestream/runtime';
import type { EventEnvelope } from '@tradestream/trading';
import { cutOf } from './base.ts';
import { startFromBase } from './base-state.ts';
import { Contradiction, expectHolds } from './contradiction.ts';
import { FillCheck } from './fills.ts';
import { askedBy, keyOf } from './model/asked-by.ts';
import { Market } from './model/market.ts';
import { Replay } from './model/replay.ts';
import { loadAhead, loadRows, micros, readPages } from './pages.ts';
import { checkRemoved } from './removed-events.ts';
import type { Snapshot } from './snapshot.ts';
import { StoredSnapshotCheck } from './stored-snapshot.ts';
import { ViewFold } from './view-fold.ts';

/** What the events of the snapshot come to. */
export type History = {
  readonly market: Market;
  readonly views: ViewFold;
  readonly events: number;
};

type EventRow = {
  readonly partition: number;
  readonly seq: number;
  readonly batch: number;
  readonly index: number;
  readonly timeline: number;
  readonly schema_id: number;
  readonly command_id: string;
  readonly type: string;
  readonly key: string;
  readonly occurred_at: number;
  readonly payload: Buffer;
  /** Of what was sent, or of what an operator put in its place. */
  readonly payload_hash: Buffer | null;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly at_place: boolean | null;
};

type Decoded = { readonly row: EventRow; readonly envelope: EventEnvelope };

const IN_HISTORY_ORDER = `
  SELECT e.partition, e.seq::float8 AS seq, e.batch::float8 AS batch, e.index, e.timeline, e.schema_id,
         e.command_id::text AS command_id, e.type, e.key, ${micros('e.occurred_at')} AS occurred_at, e.payload,
         coalesce(x.edited_hash, r.payload_hash) AS payload_hash, r.outcome::text AS outcome, r.reason,
         r.partition = e.partition AND r.seq = e.seq AND r.batch = e.batch AND r.index = e.index AS at_place
  FROM ledger.events AS e LEFT JOIN ledger.every_receipt AS r ON r.command_id = e.command_id
  LEFT JOIN ledger.edits AS x ON x.command_id = e.command_id
  LEFT JOIN unnest($1::int[], $2::bigint[]) AS cut (partition, seq) ON cut.partition = e.partition
  WHERE e.seq > coalesce(cut.seq, 0)
  ORDER BY e.batch, e.index`;

/**
 * Reads every event behind the base in history order: sequences without gap, each event as its row says and with its
 * receipt, each decision and all values after it as the rules give them again; folds what the
 * views must show, and compares the fills on the way.
 * @throws {Contradiction}
 */
export async function checkHistory(snapshot: Snapshot, onEvents: (count: number) => void): Promise<History> {
  const { session, schemas, positions, base } = snapshot;
  await expectOneReceipt(snapshot);
  await checkRemoved(snapshot);
  const market = new Market();
  const replay = new Replay(market);
  const views = new ViewFold(market, positions ?? new Map());
  const fills = new FillCheck(session, positions);
  fills.startFrom(await startFromBase(snapshot, market, views));
  const order = new HistoryOrder(snapshot);
  const stored = await StoredSnapshotCheck.open(snapshot, market);
  const pages = decodePages(readPages<EventRow>(session, { text: IN_HISTORY_ORDER, values: cutOf(base) }), schemas);
  for await (const [page, fillsDiffer] of loadAhead(pages, (events) =>
    fills.compare(events.map(({ envelope }) => envelope)),
  )) {
    for (const { row, envelope } of page) {
      order.take(row);
      checkRow(row, envelope);
      if (!isForgotten(row, snapshot)) checkReceipt(row, envelope);
      replay.take(envelope);
      stored.take(envelope);
      views.take(envelope);
    }
    fillsDiffer();
    onEvents(page.length);
  }
  replay.end();
  order.end();
  stored.end();
  await fills.end();
  return { market, views, events: order.count };
}

async function* decodePages(
  pages: AsyncIterable<readonly EventRow[]>,
  schemas: Snapshot['schemas'],
): AsyncGenerator<readonly Decoded[]> {
  for await (const page of pages) yield page.map((row) => ({ row, envelope: decode(row, schemas) }));
}

function decode(row: EventRow, schemas: Snapshot['schemas']): EventEnvelope {
  try {
    return decodeEvent(row.payload, schemas.get(row.schema_id));
  } catch (error) {
    throw new Contradiction('history', `${nameOf(row)} cannot be read: ${errorOf(error).message}`);
  }
}

/** The event is what its row says of it. */
function checkRow(row: EventRow, envelope: EventEnvelope): void {
  const { event } = envelope;
  const asRow =
    envelope.partition === row.partition &&
    envelope.seq === row.seq &&
    envelope.batch === row.batch &&
    envelope.timeline === row.timeline &&
    envelope.commandId === row.command_id &&
    envelope.occurredAt === row.occurred_at &&
    event.type === row.type;
  expectHolds('history', asRow, () => {
    const { partition, seq, batch, timeline, commandId, occurredAt } = envelope;
    const said = JSON.stringify({ partition, seq, batch, timeline, commandId, occurredAt, type: event.type });
    return `${nameOf(row)}: its columns are not what its payload says: ${said}`;
  });
  const command = askedBy(event);
  expectHolds(
    'history',
    row.key === keyOf(command),
    () => `${nameOf(row)} has the key ${row.key}, not ${keyOf(command)}`,
  );
}

/** The event stands on its command's receipt. */
function checkReceipt(row: EventRow, { event }: EventEnvelope): void {
  expectHolds('receipts', row.outcome !== null, () => `${nameOf(row)} has no receipt`);
  expectHolds(
    'receipts',
    row.at_place === true,
    () => `the receipt of ${nameOf(row)} names another event, batch or index`,
  );
  const reason = event.type === 'CommandRejected' ? event.reason : null;
  expectHolds(
    'receipts',
    row.outcome === (reason === null ? 'applied' : 'rejected') && row.reason === reason,
    () =>
      `the receipt of ${nameOf(row)} says ${row.outcome} ${row.reason ?? ''}, the event is ${event.type} ${reason ?? ''}`,
  );
  expectHolds(
    'receipts',
    row.payload_hash?.equals(payloadHash(askedBy(event))) === true,
    () => `the receipt of ${nameOf(row)} has the hash of another payload than its event`,
  );
}

/** A receipt is in the table or in the archive. */
async function expectOneReceipt({ session }: Snapshot): Promise<void> {
  const [both] = await loadRows<{ command_id: string }>(
    session,
    'SELECT command_id::text FROM ledger.receipts JOIN ledger.receipt_archive USING (command_id) LIMIT 1',
  );
  expectHolds(
    'receipts',
    both === undefined,
    () => `command ${both?.command_id} has a receipt and another one in the archive`,
  );
}

/**
 * Its receipt was given up on an operator's word: there is none, or, when the command came again,
 * one of another event.
 */
function isForgotten(row: EventRow, { retention, forgottenIds }: Snapshot): boolean {
  if (row.at_place === true) return false;
  const { archivedSeq = 0, forgottenBefore = null } = retention.get(row.partition) ?? {};
  const isOld = forgottenBefore !== null && row.occurred_at < forgottenBefore;
  return row.seq <= archivedSeq && (isOld || forgottenIds.has(row.command_id));
}

/** Each partition's sequence goes up by one in history order, from the base to where the ledger says it stands. */
class HistoryOrder {
  readonly #partitions: Snapshot['partitions'];
  readonly #last = new Map<number, Pick<EventRow, 'seq' | 'batch' | 'index' | 'timeline'>>();
  #before: EventRow | null = null;
  count = 0;

  constructor({ partitions, base }: Snapshot) {
    this.#partitions = partitions;
    for (const [partition, seq] of base?.seqs ?? [])
      this.#last.set(partition, { seq, batch: base?.batch ?? 0, index: 0, timeline: 0 });
  }

  take(row: EventRow): void {
    const before = this.#before;
    const isBehind =
      before === null || row.batch > before.batch || (row.batch === before.batch && row.index > before.index);
    expectHolds(
      'sequence',
      isBehind,
      () => `two events share batch ${row.batch}, index ${row.index}: ${nameOf(row)} and another`,
    );
    const last = this.#last.get(row.partition);
    expectHolds('sequence', row.seq === (last?.seq ?? 0) + 1, () => {
      const behind =
        last === undefined ? 'is the first' : `follows seq ${last.seq} (batch ${last.batch}, index ${last.index})`;
      return `partition ${row.partition}: ${nameOf(row)} in batch ${row.batch}, index ${row.index} ${behind} in history order`;
    });
    expectHolds(
      'sequence',
      row.timeline >= (last?.timeline ?? 0),
      () => `${nameOf(row)} is of an earlier timeline than the event before it`,
    );
    this.#last.set(row.partition, row);
    this.#before = row;
    this.count += 1;
  }

  end(): void {
    for (const { partition, eventSeq } of this.#partitions.values()) {
      const seq = this.#last.get(partition)?.seq ?? 0;
      expectHolds(
        'sequence',
        seq === eventSeq,
        () => `partition ${partition} stands at seq ${eventSeq}, its last event is ${seq}`,
      );
    }
    for (const partition of this.#last.keys()) {
      expectHolds(
        'sequence',
        this.#partitions.has(partition),
        () => `partition ${partition} has events and no row in ledger.partitions`,
      );
    }
  }
}

function nameOf({ partition, seq, command_id }: Pick<EventRow, 'partition' | 'seq' | 'command_id'>): string {
  return `event ${partition}/${seq} (command ${command_id})`;
}
