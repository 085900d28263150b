import { decodeToken, encodeToken, mergeTokens, type Token } from '@tradestream/contracts';
import type { Statement } from '@tradestream/database';
import { AppError, errorOf, type HttpProblem, type Logger, sleep } from '@tradestream/runtime';
import { badRequest, unavailable } from '../http/problems.ts';
import type { TextRow } from './list-view.ts';
import type { ReadNode, ReadNodes, ReadPreference } from './read-nodes.ts';

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

/** Pause before the nodes are asked again, ms: replay and projection catch up within tens of them. */
const PAUSE_MS = 10;
/** Time in which only the preferred nodes are asked, ms; after it the primary is, too, and last those that are late. */
const PREFERRED_MS = 150;

type PositionRow = { readonly partition: number; readonly seq: string };
type Look = { readonly rows: readonly TextRow[]; readonly seqs: Readonly<Record<number, number>> };

/**
 * Reads a view on the first node that shows what the token has seen. Position and rows come from one
 * snapshot, so the node itself proves it; no clock and no lag figure is trusted. The nodes of the
 * preference come first, near the primary and least busy; when none of them is fresh in time, the
 * primary is asked.
 * @throws {HttpProblem} 503 NOT_YET_VISIBLE when no node is fresh within the time, 503
 * DATABASE_UNAVAILABLE when none answers, 400 for a token that is none
 */
export async function queryView(
  parts: { readonly nodes: () => ReadNodes; readonly log: Logger },
  query: ViewQuery,
  limits: ReadLimits,
): Promise<ViewAnswer> {
  const seen = tokenOf(limits.token);
  const startedMs = performance.now();
  for (;;) {
    const waitedMs = performance.now() - startedMs;
    const { preferred, others } = parts.nodes().choose(limits.preference);
    const isEarly = preferred.length > 0 && waitedMs < Math.min(PREFERRED_MS, limits.timeoutMs);
    const asked = isEarly ? preferred : [...preferred, ...others];
    const { answer, failure } = await askInTurn(asked, query, { seen, log: parts.log });
    if (answer !== null) return answer;
    if (performance.now() - startedMs + PAUSE_MS > limits.timeoutMs && !isEarly) {
      throw (
        failure ??
        unavailable('NOT_YET_VISIBLE', 'no node shows yet what the token has seen', {
          extra: { waitedMs: Math.round(waitedMs) },
        })
      );
    }
    await sleep(PAUSE_MS, limits.signal);
  }
}

async function askInTurn(
  nodes: Iterable<ReadNode>,
  query: ViewQuery,
  about: { readonly seen: Token; readonly log: Logger },
): Promise<{ readonly answer: ViewAnswer | null; readonly failure: HttpProblem | null }> {
  let isBehind = false;
  let failure: HttpProblem | null = null;
  for (const node of nodes) {
    try {
      const { rows, seqs } = await look(node, query);
      if (isFresh(seqs, about.seen)) {
        return {
          answer: { rows, servedBy: node.name, token: encodeToken(mergeTokens(about.seen, { seqs })) },
          failure: null,
        };
      }
      isBehind = true;
    } catch (error) {
      if (!(error instanceof AppError) || error.retry === 'never') throw error;
      about.log.warn({ error: errorOf(error), node: node.name }, 'read_failed');
      failure = unavailable('DATABASE_UNAVAILABLE', 'no node answers now', { cause: error });
    }
  }
  return { answer: null, failure: isBehind ? null : failure };
}

/** The highest version of a projection is the one that is served. */
const POSITIONS = `
  SELECT partition, seq::text FROM views.positions
  WHERE projection = $1 AND version = (SELECT max(version) FROM views.positions WHERE projection = $1)`;

async function look(node: ReadNode, { projection, statement }: ViewQuery): Promise<Look> {
  const positions = { name: 'gateway_positions', text: POSITIONS, values: [projection] };
  const [reached = [], rows = []] = await node.snapshot([positions, statement]);
  const seqs = (reached as readonly PositionRow[]).map(({ partition, seq }) => [partition, Number(seq)]);
  return { rows: rows as readonly TextRow[], seqs: Object.fromEntries(seqs) };
}

function isFresh(seqs: Readonly<Record<number, number>>, seen: Token): boolean {
  return Object.entries(seen.seqs).every(([partition, seq]) => (seqs[Number(partition)] ?? 0) >= seq);
}

function tokenOf(text: string | undefined): Token {
  if (text === undefined) return { seqs: {} };
  const token = decodeToken(text);
  if (token === null) throw badRequest('INVALID_PARAMETER', 'X-Consistency-Token', 'a token of an earlier answer');
  return token;
}
