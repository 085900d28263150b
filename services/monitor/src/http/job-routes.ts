import type { JobRecordAnswer } from '@tradestream/answers';
import { type FastifyInstance, type FastifyRequest, HttpProblem } from '@tradestream/runtime';
import type { Asking, JobBook, JobRow, JobState } from '../jobs/job-book.ts';
import { KINDS_OF_ADMINS } from '../jobs/job-kind.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { actorOf, requireRole } from './access.ts';
import { answering, isRecord, isText, isUuid, limitOf, refused, requireKnown, whyOf } from './parameters.ts';

export type JobRoutesOptions = { readonly jobs: Pick<Jobs, 'cancel' | 'resume'>; readonly book: Book };
type Book = Pick<JobBook, 'list' | 'one'>;

type Query = { Querystring: Record<string, unknown> };
type ById = { Params: { id: string } };

const READER = { config: { role: 'reader' } } as const;
const OPERATOR = { config: { role: 'operator' } } as const;
const STATES: readonly JobState[] = ['waiting', 'running', 'done', 'failed', 'cancelled'];

/** Long work: looked at by everyone, stopped and taken up again by an operator. */
export function addJobRoutes(app: FastifyInstance, { jobs, book }: JobRoutesOptions): void {
  app.get<Query>('/v1/jobs', READER, async ({ query }) => {
    requireKnown(query, ['kind', 'state', 'limit', 'cursor']);
    const { kind, state, cursor } = query;
    const limit = limitOf(query['limit']);
    const known = STATES.find((each) => each === state);
    if (state !== undefined && known === undefined) throw refused('state', `one of ${STATES.join(', ')}`);
    if (kind !== undefined && !isText(kind)) throw refused('kind', 'one kind of job');
    if (cursor !== undefined && !isUuid(cursor)) throw refused('cursor', 'the nextCursor of the page before');
    const rows = await answering(() =>
      book.list({ kind: kind ?? null, state: known ?? null, after: cursor ?? null, limit: limit + 1 }),
    );
    const items = rows.slice(0, limit).map(answerOf);
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
  });
  app.get<ById>('/v1/jobs/:id', READER, async ({ params: { id } }) => {
    const job = isUuid(id) ? await answering(() => book.one(id)) : null;
    if (job === null) throw notFound();
    return answerOf(job);
  });
  app.post<ById>('/v1/jobs/:id/cancel', OPERATOR, async (request) =>
    answerOf(await moved(book, request, (asking) => jobs.cancel(asking))),
  );
  app.post<ById>('/v1/jobs/:id/resume', OPERATOR, async (request) => {
    const resume = async (asking: Asking) => {
      // An operator may stop what an admin has begun, and not begin it again.
      if (KINDS_OF_ADMINS.has((await book.one(asking.id))?.kind ?? '')) requireRole(request, 'admin');
      return await jobs.resume(asking);
    };
    return answerOf(await moved(book, request, resume));
  });
}

async function moved(
  book: Book,
  request: FastifyRequest<ById>,
  move: (asking: Asking) => Promise<JobRow | null>,
): Promise<JobRow> {
  const body = isRecord(request.body) ? request.body : {};
  requireKnown(body, ['why']);
  const why = whyOf(body['why']);
  const { id } = request.params;
  if (!isUuid(id)) throw notFound();
  return await answering(async () => {
    const job = await move({ id, actor: actorOf(request), why });
    if (job !== null) return job;
    const found = await book.one(id);
    if (found === null) throw notFound();
    throw new HttpProblem({
      status: 409,
      code: 'JOB_STATE',
      title: `the job is ${found.state}`,
      extra: { state: found.state },
    });
  });
}

function notFound(): HttpProblem {
  return new HttpProblem({ status: 404, code: 'JOB_NOT_FOUND', title: 'there is no such job' });
}

function answerOf({ createdAt, startedAt, updatedAt, finishedAt, ...job }: JobRow): JobRecordAnswer {
  return {
    ...job,
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    updatedAt: updatedAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}
