import { DatabaseError } from '../errors.ts';
import type { RetryPolicy } from './transaction-config.ts';

export type RetryDecision =
  | { readonly kind: 'retry'; readonly pauseMs: number }
  | { readonly kind: 'throw' }
  | { readonly kind: 'spent'; readonly why: 'attempts' | 'time' | 'budget' };

/** Saturation and slowness: doing it again at once makes them worse. */
const NEVER_AGAIN: ReadonlySet<string> = new Set([
  'DB_POOL_TIMEOUT',
  'DB_POOL_QUEUE_FULL',
  'DB_STATEMENT_TIMEOUT',
  'DB_RETRIES_SPENT',
]);
const REROUTED: ReadonlySet<string> = new Set(['25006', 'DB_PRIMARY_UNKNOWN', 'DB_NODE_FENCED']);

/** Whether a transaction that failed so, before its COMMIT could have happened, is worth the whole work again. */
export function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || NEVER_AGAIN.has(error.code)) return false;
  if (error.retry === 'now' || REROUTED.has(error.code)) return true;
  return error.type === 'CONNECTION_ERROR' && error.retry === 'later';
}

export function decideRetry(options: {
  readonly error: unknown;
  readonly policy: RetryPolicy;
  /** Attempts made. */
  readonly attempt: number;
  readonly elapsedMs: number;
  readonly lastPauseMs: number;
  readonly budget: RetryBudget;
  readonly random: () => number;
}): RetryDecision {
  const { error, policy, attempt, elapsedMs, lastPauseMs, budget, random } = options;
  if (!isWorthRetrying(error)) return { kind: 'throw' };
  if (attempt >= policy.maxAttempts) return { kind: 'spent', why: 'attempts' };
  // Decorrelated: those that failed together part.
  const widest = Math.max(policy.baseDelay, lastPauseMs * 3);
  const pauseMs = Math.min(policy.maxDelay, random() * widest);
  if (elapsedMs + pauseMs > (policy.budget ?? Infinity)) return { kind: 'spent', why: 'time' };
  if (!budget.take()) return { kind: 'spent', why: 'budget' };
  return { kind: 'retry', pauseMs };
}

const TOKENS_MAX = 1_000;
const TOKENS_PER_SUCCESS = 1;

/**
 * Retries that all transactions of a manager have together: each takes one, each success brings one
 * back. When a server fails everyone, they end, and do not double its load.
 */
export class RetryBudget {
  #tokens = TOKENS_MAX;

  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  succeeded(): void {
    this.#tokens = Math.min(TOKENS_MAX, this.#tokens + TOKENS_PER_SUCCESS);
  }
}
