import type { JobAnswer, ProjectionAnswer } from '@tradestream/answers';
import { DatabaseError } from '@tradestream/database';
import { type FastifyInstance, type FastifyRequest, HttpProblem } from '@tradestream/runtime';
import type { JobKindName } from '../jobs/job-kind.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { ProjectionParameters, ProjectionVerb } from '../projections/projection-kinds.ts';
import { listProjections } from '../projections/request-statements.ts';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { actorOf } from './access.ts';
import { answering, isRecord, refused, requireKnown, whyOf } from './parameters.ts';

export type ProjectionRoutesOptions = {
  readonly jobs: Pick<Jobs, 'submit'>;
  readonly operator: () => NodeLink | null;
  readonly topics: { readonly commands: string };
};

type ByName = { Params: { name: string } };
type Row = Omit<ProjectionAnswer, 'swappedAt'> & { readonly swappedAt: Date | null };

const READER = { config: { role: 'reader' } } as const;
const OPERATOR = { config: { role: 'operator' } } as const;
const KEY = /^[A-Za-z0-9._:-]{1,64}(\/[A-Za-z0-9._:-]{1,64}){0,3}$/;
const MAKES_VERSION: ReadonlySet<string> = new Set<ProjectionVerb>(['rebuild', 'rollback']);
const KEY_RULE = 'as verify names it: up to four parts of letters, digits and . _ : - with / between them';

/** Projections: looked at by everyone; verified, rebuilt, repaired and rolled back as jobs that projectors do. */
export function addProjectionRoutes(app: FastifyInstance, options: ProjectionRoutesOptions): void {
  app.get('/v1/projections', READER, async () => ({ items: await load(options), nextCursor: null }));
  app.post<ByName>('/v1/projections/:name/verify', OPERATOR, async (request) => {
    requireKnown(bodyOf(request), ['why']);
    return await submit(options, request, { kind: 'verify-projection', verb: 'verify' });
  });
  app.post<ByName>('/v1/projections/:name/rebuild', OPERATOR, async (request) => {
    const { key, dryRun } = optionsOf(request, { known: ['key', 'dryRun', 'why'], dryRun: false });
    if (dryRun) return await submit(options, request, { kind: 'verify-projection', verb: 'verify' });
    const verb = key === null ? 'rebuild' : 'repair';
    return await submit(options, request, { kind: 'rebuild-projection', verb, key });
  });
  app.post<ByName>('/v1/projections/:name/replay', OPERATOR, async (request) => {
    const { dryRun } = optionsOf(request, { known: ['dryRun', 'why'], dryRun: true });
    return await submit(options, request, { kind: 'replay-projection', verb: dryRun ? 'verify' : 'rebuild' });
  });
  for (const verb of ['rollback', 'drop-kept'] as const) {
    app.post<ByName>(`/v1/projections/:name/${verb}`, OPERATOR, async (request) => {
      requireKnown(bodyOf(request), ['why']);
      return await submit(options, request, { kind: 'rebuild-projection', verb });
    });
  }
}

async function load({ operator, topics }: ProjectionRoutesOptions): Promise<readonly ProjectionAnswer[]> {
  return await answering(async () => {
    const rows = await askPrimary<Row>(operator, listProjections(topics.commands)).catch(refuseElsewhere);
    return rows.map((row) => ({ ...row, swappedAt: row.swappedAt?.toISOString() ?? null }));
  });
}

async function submit(
  options: ProjectionRoutesOptions,
  request: FastifyRequest<ByName>,
  job: { readonly kind: JobKindName; readonly verb: ProjectionVerb; readonly key?: string | null },
): Promise<JobAnswer> {
  const why = whyOf(bodyOf(request)['why']);
  const { name: projection } = request.params;
  const known = (await load(options)).find((each) => each.projection === projection);
  if (known === undefined) {
    throw new HttpProblem({ status: 404, code: 'PROJECTION_NOT_FOUND', title: `there is no projection ${projection}` });
  }
  if (job.verb === 'rollback' && known.keptVersion === null) {
    throw new HttpProblem({ status: 409, code: 'NOTHING_KEPT', title: `no earlier version of ${projection} is kept` });
  }
  refuseBusy(job.verb, known);
  const { liveVersion, keptVersion } = known;
  const parameters: ProjectionParameters = {
    verb: job.verb,
    projection,
    key: job.key ?? null,
    ...(MAKES_VERSION.has(job.verb) ? { seen: { liveVersion, keptVersion } } : {}),
  };
  return await answering(async () => {
    const jobId = await options.jobs.submit({ kind: job.kind, parameters, actor: actorOf(request), why });
    return { jobId, count: 1 };
  });
}

/** Of a rebuild and a rollback at once only one can be meant. Of two that come together the job of the second says so. */
function refuseBusy(verb: ProjectionVerb, { projection, request }: ProjectionAnswer): void {
  if (request === null || request.kind === verb || !MAKES_VERSION.has(verb) || !MAKES_VERSION.has(request.kind)) return;
  const title = `a ${request.kind} of ${projection} is ${request.state}: request ${request.id}`;
  throw new HttpProblem({ status: 409, code: 'PROJECTION_BUSY', title });
}

function optionsOf(
  request: FastifyRequest,
  { known, dryRun: fallback }: { readonly known: readonly string[]; readonly dryRun: boolean },
): { readonly key: string | null; readonly dryRun: boolean } {
  const body = bodyOf(request);
  requireKnown(body, known);
  const { key = null, dryRun = fallback } = body;
  if (typeof dryRun !== 'boolean') throw refused('dryRun', 'true or false');
  if (key !== null && (typeof key !== 'string' || !KEY.test(key))) throw refused('key', KEY_RULE);
  return { key, dryRun };
}

function bodyOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  return isRecord(request.body) ? request.body : {};
}

/** The views may be in another database than the ledger; then its projectors are asked there. */
function refuseElsewhere(error: unknown): never {
  if (!(error instanceof DatabaseError) || error.code !== '42P01') throw error;
  throw new HttpProblem({
    status: 409,
    code: 'VIEWS_ELSEWHERE',
    title: 'the views are in another database; write to views.requests there',
    cause: error,
  });
}
