import type { Topics } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import type { LogAdmin } from '@tradestream/messaging';
import type { Horizon } from './bench.ts';
import { unreadable } from './ledger-pages.ts';

/**
 * How far the ledger is. The ends of the topic are asked for first: what lies below them was committed
 * before the sequences are read, so a version that holds those events need not read them again.
 */
export async function loadHorizon(parts: {
  readonly admin: LogAdmin;
  readonly ledger: Session;
  readonly topics: Topics;
}): Promise<Horizon> {
  const { admin, ledger, topics } = parts;
  const ends = new Map((await admin.ranges(topics.events)).map(({ partition, end }) => [partition, end]));
  const rows = await loadSeqs(ledger, topics.commands);
  return new Map(rows.map(({ partition, seq }) => [partition, { seq, nextOffset: ends.get(partition) ?? 0 }]));
}

type Row = { readonly partition: number; readonly seq: number };

async function loadSeqs(ledger: Session, topic: string): Promise<readonly Row[]> {
  try {
    const { rows } = await ledger.query<Row>({
      text: 'SELECT partition, event_seq::float8 AS seq FROM ledger.partitions WHERE topic = $1 ORDER BY partition',
      values: [topic],
    });
    return rows;
  } catch (error) {
    throw unreadable(error);
  }
}
