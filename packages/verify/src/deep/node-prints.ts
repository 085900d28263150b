import type { Session } from '@tradestream/database';
import { loadRows } from '../pages.ts';

/** What a node shows at one moment: how far it is, and a hash of each table. */
export type NodePrint = {
  /** The ledger's and every projection's positions, as text to be compared. */
  readonly positions: string;
  readonly tables: ReadonlyMap<string, string>;
};

const TABLES = [
  'ledger.receipts',
  'ledger.events',
  'ledger.balances',
  'ledger.orders',
  'ledger.trades',
  'views.trades',
  'views.fills',
  'views.orders',
  'views.balances',
  'views.candles',
] as const;

/** Takes the print of a node in the session's own snapshot. */
export async function takePrint(session: Session): Promise<NodePrint> {
  const tables = new Map<string, string>();
  const positions = await loadPositions(session);
  for (const table of TABLES) {
    if (!(await exists(session, table))) continue;
    // Sums of hashes know no order, and need no sort.
    const [row] = await loadRows<{ print: string }>(
      session,
      `SELECT count(*) || ' ' || coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint)::text, '') AS print
       FROM ${table} AS t`,
    );
    tables.set(table, row?.print ?? '');
  }
  return { positions, tables };
}

/** Cheap: whether it is worth to take a whole print. */
export async function loadPositions(session: Session): Promise<string> {
  const hasViews = await exists(session, 'views.positions');
  const views = hasViews
    ? `UNION ALL SELECT 'views', projection, version::text, partition, seq::text FROM views.positions`
    : '';
  const rows = await loadRows<{ position: string }>(
    session,
    `SELECT concat_ws(' ', p.*) AS position
     FROM (SELECT 'ledger' AS of, topic, next_offset::text, partition, event_seq::text FROM ledger.partitions
           UNION ALL SELECT 'removed', topic, removed_seq::text, partition, '' FROM ledger.retention ${views}) AS p
     ORDER BY 1`,
  );
  return rows.map(({ position }) => position).join('\n');
}

/** A hash of all events of a stretch of each partition: behind the first seq, up to the second. */
export async function printEvents(
  session: Session,
  stretches: ReadonlyMap<number, readonly [after: number, upTo: number]>,
): Promise<ReadonlyMap<number, string>> {
  const prints = new Map<number, string>();
  for (const [partition, [after, upTo]] of stretches) {
    const [row] = await loadRows<{ print: string }>(
      session,
      `SELECT count(*) || ' ' || coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint)::text, '') AS print
       FROM ledger.events AS t WHERE partition = $1 AND seq > $2 AND seq <= $3`,
      [partition, after, upTo],
    );
    prints.set(partition, row?.print ?? '');
  }
  return prints;
}

async function exists(session: Session, table: string): Promise<boolean> {
  const [row] = await loadRows<{ present: boolean }>(session, 'SELECT to_regclass($1) IS NOT NULL AS present', [table]);
  return row?.present === true;
}
