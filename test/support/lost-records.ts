import { eventually } from './eventually.ts';
import type { LedgerWorld } from './ledger-world.ts';

const PATIENCE_MS = 60_000;

/** What a replay or a dry run must leave as it is. */
export async function fingerprintOf(world: LedgerWorld) {
  const digest = (table: string, row: string, order: string) =>
    `(SELECT md5(string_agg(${row}, ',' ORDER BY ${order})) FROM ledger.${table} AS t) AS ${table}`;
  return await world.rows(
    `SELECT ${digest('receipts', 't::text', 'command_id')}, ${digest('events', 't::text', 'partition, seq')},
            ${digest('balances', 't::text', 'user_id, asset')}, ${digest('orders', 't::text', 'order_id')},
            ${digest('partitions', 'next_offset::text || event_seq', 'partition')}`,
  );
}

/** As if a worker had taken them and lost them. */
export async function skipToEnd(world: LedgerWorld): Promise<void> {
  for (const { partition, end } of await world.admin.ranges(world.topics.commands)) {
    await world.rows(
      'UPDATE ledger.partitions SET next_offset = $3, last_hash = NULL WHERE topic = $1 AND partition = $2',
      [world.topics.commands, partition, end],
    );
  }
}

/** Every record that the topic of commands holds has expired. */
export async function loseLog(world: LedgerWorld): Promise<void> {
  const ranges = await world.admin.ranges(world.topics.commands);
  const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
  await world.admin.deleteRecords(world.topics.commands, ends);
  await eventually(
    async () => (await world.admin.ranges(world.topics.commands)).every(({ start, end }) => start === end),
    { withinMs: PATIENCE_MS },
  );
}

/** A record that was set aside and discarded, and that the log has lost since. */
export async function addDiscarded(world: LedgerWorld): Promise<void> {
  await world.rows(
    `WITH record AS (
       INSERT INTO ledger.parked (topic, partition, "offset", record_time, reason, message, command_id, blocks_key, status)
       VALUES ($1, 0, -1, now(), 'COMMAND_FAILED', 'of a test', gen_random_uuid(), true, 'discarded') RETURNING *)
     INSERT INTO ledger.receipts (command_id, batch, "offset", partition, index, outcome, payload_hash)
     SELECT command_id, 0, "offset", partition, 0, 'discarded', sha256('') FROM record`,
    [world.topics.commands],
  );
}

/** Receipts that are not archived. */
export async function hotReceipts(world: LedgerWorld): Promise<number> {
  const [row] = await world.rows<{ count: number }>('SELECT count(*)::int AS count FROM ledger.receipts');
  return row?.count ?? 0;
}
