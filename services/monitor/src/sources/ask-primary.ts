import type { Statement } from '@tradestream/database';
import { MonitorError } from '../errors.ts';
import type { NodeLink } from './node-link.ts';

/** The rows of one statement on the node that is the primary now. @throws {MonitorError} PRIMARY_UNKNOWN, SOURCE_TIMEOUT @throws {DatabaseError} */
export async function askPrimary<Row extends object>(
  link: () => NodeLink | null,
  statement: Statement,
): Promise<readonly Row[]> {
  const node = link();
  if (node === null) throw new MonitorError('PRIMARY_UNKNOWN');
  return await node.query<Row>(statement);
}
