import type { Session } from '@tradestream/database';
import { AppError, type Closeable, errorOf, type Logger, sleep } from '@tradestream/runtime';
import type { EventReader } from '../event-reader.ts';
import type { ProjectorMetrics } from '../projector-metrics.ts';
import type { View } from '../views/view.ts';
import type { Horizon, WorkBench } from './bench.ts';
import { holdEvents } from './hold-events.ts';
import { makeVersion } from './make-version.ts';
import { repairKey } from './repair-key.ts';
import { type ProjectionRequest, RequestCancelled } from './request.ts';
import { endRequest, findRequest, requestNewProjections, saveProgress, takeUp } from './request-store.ts';
import { loadVersions } from './side-version.ts';
import { verifyRows } from './verify-rows.ts';

export type DeskOptions = {
  readonly views: readonly View[];
  readonly reader: EventReader;
  /** Opens a connection to the views, or to the ledger, that ends with the signal: an index may take long. */
  readonly openSession: (to: 'views' | 'ledger', signal: AbortSignal) => Promise<Session>;
  readonly horizon: (ledger: Session) => Promise<Horizon>;
  /** The rows that are read were replaced, by this process or another. */
  readonly onReplaced: () => void;
  readonly metrics: ProjectorMetrics;
  readonly log: Logger;
};

const POLL_MS = 250;
const OUTAGE_PAUSE_MS = 2_000;

/**
 * Does what operators want done with the projections, one request at a time, beside the projecting:
 *
 *   waiting -> running -> done, failed or cancelled
 *   running -> running   its process ended, or the database was away: taken up again, by whoever is first
 *
 * Whoever works on a projection holds its advisory lock in the session that writes: when that session
 * is gone, nothing of it can be written any more, and another may begin.
 */
export class RequestDesk implements Closeable {
  readonly #options: DeskOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #session: Session | null = null;
  #versions = '';

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** What is under way is left as it is: it is gone on with. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error('the projector is stopping'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const session = await this.#open();
        await this.#lookForReplaced(session);
        const request = await findRequest(session, this.#names());
        if (request === null || !(await this.#work(session, request))) await sleep(POLL_MS, signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#options.log.warn({ error: errorOf(error) }, 'requests_wait');
        await sleep(OUTAGE_PAUSE_MS, signal).catch(() => undefined); // stopping ends the loop
      }
    }
    await this.#session?.close();
  }

  /** Tells the projector when another version is read than the last time; asks for those that never were built. */
  async #lookForReplaced(session: Session): Promise<void> {
    const isNew = await requestNewProjections(session, this.#names());
    if (isNew) this.#options.log.info('new_projection_requested');
    const { rows } = await session.query<{ versions: string }>({
      name: 'live_versions',
      text: `SELECT coalesce(string_agg(projection || ' ' || live_version, ',' ORDER BY projection), '') AS versions
             FROM views.projections WHERE live_version IS NOT NULL`,
    });
    const versions = rows[0]?.versions ?? '';
    if (this.#versions !== '' && this.#versions !== versions) this.#options.onReplaced();
    this.#versions = versions;
  }

  /** False when somebody else has taken it. */
  async #work(desk: Session, request: ProjectionRequest): Promise<boolean> {
    const { openSession, views, reader, horizon, metrics, log } = this.#options;
    const view = views.find(({ name }) => name === request.projection);
    if (view === undefined) return false;
    const { signal } = this.#stopping;
    const sessions: Session[] = [];
    try {
      const session = await openSession('views', signal);
      sessions.push(session);
      if (!(await takeUp(session, request))) return false;
      const ledger = await openSession('ledger', signal);
      sessions.push(ledger);
      await holdEvents(ledger);
      log.info({ ...request }, 'request_taken_up');
      const report: WorkBench['report'] = async (progress) => await saveProgress(desk, request.id, progress);
      const onFolded = (count: number) => metrics.folded(request, count);
      const bench = {
        request,
        view,
        session,
        ledger,
        reader,
        report,
        onFolded,
        signal,
        horizon: () => horizon(ledger),
      };
      await this.#settle(bench);
    } finally {
      await Promise.all(sessions.map(async (each) => await each.close()));
    }
    return true;
  }

  /** Runs the request to its end, unless what failed goes away by itself. */
  async #settle(bench: WorkBench): Promise<void> {
    const { session, request } = bench;
    const { log, metrics } = this.#options;
    try {
      const result = await answer(bench);
      if (result !== null) await endRequest(session, request.id, { state: 'done', result });
      metrics.requested(request, 'done');
      log.info({ ...request, result }, 'request_done');
    } catch (error) {
      if (this.#stopping.signal.aborted || (error instanceof AppError && error.retry !== 'never')) throw error;
      const isCancelled = error instanceof RequestCancelled;
      log.warn({ ...request, error }, isCancelled ? 'request_cancelled' : 'request_failed');
      await clearAway(bench);
      const state = isCancelled ? 'cancelled' : 'failed';
      const { message } = errorOf(error);
      const told = error instanceof AppError ? `${error.code}: ${message}` : message;
      await endRequest(session, request.id, { state, error: told });
      metrics.requested(request, state);
    }
  }

  async #open(): Promise<Session> {
    if (this.#session === null || this.#session.closed.aborted)
      this.#session = await this.#options.openSession('views', this.#stopping.signal);
    return this.#session;
  }

  #names(): readonly string[] {
    return this.#options.views.map(({ name }) => name);
  }
}

/** The result of a request; null for one that its own last transaction has ended. */
async function answer(bench: WorkBench): Promise<object | null> {
  const { session, request } = bench;
  switch (request.kind) {
    case 'rebuild':
    case 'rollback':
      await makeVersion(bench);
      return null;
    case 'verify':
      return await verifyRows(bench);
    case 'repair':
      return await repairKey(bench);
    case 'drop-kept': {
      const { kept } = await loadVersions(session, request.projection);
      await session.query({ text: `SELECT views.drop_side($1, 'kept')`, values: [request.projection] });
      return { dropped: kept };
    }
  }
}

/** Nothing stays of a version that will not be read; one that was kept is kept again. */
async function clearAway({ session, request }: WorkBench): Promise<void> {
  const { nextRequest } = await loadVersions(session, request.projection);
  if (nextRequest !== request.id) return;
  const text = request.kind === 'rollback' ? 'SELECT views.put_back($1)' : `SELECT views.drop_side($1, 'next')`;
  await session.query({ text, values: [request.projection] });
}
