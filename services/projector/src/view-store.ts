import { arrays, type Session, type Statement } from '@tradestream/database';
import { errorOf } from '@tradestream/runtime';
import type { Position, PositionMove } from './position.ts';

/** What one projection writes of a batch. */
export type ProjectionWrite = { readonly projection: string; readonly statements: readonly Statement[] };

export type PositionKeys = { readonly projections: readonly string[]; readonly partitions: readonly number[] };

export type StoredPosition = Position & {
  readonly projection: string;
  readonly version: number;
  readonly partition: number;
};

/**
 * Positions of the versions that are read; those that are absent begin at zero and are made. A
 * projection that was never built has none. A swap under way is waited for, so that no position of the
 * version that it replaces is made behind it.
 */
export async function loadPositions(session: Session, keys: PositionKeys): Promise<readonly StoredPosition[]> {
  const values = [arrays.text(keys.projections), arrays.int4(keys.partitions)];
  const made = session.query({
    text: `INSERT INTO views.positions (projection, version, partition)
           SELECT p.projection, p.live_version, partition FROM views.projections AS p, unnest($2::int[]) AS partition
           WHERE p.projection = ANY ($1::text[]) AND p.live_version IS NOT NULL
           ORDER BY p.projection, partition FOR SHARE OF p
           ON CONFLICT DO NOTHING`,
    values,
  });
  const found = session.query<
    Record<'projection' | 'seq' | 'next_offset', string> & Record<'version' | 'partition' | 'timeline', number>
  >({
    text: `SELECT projection, version, partition, seq::text, next_offset::text, timeline FROM views.positions
           WHERE projection = ANY ($1::text[]) AND partition = ANY ($2::int[])`,
    values,
  });
  const [, { rows }] = await Promise.all([made, found]);
  return rows.map(({ projection, version, partition, seq, next_offset: nextOffset, timeline }) => ({
    projection,
    version,
    partition,
    seq: Number(seq),
    nextOffset: Number(nextOffset),
    timeline,
  }));
}

const BEGIN: Statement = { name: 'begin', text: 'BEGIN' };

export type WriteOptions = { readonly commitTimeoutMs: number };

/** The first statement that failed; `projection` is null for what belongs to the transaction as a whole. */
export type WriteFailure = { readonly error: Error; readonly projection: string | null };

/**
 * Moves the positions and writes the rows in one transaction that is sent at once; resolves when
 * its COMMIT has answered: with null, or with what failed. The positions go first: a projector that
 * is no longer where it believes to be makes the COMMIT behind it a ROLLBACK.
 */
export async function writeBatch(
  session: Session,
  batch: { readonly moves: readonly PositionMove[]; readonly writes: readonly ProjectionWrite[] },
  options: WriteOptions,
): Promise<WriteFailure | null> {
  const ofNone = [BEGIN, movePositions(batch.moves)].map((statement) => ({ projection: null, statement }));
  const ofProjections = batch.writes.flatMap(({ projection, statements }) =>
    statements.map((statement) => ({ projection, statement })),
  );
  const sent = [...ofNone, ...ofProjections];
  const answering = session.pipeline(sent.map(({ statement }) => statement));
  const committing = session.commit({ timeoutMs: options.commitTimeoutMs, after: answering }).then(
    () => null,
    (error: unknown) => ({ error: errorOf(error), projection: null }),
  );
  const { rows, failure } = await answering;
  const uncommitted = await committing;
  if (failure === null) return uncommitted;
  return { error: failure, projection: sent[rows.length]?.projection ?? null };
}

function movePositions(moves: readonly PositionMove[]): Statement {
  return {
    name: 'move_positions',
    text: 'SELECT views.move_positions($1, $2, $3, $4, $5, $6, $7, $8)',
    values: [
      arrays.text(moves.map(({ cursor }) => cursor.projection)),
      arrays.int4(moves.map(({ cursor }) => cursor.version)),
      arrays.int4(moves.map(({ cursor }) => cursor.partition)),
      arrays.int8(moves.map(({ from }) => from.seq)),
      arrays.int8(moves.map(({ from }) => from.nextOffset)),
      arrays.int8(moves.map(({ to }) => to.seq)),
      arrays.int8(moves.map(({ to }) => to.nextOffset)),
      arrays.int4(moves.map(({ to }) => to.timeline)),
    ],
  };
}
