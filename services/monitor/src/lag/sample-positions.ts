import type { Topics } from '@tradestream/contracts';
import { DatabaseError } from '@tradestream/database';
import type { NodeLink } from '../sources/node-link.ts';
import type { TrackedOffsets } from './lag-sample.ts';

type Row = {
  readonly reader: string;
  readonly partition: number;
  readonly next_offset: number;
  readonly sessions: number;
};

// How many sessions of a service are connected: a process that died has none at once.
const SESSIONS = `(SELECT count(*)::int FROM pg_stat_activity
  WHERE datname = current_database() AND application_name LIKE $2) AS sessions`;
const LEDGER = `
  SELECT 'ledger' AS reader, partition, next_offset::float8, ${SESSIONS}
  FROM ledger.partitions WHERE topic = $1 ORDER BY partition`;
// Of each projection, the rows that are read.
const PROJECTIONS = `
  SELECT 'projection-' || projection AS reader, partition, next_offset::float8, ${SESSIONS}
  FROM views.positions
  WHERE $1 <> ''
  ORDER BY projection, partition`;
const NO_SUCH_TABLE = '42P01';

/** The offsets that the database holds: of the ledger on the commands, of each projection on the events. */
export async function samplePositions(link: NodeLink, topics: Topics): Promise<readonly TrackedOffsets[]> {
  const ledger = link.query<Row>({ text: LEDGER, values: [topics.commands, 'tradestream-worker%'] });
  const projections = link
    .query<Row>({ text: PROJECTIONS, values: [topics.events, 'tradestream-projector%'] })
    .catch((error: unknown) => {
      // The views may be in another database.
      if (error instanceof DatabaseError && error.code === NO_SUCH_TABLE) return [];
      throw error;
    });
  // Both are waited for at once: a node that fails the first fails the second, too, and nobody would hear that one.
  const [commands, events] = await Promise.all([ledger, projections]);
  return [...readersOf(commands, topics.commands), ...readersOf(events, topics.events)];
}

function readersOf(rows: readonly Row[], topic: string): readonly TrackedOffsets[] {
  return [...Map.groupBy(rows, ({ reader }) => reader)].map(([group, own]) => ({
    group,
    state: (own[0]?.sessions ?? 0) > 0 ? 'Connected' : 'Absent',
    protocol: 'database',
    members: own[0]?.sessions ?? 0,
    offsets: own.map(({ partition, next_offset }) => ({
      topic,
      partition,
      committed: next_offset,
      member: null,
    })),
  }));
}
