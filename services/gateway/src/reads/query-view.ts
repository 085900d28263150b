import { decodeToken, encodeToken, mergeTokens, type Token } from '@tradestream/contracts';
import { DatabaseError, isAccessRefused, type ReadPreference, type Statement } from '@tradestream/database';
import type { Logger } from '@tradestream/runtime';
import { badRequest, unavailable } from '../http/problems.ts';
import type { TextRow } from './list-view.ts';
import type { Reads } from './open-reads.ts';

export type ViewQuery = {
  /** The projection that the rows belong to. */
  readonly projection: string;
  readonly statement: Statement;
};

export type ReadLimits = {
  readonly preference: ReadPreference;
  /** What the reader has seen, as it came. */
  readonly token: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

export type ViewAnswer = { readonly rows: readonly TextRow[]; readonly servedBy: string; readonly token: string };

type PositionRow = { readonly partition: number | null; readonly seq: string | null };
type Seqs = Readonly<Record<number, number>>;

/**
 * Reads a view on the first node that shows what the token has seen. Position and rows come from one
 * snapshot, so the node itself proves it; no clock and no lag figure is trusted. The nodes of the
 * preference come first, near the primary and least busy; when none of them is fresh in time, the
 * primary is asked.
 * @throws {HttpProblem} 503 NOT_YET_VISIBLE when no node is fresh within the time, 503
 * DATABASE_UNAVAILABLE when none answers, 400 for a token that is none
 */
export async function queryView(
  { reads, log }: { readonly reads: () => Reads; readonly log: Logger },
  { projection, statement }: ViewQuery,
  { preference, token, timeoutMs, signal }: ReadLimits,
): Promise<ViewAnswer> {
  const seen = tokenOf(token);
  const positions = { name: 'gateway_positions', text: POSITIONS, values: [projection] };
  try {
    const { results, servedBy } = await reads().snapshot([heldInPlace(projection), positions, statement], {
      readPreference: preference,
      timeoutMs,
      signal,
      isFresh: ([, reached]) => isFresh(seqsOf(reached?.rows), seen),
      onFailure: (node, error) => log.warn({ error, node }, 'read_failed'),
    });
    const [, reached, answer] = results;
    const shown = mergeTokens(seen, { seqs: seqsOf(reached?.rows) ?? {} });
    return { rows: (answer?.rows ?? []) as readonly TextRow[], servedBy, token: encodeToken(shown) };
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.retry === 'never' && !isAccessRefused(error)) throw error;
    if (error.code === 'DB_NOT_FRESH') {
      const { waitedMs } = error.context;
      throw unavailable('NOT_YET_VISIBLE', 'no node shows yet what the token has seen', { extra: { waitedMs } });
    }
    throw unavailable('DATABASE_UNAVAILABLE', 'no node answers now', { cause: error });
  }
}

/**
 * Sent before the snapshot is taken: a rebuilt table takes this one's place either before, and the
 * snapshot has its positions, or after the answer. Without it, on a replica above all, rows of the new
 * table could be read behind positions of the old.
 */
function heldInPlace(projection: string): Statement {
  return { text: `LOCK TABLE views.${projection} IN ACCESS SHARE MODE` };
}

const POSITIONS = `
  SELECT partition, seq::text FROM views.projections LEFT JOIN views.positions USING (projection)
  WHERE projection = $1 AND live_version IS NOT NULL`;

/** As the statement above selects them; null for a projection that was never built. */
function seqsOf(rows: readonly object[] = []): Seqs | null {
  if (rows.length === 0) return null;
  const reached = rows as readonly PositionRow[];
  return Object.fromEntries(
    reached.flatMap(({ partition, seq }) => (partition === null ? [] : [[partition, Number(seq)]])),
  );
}

function isFresh(seqs: Seqs | null, seen: Token): boolean {
  return seqs !== null && Object.entries(seen.seqs).every(([partition, seq]) => (seqs[Number(partition)] ?? 0) >= seq);
}

function tokenOf(text: string | undefined): Token {
  if (text === undefined) return { seqs: {} };
  const token = decodeToken(text);
  if (token === null) throw badRequest('INVALID_PARAMETER', 'X-Consistency-Token', 'a token of an earlier answer');
  return token;
}
