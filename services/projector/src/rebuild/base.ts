import type { Session } from '@tradestream/database';
import { ProjectorError } from '../errors.ts';
import type { KeyPart } from '../views/row-key.ts';
import type { View } from '../views/view.ts';
import type { WorkBench } from './bench.ts';
import type { Positions } from './fold-ledger.ts';
import { unreadable } from './ledger-pages.ts';
import { loadLivePositions } from './side-version.ts';

/** A stored snapshot that a fold begins from, since the events before it were removed. */
export type Base = { readonly snapshotId: string; readonly positions: Positions };

type Row = {
  readonly id: string;
  readonly partition: number;
  readonly seq: number;
  readonly timeline: number;
};

/**
 * Where the events begin: at the oldest snapshot behind which none is missing. Null: at the first event.
 * What was executed before it is taken from the fills that are read, so these must hold it for a view of them.
 * @throws {ProjectorError} EVENTS_REMOVED, LEDGER_INCOMPLETE
 */
export async function loadBase({
  ledger,
  session,
  view,
}: Pick<WorkBench, 'ledger' | 'session' | 'view'>): Promise<Base | null> {
  const rows = await loadOldest(ledger);
  const [first] = rows;
  if (first === undefined) return null;
  const positions = new Map(rows.map(({ partition, seq, timeline }) => [partition, { seq, timeline, nextOffset: 0 }]));
  if (view.base === null) {
    const detail = 'the view does not say how its rows are made from a snapshot';
    throw new ProjectorError('EVENTS_REMOVED', { detail, context: { projection: view.name, snapshot: first.id } });
  }
  const base = { snapshotId: first.id, positions };
  if (!view.base.ofFills) return base;
  const fills = await loadLivePositions(session, 'fills');
  const behind = rows.find(({ partition, seq }) => (fills.get(partition)?.seq ?? 0) < seq);
  if (behind !== undefined) {
    const detail = 'views.fills does not hold the trades of the events that were removed';
    const context = { projection: view.name, partition: behind.partition, seq: behind.seq };
    throw new ProjectorError('EVENTS_REMOVED', { detail, context });
  }
  return base;
}

async function loadOldest(ledger: Session): Promise<readonly Row[]> {
  try {
    const { rows } = await ledger.query<Row>({
      text: `SELECT b.id::text AS id, s.partition::int AS partition, s.seq::float8 AS seq, coalesce(e.timeline, 0) AS timeline
             FROM (SELECT * FROM ledger.bases WHERE complete ORDER BY bases.id LIMIT 1) AS b
             CROSS JOIN jsonb_each_text(b.seqs) AS s (partition, seq)
             LEFT JOIN ledger.every_event AS e ON e.partition = s.partition::int AND e.seq = s.seq::bigint
             WHERE EXISTS (SELECT FROM ledger.retention WHERE removed_seq > 0)`,
    });
    return rows;
  } catch (error) {
    throw unreadable(error);
  }
}

/** Writes the rows that a base makes into a table that has none; of one key alone, where its first parts are given. */
export async function writeBase(
  session: Session,
  view: View,
  base: Base,
  { table, key = [] }: { readonly table: string; readonly key?: readonly string[] },
): Promise<void> {
  if (view.base === null) return;
  const { columns, select } = view.base;
  const where = conditionOf(view.keyParts, key);
  await session.query({
    text: `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM (${select}) AS r${where === '' ? '' : ` WHERE ${where}`}`,
    values: [base.snapshotId, ...cutOf(base), ...key],
  });
}

/** The key's parts are the statement's parameters from the fourth on. */
function conditionOf(parts: readonly KeyPart[], key: readonly string[]): string {
  return parts
    .slice(0, key.length)
    .map(({ column, valueOf }, index) => `r.${column} = ${valueOf(`$${index + 4}`)}`)
    .join(' AND ');
}

function cutOf({ positions }: Base): readonly [readonly number[], readonly number[]] {
  return [[...positions.keys()], [...positions.values()].map(({ seq }) => seq)];
}
