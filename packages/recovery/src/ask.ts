import type { Session, Statement } from '@tradestream/database';

/** One statement on the primary, and its rows. */
export type Ask = <Row extends object>(statement: Statement) => Promise<readonly Row[]>;

export function askOf(session: Session): Ask {
  return async <Row extends object>(statement: Statement) => (await session.query<Row>(statement)).rows;
}
