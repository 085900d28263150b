import type { Session } from '@tradestream/database';

/**
 * Leaves no work of what came before to what is measured next: autovacuum would mark the setup's pages
 * in the middle of a run, and write each of them whole. Both sides of a comparison begin so.
 */
export async function settleTables(session: Session): Promise<void> {
  await session.query({ text: 'VACUUM (ANALYZE)' });
  await session.query({ text: 'CHECKPOINT' });
}
