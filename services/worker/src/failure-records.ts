import { arrays, DatabaseError, type Session } from '@tradestream/database';
import { errorOf, type Logger } from '@tradestream/runtime';
import type { BatchFailure } from './apply-batch.ts';
import type { LedgerLink } from './ledger-link.ts';
import type { Position } from './position.ts';
import { decodeRecords, type Workbench } from './prepare-batch.ts';

/** Command ids kept with one explanation. */
const COMMAND_IDS_MAX = 50;
const EXPLAINED: ReadonlySet<string> = new Set(['40P01', '40001', '55P03']);

/** Keeps what an operator needs to understand a deadlock or serialization failure. Never fails the batch. */
export async function explainRetry(
  options: { readonly bench: Workbench; readonly link: LedgerLink; readonly owner: string; readonly log: Logger },
  failure: BatchFailure,
): Promise<void> {
  const { bench, link, owner, log } = options;
  const { cause, records } = failure;
  if (!(cause instanceof DatabaseError) || !EXPLAINED.has(cause.code)) return;
  try {
    const session = link.loads();
    const decoded = await decodeRecords(bench, records.slice(0, COMMAND_IDS_MAX), session);
    const ids = decoded.flatMap((record) => (record.kind === 'command' ? [record.commandId] : []));
    await session.query({
      text: 'INSERT INTO ledger.deadlocks (owner, sqlstate, detail, command_ids) VALUES ($1, $2, $3, $4::uuid[])',
      values: [owner, cause.code, cause.message, arrays.uuid(ids)],
    });
  } catch (error) {
    log.warn({ error: errorOf(error) }, 'retry_not_explained');
  }
}

/** Marks durably that a record is about to be tried alone; answers how often it was. */
export async function markSingle(session: Session, topic: string, position: Position, offset: number): Promise<number> {
  const { rows } = await session.query<{ attempts: number | null }>({
    text: 'SELECT ledger.mark_single($1, $2, $3, $4) AS attempts',
    values: [topic, position.partition, position.epoch, offset],
  });
  return rows[0]?.attempts ?? 0;
}
