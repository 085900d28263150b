import type { PipelineAnswer } from '@tradestream/answers';
import type { NodeLink } from '../sources/node-link.ts';

// Only what came to its end says something of the data.
const RECONCILED = `
  SELECT coalesce((result ->> 'ok')::boolean, false) AS ok, result ->> 'firstContradiction' AS "firstContradiction",
    finished_at AS "finishedAt"
  FROM ledger.jobs WHERE kind = 'reconciliation' AND state = 'done' ORDER BY created_at DESC LIMIT 1`;

type Row = { readonly ok: boolean; readonly firstContradiction: string | null; readonly finishedAt: Date };

/** What the last reconciliation found; null when none has come to its end. */
export async function sampleReconciliation(link: NodeLink): Promise<PipelineAnswer['reconciliation']> {
  const [row] = await link.query<Row>({ text: RECONCILED });
  return row === undefined ? null : { ...row, finishedAt: row.finishedAt.toISOString() };
}
