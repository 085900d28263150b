import { parseWriterSchema, type WriterSchema } from '@tradestream/contracts';
import { openAbortableSession, type Session } from '@tradestream/database';
import { type Base, chooseBase, type ShownPositions } from './base.ts';
import { loadRows, micros } from './pages.ts';

/** A partition of the commands topic, as the ledger has it. */
export type LedgerPartition = {
  readonly partition: number;
  readonly nextOffset: number;
  readonly eventSeq: number;
  readonly publishedSeq: number;
};

/** What has left a partition's receipts. */
export type Retention = {
  /** Every event up to it has its receipt in the archive, unless it was forgotten. */
  readonly archivedSeq: number;
  /** Archived receipts of records before this time, microseconds since the epoch, may have been forgotten; null: none was. */
  readonly forgottenBefore: number | null;
  /** Every event up to it has left. */
  readonly removedSeq: number;
};

/** One moment of the database: every answer of `session` is of it, whatever is written meanwhile. */
export type Snapshot = {
  /** Of commands. */
  readonly topic: string;
  readonly session: Session;
  readonly partitions: ReadonlyMap<number, LedgerPartition>;
  readonly retention: ReadonlyMap<number, Retention>;
  /** Commands whose archived receipts were forgotten by name. */
  readonly forgottenIds: ReadonlySet<string>;
  readonly schemas: ReadonlyMap<number, WriterSchema>;
  /** Of each projection, the seq up to which each partition's events are in its rows; null: views are not looked at. */
  readonly positions: ShownPositions | null;
  /** Where the fold of the events begins; null: at the first. */
  readonly base: Base | null;
};

/** What is compared, with the tables that change their place when they are rebuilt. */
const VIEWS = ['views.balances', 'views.candles', 'views.fills', 'views.orders', 'views.trades'] as const;
const CONNECT_TIMEOUT_MS = 10_000;
const SETTINGS = {
  default_transaction_read_only: 'on',
  // Cursors are read to their end: plans are wanted that end soon, not ones that begin soon.
  cursor_tuple_fraction: '1.0',
  work_mem: '64MB',
  statement_timeout: '0',
  // Between two pages of a log nothing is asked of the database.
  idle_in_transaction_session_timeout: '0',
} as const;

export async function openSnapshot(options: {
  readonly databaseUrl: string;
  readonly commandsTopic: string;
  /** Whether the views are compared, where there are some. */
  readonly views?: boolean;
  /** Begin at the newest stored snapshot although the events before it are there. */
  readonly fromSnapshot?: boolean;
  /** Ends the session, whatever it waits for. */
  readonly signal: AbortSignal;
}): Promise<Snapshot> {
  const { databaseUrl, commandsTopic, views = true, fromSnapshot = false, signal } = options;
  const session = await openAbortableSession({
    url: databaseUrl,
    applicationName: 'tradestream-verify',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    settings: SETTINGS,
    signal,
  });
  try {
    const hasViews = views && (await findViews(session));
    await session.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    // Before the snapshot is taken: a projection that is rebuilt waits with taking its place till the end.
    if (hasViews) await session.query({ text: `LOCK TABLE ${VIEWS.join(', ')} IN ACCESS SHARE MODE` });
    const retention = await loadRetention(session, commandsTopic);
    const positions = hasViews ? await loadPositions(session) : null;
    const isAnyRemoved = [...retention.values()].some(({ removedSeq }) => removedSeq > 0);
    return {
      topic: commandsTopic,
      session,
      partitions: await loadPartitions(session, commandsTopic),
      retention,
      forgottenIds: await loadForgottenIds(session),
      schemas: await loadSchemas(session),
      positions,
      base: await chooseBase(session, { topic: commandsTopic, positions, isAnyRemoved, fromSnapshot }),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function loadPartitions(session: Session, topic: string): Promise<ReadonlyMap<number, LedgerPartition>> {
  const rows = await loadRows<{ partition: number; next: string; seq: string; published: string }>(
    session,
    `SELECT partition, next_offset::text AS next, event_seq::text AS seq, published_seq::text AS published
     FROM ledger.partitions WHERE topic = $1 ORDER BY partition`,
    [topic],
  );
  return new Map(
    rows.map(({ partition, next, seq, published }) => [
      partition,
      { partition, nextOffset: Number(next), eventSeq: Number(seq), publishedSeq: Number(published) },
    ]),
  );
}

async function loadRetention(session: Session, topic: string): Promise<Snapshot['retention']> {
  const rows = await loadRows<{ partition: number; archived: string; forgotten: number | null; removed: string }>(
    session,
    `SELECT partition, archived_seq::text AS archived, ${micros('forgotten_before')} AS forgotten,
            removed_seq::text AS removed
     FROM ledger.retention WHERE topic = $1`,
    [topic],
  );
  return new Map(
    rows.map(({ partition, archived, forgotten, removed }) => [
      partition,
      { archivedSeq: Number(archived), forgottenBefore: forgotten, removedSeq: Number(removed) },
    ]),
  );
}

async function loadForgottenIds(session: Session): Promise<ReadonlySet<string>> {
  const rows = await loadRows<{ id: string }>(
    session,
    `SELECT jsonb_array_elements_text(details->'commandIds') AS id FROM ledger.audit
     WHERE action = 'FORGET_RECEIPTS' AND details ? 'commandIds'`,
  );
  return new Set(rows.map(({ id }) => id));
}

async function loadSchemas(session: Session): Promise<ReadonlyMap<number, WriterSchema>> {
  const rows = await loadRows<{ id: number; schema: string }>(session, 'SELECT id, schema FROM ledger.schemas');
  return new Map(rows.map(({ id, schema }) => [id, parseWriterSchema(schema)]));
}

/** They may be in another database. */
async function findViews(session: Session): Promise<boolean> {
  const [found] = await loadRows<{ present: boolean }>(
    session,
    `SELECT to_regclass('views.positions') IS NOT NULL AS present`,
  );
  return found?.present === true;
}

/** Of the rows that are read: what is built beside them has its positions elsewhere. */
async function loadPositions(session: Session): Promise<ShownPositions> {
  const rows = await loadRows<{ projection: string; partition: number; seq: string }>(
    session,
    'SELECT projection, partition, seq::text AS seq FROM views.positions',
  );
  const positions = new Map<string, Map<number, number>>();
  for (const { projection, partition, seq } of rows) {
    const ofProjection = positions.get(projection) ?? new Map<number, number>();
    positions.set(projection, ofProjection.set(partition, Number(seq)));
  }
  return positions;
}
