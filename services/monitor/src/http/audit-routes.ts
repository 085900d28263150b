import type { AuditAnswer } from '@tradestream/answers';
import type { FastifyInstance } from '@tradestream/runtime';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { answering, isText, limitOf, refused, requireKnown } from './parameters.ts';

export type AuditRoutesOptions = { readonly operator: () => NodeLink | null };

const READER = { config: { role: 'reader' } } as const;
// `id` alone would be the text that is answered, of which 99 comes after 100.
const AUDIT = `
  SELECT id::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, actor, action, why, details
  FROM ledger.audit
  WHERE ($1::bigint IS NULL OR id < $1) AND ($2::text IS NULL OR action = $2) AND ($3::text IS NULL OR actor = $3)
    AND ($4::text IS NULL OR details->>'jobId' = $4)
  ORDER BY audit.id DESC LIMIT $5`;

/** What was done, by whom and why, the newest first. */
export function addAuditRoutes(app: FastifyInstance, { operator }: AuditRoutesOptions): void {
  app.get<{ Querystring: Record<string, unknown> }>('/v1/audit', READER, async ({ query }) => {
    requireKnown(query, ['action', 'actor', 'jobId', 'limit', 'cursor']);
    const { cursor } = query;
    const limit = limitOf(query['limit']);
    if (cursor !== undefined && !(isText(cursor) && /^[1-9]\d{0,17}$/.test(cursor)))
      throw refused('cursor', 'the nextCursor of the page before');
    const [action, actor, jobId] = ['action', 'actor', 'jobId'].map((field) => textOf(field, query[field]));
    const values = [cursor ?? null, action, actor, jobId, limit + 1];
    const rows = await answering(() => askPrimary<AuditAnswer>(operator, { text: AUDIT, values }));
    const items = rows.slice(0, limit);
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
  });
}

function textOf(field: string, given: unknown): string | null {
  if (given === undefined) return null;
  if (!isText(given)) throw refused(field, 'the value that is looked for');
  return given;
}
