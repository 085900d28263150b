import { openSession, type Session } from '@tradestream/database';
import { sleep } from '@tradestream/runtime';
import type { Endpoints } from '@tradestream/stack';

const CONNECT_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
const PATIENCE_MS = 120_000;

/**
 * Leaves no work of what came before to what is measured next: autovacuum would mark the setup's pages
 * in the middle of a run, and write each of them whole. Standbys take note of the checkpoint too, so that
 * every node has WAL segments to use again, as it has after hours, and none writes zeros for new ones.
 * Both sides of a comparison begin so.
 */
export async function settleTables(session: Session, { replicaUrls }: Pick<Endpoints, 'replicaUrls'>): Promise<void> {
  await session.query({ text: 'VACUUM (ANALYZE)' });
  await session.query({ text: 'CHECKPOINT' });
  const { rows } = await session.query<{ lsn: string }>({ text: 'SELECT pg_current_wal_lsn()::text AS lsn' });
  await Promise.all(Object.values(replicaUrls).map(async (url) => await settleStandby(url, rows[0]?.lsn ?? '0/0')));
}

async function settleStandby(url: string, lsn: string): Promise<void> {
  const session = await openSession({ url, applicationName: 'bench', connectTimeoutMs: CONNECT_TIMEOUT_MS });
  try {
    const text = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there';
    const deadlineMs = performance.now() + PATIENCE_MS;
    while ((await session.query<{ there: boolean }>({ text, values: [lsn] })).rows[0]?.there !== true) {
      if (performance.now() > deadlineMs) throw new Error(`a standby did not replay ${lsn} within ${PATIENCE_MS} ms`);
      await sleep(POLL_MS);
    }
    await session.query({ text: 'CHECKPOINT' });
  } finally {
    await session.close();
  }
}
