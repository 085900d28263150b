import { type FastifyInstance, HttpProblem } from '@tradestream/runtime';
import type { AlertBook } from '../alerts/alert-book.ts';
import { FIGURES, type FigureName } from '../figures/figure.ts';
import type { History } from '../history/history.ts';
import type { EventStream } from '../stream/event-stream.ts';
import { type Answers, presentOf } from '../stream/present.ts';
import { refused, timeOf } from './parameters.ts';

export type ReadRoutesOptions = {
  readonly watch: Answers;
  readonly alerts: AlertBook;
  readonly history: History;
  readonly stream: EventStream;
};

const READER = { config: { role: 'reader' } } as const;
const RANGE_MS_MAX = 8 * 24 * 3_600_000;

export function addReadRoutes(app: FastifyInstance, { watch, alerts, history, stream }: ReadRoutesOptions): void {
  app.get('/v1/lag', READER, async () => watch.lag() ?? notAsked('the log'));
  app.get('/v1/replication', READER, async () => watch.replicationAnswer());
  app.get('/v1/pipeline', READER, async () => watch.pipeline());
  app.get('/v1/health', READER, async () => watch.health());
  app.get('/v1/alerts', READER, async () => ({ items: alerts.answer(), nextCursor: null }));
  app.get('/v1/silences', READER, async () => ({ items: alerts.silences, nextCursor: null }));
  app.get<{ Querystring: Record<string, unknown> }>('/v1/metrics/history', READER, async ({ query }) => {
    const metric = metricOf(query['metric']);
    const toMs = query['to'] === undefined ? Date.now() : timeOf('to', query['to']);
    const fromMs = query['from'] === undefined ? toMs - 3_600_000 : timeOf('from', query['from']);
    if (fromMs >= toMs || toMs - fromMs > RANGE_MS_MAX) throw refused('from', 'before `to`, by eight days at most');
    return await history.read(metric, fromMs, toMs);
  });
  app.get('/v1/stream', READER, async (_request, reply) => {
    if (stream.isFull) {
      throw new HttpProblem({
        status: 503,
        code: 'STREAM_FULL',
        title: 'too many pages listen already',
        headers: { 'retry-after': '10' },
      });
    }
    reply.hijack();
    stream.attach(reply.raw, presentOf(watch, alerts));
  });
}

function metricOf(given: unknown): FigureName {
  const kept = (Object.keys(FIGURES) as FigureName[]).filter((name) => FIGURES[name].kept);
  const found = kept.find((name) => name === given);
  if (found === undefined) throw refused('metric', `one of ${kept.join(', ')}`);
  return found;
}

function notAsked(source: string): never {
  throw new HttpProblem({
    status: 503,
    code: 'NOT_SAMPLED',
    title: `${source} has not answered yet`,
    headers: { 'retry-after': '1' },
  });
}
