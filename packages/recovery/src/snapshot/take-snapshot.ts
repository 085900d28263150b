import type { Session } from '@tradestream/database';
import { invariant } from '@tradestream/runtime';
import { inTransaction } from '../open-recovery-session.ts';

export type TakenSnapshot = {
  readonly id: number;
  readonly batch: number;
  readonly balances: number;
  readonly orders: number;
};

/**
 * Stores every balance and order of one moment, with the sequences up to which events are in them, and
 * drops all but the newest `keep` snapshots. One for retention is none of those: events may leave behind
 * it, and it stays until another serves. Locks nothing that a worker writes. Run again with the same
 * reason it answers the snapshot that is there.
 * @throws {DatabaseError}
 */
export async function takeSnapshot(
  session: Session,
  options: {
    readonly topic: string;
    readonly actor: string;
    readonly why: string;
    readonly keep: number;
    readonly forRetention?: boolean;
  },
): Promise<TakenSnapshot> {
  const { topic, actor, why, keep, forRetention = false } = options;
  const columns = 'id::float8 AS id, batch::float8 AS batch, balances::float8 AS balances, orders::float8 AS orders';
  return await inTransaction(
    session,
    async () => {
      const { rows: there } = await session.query<TakenSnapshot>({
        text: `SELECT ${columns} FROM ledger.snapshots WHERE topic = $1 AND actor = $2 AND why = $3 ORDER BY id DESC LIMIT 1`,
        values: [topic, actor, why],
      });
      if (there[0] !== undefined) return there[0];
      const { rows } = await session.query<TakenSnapshot>({
        text: `SELECT ${columns} FROM ledger.take_snapshot($1, $2, $3, $4)`,
        values: [topic, actor, why, forRetention],
      });
      const [taken] = rows;
      invariant(taken !== undefined, 'a snapshot that was taken is answered');
      await session.query({ text: 'SELECT ledger.drop_snapshots($1, $2)', values: [topic, keep] });
      return taken;
    },
    { isolation: 'REPEATABLE READ' },
  );
}
