import { arrays, type Session, type Statement } from '@tradestream/database';
import { errorOf } from '@tradestream/runtime';
import type { Position, PositionMove } from './position.ts';

/** What one projection writes of a batch. */
export type ProjectionWrite = { readonly projection: string; readonly statements: readonly Statement[] };

export type PositionKeys = {
  readonly projections: readonly string[];
  readonly version: number;
  readonly partitions: readonly number[];
};

export type StoredPosition = Position & { readonly projection: string; readonly partition: number };

/** Positions as the database holds them; those that are absent begin at zero and are made. */
export async function loadPositions(session: Session, keys: PositionKeys): Promise<readonly StoredPosition[]> {
  const values = [arrays.text(keys.projections), keys.version, arrays.int4(keys.partitions)];
  const made = session.query({
    text: `INSERT INTO views.positions (projection, version, partition)
           SELECT projection, $2, partition FROM unnest($1::text[]) AS projection, unnest($3::int[]) AS partition
           ORDER BY projection, partition
           ON CONFLICT DO NOTHING`,
    values,
  });
  const found = session.query<
    Record<'projection' | 'seq' | 'next_offset', string> & Record<'partition' | 'timeline', number>
  >({
    text: `SELECT projection, partition, seq::text, next_offset::text, timeline FROM views.positions
           WHERE projection = ANY ($1::text[]) AND version = $2 AND partition = ANY ($3::int[])`,
    values,
  });
  const [, { rows }] = await Promise.all([made, found]);
  return rows.map(({ projection, partition, seq, next_offset: nextOffset, timeline }) => ({
    projection,
    partition,
    seq: Number(seq),
    nextOffset: Number(nextOffset),
    timeline,
  }));
}

export type WriteOptions = { readonly version: number; readonly commitTimeoutMs: number };

/** The first statement that failed; `projection` is null for what belongs to the transaction as a whole. */
export type WriteFailure = { readonly error: Error; readonly projection: string | null };

/**
 * Moves the positions and writes the rows in one pipelined transaction; resolves when its COMMIT
 * has answered: with null, or with what failed. The positions go first: a projector that is no
 * longer where it believes to be makes the COMMIT behind it a ROLLBACK. All is sent before the
 * first answer is awaited.
 */
export async function writeBatch(
  session: Session,
  batch: { readonly moves: readonly PositionMove[]; readonly writes: readonly ProjectionWrite[] },
  options: WriteOptions,
): Promise<WriteFailure | null> {
  const sent: Promise<WriteFailure | null>[] = [];
  const send = (projection: string | null, statement: Statement) => {
    const answer = session.query(statement);
    sent.push(
      answer.then(
        () => null,
        (error: unknown) => ({ error: errorOf(error), projection }),
      ),
    );
  };
  send(null, { text: 'BEGIN' });
  send(null, movePositions(batch.moves, options.version));
  for (const { projection, statements } of batch.writes) {
    for (const statement of statements) send(projection, statement);
  }
  try {
    await session.commit({ timeoutMs: options.commitTimeoutMs });
    return null;
  } catch (error) {
    // Statements behind a failed one answer that the transaction is aborted: the first is the cause.
    for (const answer of sent) {
      const failure = await answer;
      if (failure !== null) return failure;
    }
    return { error: errorOf(error), projection: null };
  }
}

function movePositions(moves: readonly PositionMove[], version: number): Statement {
  return {
    name: 'move_positions',
    text: 'SELECT views.move_positions($1, $2, $3, $4, $5, $6, $7, $8)',
    values: [
      arrays.text(moves.map(({ cursor }) => cursor.projection)),
      arrays.int4(moves.map(() => version)),
      arrays.int4(moves.map(({ cursor }) => cursor.partition)),
      arrays.int8(moves.map(({ from }) => from.seq)),
      arrays.int8(moves.map(({ from }) => from.nextOffset)),
      arrays.int8(moves.map(({ to }) => to.seq)),
      arrays.int8(moves.map(({ to }) => to.nextOffset)),
      arrays.int4(moves.map(({ to }) => to.timeline)),
    ],
  };
}
