import type { CounterMetric, HistogramMetric, Metrics } from '@tradestream/runtime';
import { openSession, type SessionOptions } from '../driver/open-session.ts';
import { DatabaseErrorType } from '../error-entry.ts';
import type { DatabaseError } from '../errors.ts';
import type { Figures } from '../manager/figures.ts';
import type { PoolSession, Session } from '../session.ts';
import type { UsageObserver } from './usage-observer.ts';

const MS_PER_SECOND = 1_000;
/** The guide's bound for the latency of a query. */
const SLOW_MS = 1_000;
/**
 * What is sent behind a statement that failed fails for that alone; and that a kept value is not the one in the
 * database is an answer, whose retry is counted: two workers at rest hear it for one in a hundred statements.
 */
const NO_FAILURES: ReadonlySet<string> = new Set(['25P02', 'TS003']);

/**
 * What a program does with its database, as its metrics: statements, the slow ones, errors by type, connections,
 * and how long they are waited for. It counts the sessions that are opened through it and the managers that it is given.
 */
export class DatabaseUsage implements UsageObserver {
  readonly #errors: CounterMetric<'type'>;
  readonly #waits: HistogramMetric<never>;
  readonly #sessions = new Set<PoolSession>();
  readonly #managers = new Set<{ figures(): Figures }>();
  #opening = 0;
  /** Not yet in the metrics: adding to those costs more than to a number. */
  #statements = 0;
  #slowStatements = 0;

  constructor(metrics: Metrics) {
    this.#errors = metrics.counter({
      name: 'tradestream_database_errors_total',
      help: 'Errors of the database, by the type of the toolkit',
      labels: ['type'],
    });
    for (const type of Object.values(DatabaseErrorType)) this.#errors.add(0, { type });
    const statements = metrics.counter({
      name: 'tradestream_database_statements_total',
      help: 'Statements that were answered, with an error or without',
    });
    const slowStatements = metrics.counter({
      name: 'tradestream_database_slow_statements_total',
      help: 'Those of them that took more than a second, with the wait behind others on the connection',
    });
    this.#waits = metrics.histogram({
      name: 'tradestream_pool_wait_seconds',
      help: 'From asking for a connection to having it',
    });
    const open = metrics.gauge({ name: 'tradestream_pool_connections', help: 'Connections to the database' });
    const inUse = metrics.gauge({ name: 'tradestream_pool_in_use', help: 'Connections that are lent or at work' });
    const waiting = metrics.gauge({ name: 'tradestream_pool_waiting', help: 'Callers that wait for a connection' });
    metrics.onCollect(() => {
      const pools = [...this.#managers].map((manager) => manager.figures());
      const sum = (figure: 'total' | 'active' | 'waiting') => pools.reduce((total, pool) => total + pool[figure], 0);
      const busy = [...this.#sessions].filter(({ outstanding }) => outstanding > 0).length;
      open.set(sum('total') + this.#sessions.size);
      inUse.set(sum('active') + busy);
      waiting.set(sum('waiting') + this.#opening);
      statements.add(this.#statements);
      slowStatements.add(this.#slowStatements);
      this.#statements = 0;
      this.#slowStatements = 0;
    });
  }

  /** As the toolkit's `openSession`, and counted until it is closed. */
  readonly openSession = async (options: SessionOptions): Promise<Session> => {
    const startedMs = performance.now();
    this.#opening += 1;
    try {
      const session = await openSession({
        ...options,
        onFailure: (error) => this.failed(error),
        onAnswer: (ms) => this.answered(ms),
      });
      this.waited(performance.now() - startedMs);
      this.#sessions.add(session);
      session.closed.addEventListener('abort', () => this.#sessions.delete(session), { once: true });
      if (session.closed.aborted) this.#sessions.delete(session);
      return session;
    } finally {
      this.#opening -= 1;
    }
  };

  /**
   * Counts the connections of a manager too; its errors and waits come by its pool's `observer`. What it gives
   * back ends that.
   */
  watch(manager: { figures(): Figures }): () => void {
    this.#managers.add(manager);
    return () => void this.#managers.delete(manager);
  }

  failed({ code, type }: DatabaseError): void {
    if (!NO_FAILURES.has(code)) this.#errors.add(1, { type });
  }

  answered(ms: number): void {
    this.#statements += 1;
    if (ms > SLOW_MS) this.#slowStatements += 1;
  }

  waited(ms: number): void {
    this.#waits.observe(ms / MS_PER_SECOND);
  }
}
