import { topicsWithPrefix } from '@tradestream/contracts';
import { createLogger, createMetrics, type FastifyInstance, openHttp, Readiness } from '@tradestream/runtime';
import { describe, expect, test } from 'vitest';
import { AlertBook } from '../alerts/alert-book.ts';
import { AlertStore } from '../alerts/alert-store.ts';
import { RULES } from '../alerts/rules.ts';
import { DeadLetterStore } from '../deadletters/dead-letter-store.ts';
import { History } from '../history/history.ts';
import { JobBook, type JobRow } from '../jobs/job-book.ts';
import { EventStream } from '../stream/event-stream.ts';
import { authorizeBy, ROLES, type Role, requireRoles } from './access.ts';
import { addRoutes, type RoutesOptions } from './add-routes.ts';

const TOKENS = { reader: 'r'.repeat(32), operator: 'o'.repeat(32), admin: 'a'.repeat(32) } as const;
/** Every route with the least role that may use it. A route that is not here fails the test. */
const MATRIX: Readonly<Record<string, Role>> = {
  'GET /livez': 'reader',
  'GET /readyz': 'reader',
  'GET /metrics': 'reader',
  'GET /': 'reader',
  'GET /assets/dashboard.js': 'reader',
  'GET /assets/dom.js': 'reader',
  'GET /assets/pipeline.js': 'reader',
  'GET /assets/tables.js': 'reader',
  'GET /assets/charts.js': 'reader',
  'GET /assets/lookup.js': 'reader',
  'GET /assets/operator.js': 'reader',
  'GET /assets/confirm.js': 'reader',
  'GET /assets/parked.js': 'reader',
  'GET /assets/pipeline.css': 'reader',
  'GET /assets/jobs.js': 'reader',
  'GET /assets/lag.js': 'reader',
  'GET /assets/projections.js': 'reader',
  'GET /assets/replay.js': 'reader',
  'GET /assets/dashboard.css': 'reader',
  'GET /assets/icon.svg': 'reader',
  'GET /assets/uplot.js': 'reader',
  'GET /assets/uplot.css': 'reader',
  'GET /docs/operations/:page': 'reader',
  'GET /v1/lag': 'reader',
  'GET /v1/replication': 'reader',
  'GET /v1/pipeline': 'reader',
  'GET /v1/health': 'reader',
  'GET /v1/alerts': 'reader',
  'GET /v1/silences': 'reader',
  'GET /v1/metrics/history': 'reader',
  'GET /v1/stream': 'reader',
  'GET /v1/commands/:id': 'reader',
  'POST /v1/silences': 'operator',
  'DELETE /v1/silences/:id': 'operator',
  'GET /v1/jobs': 'reader',
  'GET /v1/jobs/:id': 'reader',
  'POST /v1/jobs/:id/cancel': 'operator',
  'POST /v1/jobs/:id/resume': 'operator',
  'GET /v1/deadletters': 'reader',
  'GET /v1/deadletters/:id': 'reader',
  'POST /v1/deadletters/redrive': 'operator',
  'POST /v1/deadletters/discard': 'operator',
  'POST /v1/deadletters/edit': 'operator',
  'GET /v1/audit': 'reader',
  'POST /v1/replay/commands': 'operator',
  'GET /v1/replay/commands/:id/differences': 'reader',
  'GET /v1/retention': 'reader',
  'POST /v1/retention/run': 'operator',
  'POST /v1/retention/forget': 'admin',
  'POST /v1/snapshots': 'operator',
  'POST /v1/reconciliation/run': 'operator',
  'GET /v1/projections': 'reader',
  'POST /v1/projections/:name/verify': 'operator',
  'POST /v1/projections/:name/rebuild': 'operator',
  'POST /v1/projections/:name/replay': 'operator',
  'POST /v1/projections/:name/rollback': 'operator',
  'POST /v1/projections/:name/drop-kept': 'operator',
};
const REFUSED = new Set([401, 403]);

function serverOn(
  host: string,
  jobs: Partial<Pick<RoutesOptions, 'jobs' | 'book'>> = {},
): { readonly app: FastifyInstance; readonly routes: readonly string[] } {
  const log = createLogger({ service: 'access', level: 'silent' });
  const { app } = openHttp({
    host,
    port: 0,
    log,
    metrics: createMetrics({ service: 'access' }),
    readiness: new Readiness(),
    bodyBytesMax: 1_024,
    authorize: authorizeBy({ host, tokens: TOKENS }),
  });
  const routes: string[] = ['GET /livez', 'GET /readyz', 'GET /metrics'];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') routes.push(`${each} ${url}`);
  });
  const nowhere = () => null;
  const store = new AlertStore(nowhere, log);
  const unknown = () => {
    throw new Error('not asked here');
  };
  addRoutes(app, {
    watch: { lag: () => null, replicationAnswer: unknown, health: unknown, pipeline: unknown },
    alerts: new AlertBook({ rules: [], store, receivers: [], log }),
    store,
    history: new History({ link: nowhere, retentionDays: 1, log }),
    stream: new EventStream(1_000),
    jobs: { submit: unknown, cancel: unknown, resume: unknown },
    deadLetters: new DeadLetterStore(nowhere, 'trade-commands'),
    schemas: { register: unknown },
    admin: { ranges: unknown, offsetsAt: unknown },
    operator: nowhere,
    book: new JobBook(nowhere, 1_000),
    topics: topicsWithPrefix(''),
    primary: nowhere,
    replica: nowhere,
    ...jobs,
  });
  return { app, routes };
}

async function statusOf(
  app: FastifyInstance,
  route: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const [method = '', path = ''] = route.split(' ');
  const response = await app.inject({
    method: method as 'GET', // one of the routes' own
    url: path.replace(':id', 'x'),
    headers: { host: '127.0.0.1:1', ...headers },
    ...(method === 'POST' ? { payload: {} } : {}),
  });
  return response.statusCode;
}

const bearer = (role: Role) => ({ authorization: `Bearer ${TOKENS[role]}` });
const isRefused = async (app: FastifyInstance, route: string, headers: Readonly<Record<string, string>>) =>
  REFUSED.has(await statusOf(app, route, headers));

describe('who may use which route', () => {
  const local = serverOn('127.0.0.1');
  const open = serverOn('0.0.0.0');
  // The stream does not end by itself, so that it is asked only where it is refused.
  const answering = Object.entries(MATRIX).filter(([route]) => route !== 'GET /v1/stream');

  test('every route is in the matrix, and the matrix names no other', () => {
    expect(local.routes.toSorted()).toEqual(Object.keys(MATRIX).toSorted());
  });

  test.each(answering)('on loopback: %s, from %s upwards', async (route, least) => {
    expect(await isRefused(local.app, route, {})).toBe(least !== 'reader');
    for (const role of ROLES)
      expect(await isRefused(local.app, route, bearer(role))).toBe(ROLES.indexOf(role) < ROLES.indexOf(least));
    expect(await statusOf(local.app, route, { authorization: `Bearer ${'x'.repeat(32)}` })).toBe(401);
  });

  test.each(answering)('beyond loopback: %s, from %s upwards', async (route, least) => {
    expect(await statusOf(open.app, route, {})).toBe(401);
    for (const role of ROLES)
      expect(await isRefused(open.app, route, bearer(role))).toBe(ROLES.indexOf(role) < ROLES.indexOf(least));
  });

  test('what an admin has begun an operator may stop, and not take up again', async () => {
    const job: JobRow = {
      id: '00000000-0000-4000-8000-000000000001',
      kind: 'forget-receipts',
      state: 'cancelled',
      parameters: {},
      done: 0,
      total: null,
      checkpoint: null,
      result: null,
      error: null,
      actor: 'admin@127.0.0.1',
      why: 'erasure',
      runs: 1,
      cancelRequested: true,
      createdAt: new Date(0),
      startedAt: null,
      updatedAt: new Date(0),
      finishedAt: null,
    };
    const asked: string[] = [];
    const answer = (verb: string) => async () => {
      asked.push(verb);
      return job;
    };
    const { app } = serverOn('127.0.0.1', {
      jobs: {
        submit: () => Promise.reject(new Error('not asked here')),
        cancel: answer('cancel'),
        resume: answer('resume'),
      },
      book: { one: async () => job, list: async () => [] },
    });
    const moved = (verb: string, role: Role) => statusOf(app, `POST /v1/jobs/${job.id}/${verb}`, bearer(role));
    expect(await moved('resume', 'operator')).toBe(403);
    expect(await moved('cancel', 'operator')).toBe(200);
    expect(asked).toEqual(['cancel']);
    expect(await moved('resume', 'admin')).toBe(200);
  });

  test('the stream is refused beyond loopback without a token', async () => {
    expect(await statusOf(open.app, 'GET /v1/stream', {})).toBe(401);
  });

  test('a page elsewhere changes nothing, not even with a token', async () => {
    const headers = { ...bearer('admin'), origin: 'http://evil.example' };
    expect(await statusOf(local.app, 'POST /v1/silences', headers)).toBe(403);
    expect(await statusOf(local.app, 'POST /v1/silences', { ...headers, origin: 'http://127.0.0.1:1' })).toBe(400);
    expect(await statusOf(local.app, 'POST /v1/silences', { ...headers, origin: 'null' })).toBe(403);
  });

  test('a name elsewhere that leads here is answered nothing', async () => {
    expect(await statusOf(local.app, 'GET /v1/lag', { host: 'evil.example' })).toBe(403);
    expect(await statusOf(local.app, 'GET /v1/health', { host: '127.0.0.1.evil.example:80' })).toBe(403);
    expect(await statusOf(local.app, 'GET /assets/dom.js', { host: 'localhost:80' })).toBe(200);
  });

  test('a route that is not there is 404 to who may read', async () => {
    expect(await statusOf(local.app, 'GET /v1/nothing', {})).toBe(404);
    expect(await statusOf(open.app, 'GET /v1/nothing', {})).toBe(401);
    expect(await statusOf(open.app, 'GET /v1/nothing', bearer('reader'))).toBe(404);
  });

  test('a new route without a role ends the start', () => {
    const { app } = openHttp({
      host: '127.0.0.1',
      port: 0,
      log: createLogger({ service: 'access', level: 'silent' }),
      metrics: createMetrics({ service: 'access' }),
      readiness: new Readiness(),
      bodyBytesMax: 1_024,
    });
    requireRoles(app);
    expect(() => app.get('/v1/new', async () => 'open to all')).toThrow('names no role');
  });

  test('the page of an alert is there, as text, and no other file is', async () => {
    const headers = { host: '127.0.0.1' };
    for (const { runbook } of RULES) {
      const page = await local.app.inject({ url: `/docs/operations/${runbook}.md`, headers });
      expect(page.headers['content-type']).toBe('text/plain; charset=utf-8');
      expect(page.body).toContain('## What to do');
    }
    for (const name of ['none.md', '..%2Ferrors.md', '%2e%2e%2f%2e%2e%2fpackage.json'])
      expect((await local.app.inject({ url: `/docs/operations/${name}`, headers })).statusCode).toBe(404);
  });

  test('the page comes with a policy that lets nothing in from outside', async () => {
    const { headers } = await local.app.inject({ url: '/', headers: { host: '127.0.0.1' } });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});
