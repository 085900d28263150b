import { openSession } from '@tradestream/database';
import { Scope } from '@tradestream/runtime';
import { eventually } from './eventually.ts';
import type { ScratchDatabase } from './scratch.ts';

const WITHIN = { withinMs: 60_000 } as const;
const REPLAYED = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS done';

/** Resolves when every replica shows what the primary has until now. */
export async function replayedEverywhere({ url, replicaUrls }: ScratchDatabase): Promise<void> {
  await using scope = new Scope();
  const open = async (each: string) =>
    scope.use(await openSession({ url: each, applicationName: 'replayed', connectTimeoutMs: 30_000 }));
  const primary = await open(url);
  const [now] = (await primary.query<{ lsn: string }>({ text: 'SELECT pg_current_wal_lsn()::text AS lsn' })).rows;
  for (const replicaUrl of Object.values(replicaUrls)) {
    const replica = await open(replicaUrl);
    await eventually(async () => {
      const { rows } = await replica.query<{ done: boolean }>({ text: REPLAYED, values: [now?.lsn] });
      return rows[0]?.done === true;
    }, WITHIN);
  }
}
