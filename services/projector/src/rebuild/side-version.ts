import { arrays, type Session, type Statement } from '@tradestream/database';
import type { Position } from '../position.ts';
import type { Positions } from './fold-ledger.ts';

/** What is known of the versions of a projection. */
export type Versions = {
  readonly live: number | null;
  readonly next: number | null;
  /** The request that the next version is made for. */
  readonly nextRequest: string | null;
  readonly kept: number | null;
};

export async function loadVersions(session: Session, projection: string): Promise<Versions> {
  const { rows } = await session.query<Versions>({
    text: `SELECT live_version AS live, next_version AS next, next_request AS "nextRequest", kept_version AS kept
           FROM views.projections WHERE projection = $1`,
    values: [projection],
  });
  return rows[0] ?? { live: null, next: null, nextRequest: null, kept: null };
}

type PositionRow = {
  readonly partition: number;
  readonly timeline: number;
  readonly seq: number;
  readonly offset: number;
};
const COLUMNS = 'partition, timeline, seq::float8 AS seq, next_offset::float8 AS offset';

/** Where the rows are that are read; with `lock` nobody moves them until the transaction ends. */
export async function loadLivePositions(session: Session, projection: string, lock = false): Promise<Positions> {
  const { rows } = await session.query<PositionRow>({
    text: `SELECT ${COLUMNS} FROM views.positions WHERE projection = $1
           ORDER BY version, partition${lock ? ' FOR UPDATE' : ''}`,
    values: [projection],
  });
  return positionsOf(rows);
}

/** Where the version beside them is. */
export async function loadSidePositions(session: Session, projection: string, version: number): Promise<Positions> {
  const { rows } = await session.query<PositionRow>({
    text: `SELECT ${COLUMNS} FROM views.side_positions WHERE projection = $1 AND version = $2`,
    values: [projection, version],
  });
  return positionsOf(rows);
}

export function saveSidePositions(projection: string, version: number, positions: Positions): Statement {
  const all: readonly Position[] = [...positions.values()];
  return {
    name: 'save_side_positions',
    text: `INSERT INTO views.side_positions (projection, version, partition, timeline, seq, next_offset)
           SELECT $1, $2, * FROM unnest($3::int[], $4::int[], $5::bigint[], $6::bigint[])
           ON CONFLICT (projection, version, partition) DO UPDATE
             SET timeline = excluded.timeline, seq = excluded.seq, next_offset = excluded.next_offset`,
    values: [
      projection,
      version,
      arrays.int4([...positions.keys()]),
      arrays.int4(all.map(({ timeline }) => timeline)),
      arrays.int8(all.map(({ seq }) => seq)),
      arrays.int8(all.map(({ nextOffset }) => nextOffset)),
    ],
  };
}

/** Begins a version for a request; answers with its number. */
export async function beginNext(session: Session, projection: string, request: string): Promise<number> {
  const { rows } = await session.query<{ version: number }>({
    text: 'SELECT views.begin_next($1, $2) AS version',
    values: [projection, request],
  });
  return rows[0]?.version ?? 0;
}

/** Makes the kept version the next one; null when none is kept. */
export async function takeKept(session: Session, projection: string, request: string): Promise<number | null> {
  const { rows } = await session.query<{ version: number | null }>({
    text: 'SELECT views.take_kept($1, $2) AS version',
    values: [projection, request],
  });
  return rows[0]?.version ?? null;
}

/** Runs the statements one behind the other, all or none of them. */
export async function inTransaction<Answer>(session: Session, work: () => Promise<Answer>): Promise<Answer> {
  await session.query({ text: 'BEGIN' });
  try {
    const answer = await work();
    await session.commit();
    return answer;
  } catch (error) {
    if (!session.closed.aborted) await session.query({ text: 'ROLLBACK' }).catch(() => undefined);
    throw error;
  }
}

function positionsOf(rows: readonly PositionRow[]): Positions {
  return new Map(
    rows.map(({ partition, timeline, seq, offset }) => [partition, { timeline, seq, nextOffset: offset }]),
  );
}
