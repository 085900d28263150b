import type { DifferenceAnswer, JobAnswer, RetentionAnswer } from '@tradestream/answers';
import type { LogAdmin } from '@tradestream/messaging';
import {
  type Ask,
  chooseOffsets,
  DIFFERENCE_KINDS,
  differencesOf,
  expectDryRun,
  RecoveryError,
  retentionStatus,
} from '@tradestream/recovery';
import { type FastifyInstance, type FastifyRequest, HttpProblem } from '@tradestream/runtime';
import type { JobKindName, JsonObject } from '../jobs/job-kind.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { ReconciliationParameters } from '../reconciliation/reconciliation-kind.ts';
import { forgottenOf, ORIGIN_FIELDS, originOf } from '../recovery/recovery-parameters.ts';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { actorOf } from './access.ts';
import { answering, conflict, isRecord, isText, isUuid, limitOf, refused, requireKnown, whyOf } from './parameters.ts';

export type RecoveryRoutesOptions = {
  readonly jobs: Pick<Jobs, 'submit'>;
  readonly operator: () => NodeLink | null;
  readonly admin: Pick<LogAdmin, 'ranges' | 'offsetsAt'>;
  readonly topics: { readonly commands: string };
};

type ById = { Params: { id: string }; Querystring: Record<string, unknown> };

const READER = { config: { role: 'reader' } } as const;
const OPERATOR = { config: { role: 'operator' } } as const;
const ADMIN = { config: { role: 'admin' } } as const;
const RISK = 'old commands can be applied again';

/** Replay, dry runs, retention, snapshots and reconciliation: each a job. Forgetting is for an admin who says what it means. */
export function addRecoveryRoutes(app: FastifyInstance, options: RecoveryRoutesOptions): void {
  const { operator, topics } = options;
  app.post('/v1/replay/commands', OPERATOR, async (request) => await replay(options, request));
  app.get<ById>('/v1/replay/commands/:id/differences', READER, async ({ params, query }) => {
    requireKnown(query, ['kind', 'limit', 'cursor']);
    const kind = DIFFERENCE_KINDS.find((each) => each === (query['kind'] ?? 'balance'));
    if (kind === undefined) throw refused('kind', `one of ${DIFFERENCE_KINDS.join(', ')}`);
    if (!isUuid(params.id)) throw refused('id', 'the id of a dry run is a UUID');
    const limit = limitOf(query['limit']);
    const { cursor } = query;
    if (cursor !== undefined && !isText(cursor)) throw refused('cursor', 'the nextCursor of the page before');
    await expectEnded(options, params.id);
    const page = differencesOf({ run: params.id, kind, after: cursor ?? '', limit: limit + 1 });
    const rows = await answering(async () => await ask(operator)<DifferenceAnswer>(page));
    const items = rows.slice(0, limit);
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.key ?? null) : null };
  });
  app.get('/v1/retention', READER, async () => {
    const [row] = await answering(
      async () => await ask(operator)<{ readonly status: RetentionAnswer }>(retentionStatus(topics.commands)),
    );
    return row?.status;
  });
  app.post('/v1/retention/run', OPERATOR, async (request) => await submit(options, request, 'retention', {}));
  app.post('/v1/retention/forget', ADMIN, async (request) => {
    const { accept, ...given } = bodyOf(request, ['before', 'commandIds', 'accept']);
    if (accept !== RISK) throw refused('accept', `the words "${RISK}"`);
    return await submit(options, request, 'forget-receipts', forgottenOf(given));
  });
  app.post('/v1/reconciliation/run', OPERATOR, async (request) => {
    const { views = true, fromSnapshot = false } = bodyOf(request, ['views', 'fromSnapshot']);
    if (typeof views !== 'boolean') throw refused('views', 'true or false');
    if (typeof fromSnapshot !== 'boolean') throw refused('fromSnapshot', 'true or false');
    const parameters: ReconciliationParameters = { views, fromSnapshot };
    return await submit(options, request, 'reconciliation', parameters);
  });
  app.post('/v1/snapshots', OPERATOR, async (request) => await submit(options, request, 'snapshot', {}));
}

/** What would be read again is counted at the door, where an origin that is not there, or not any more, is refused. */
async function replay(options: RecoveryRoutesOptions, request: FastifyRequest): Promise<JobAnswer> {
  const { admin, topics, operator } = options;
  const { dryRun = true, ...given } = bodyOf(request, [...ORIGIN_FIELDS, 'dryRun']);
  if (typeof dryRun !== 'boolean') throw refused('dryRun', 'true or false');
  const origin = originOf(given, dryRun);
  const topic = topics.commands;
  if (dryRun) {
    await answering(async () => await refusing(async () => await expectDryRun(ask(operator), { topic, origin })));
    return await submit(options, request, 'dry-run-commands', { origin });
  }
  if ('batch' in origin) throw refused('fromBatch', 'for dry runs only');
  const source = { ask: ask(operator), admin, topic };
  const partitions = await answering(async () => await refusing(async () => await chooseOffsets(source, origin)));
  const count = partitions.reduce((sum, { from, to }) => sum + to - from, 0);
  if (count === 0) return { jobId: null, count };
  return { ...(await submit(options, request, 'replay-commands', { wanted: origin })), count };
}

/** Nothing is listed of a run that there is not, and of one that has not ended: it would look like no difference. */
async function expectEnded({ operator }: RecoveryRoutesOptions, id: string): Promise<void> {
  const text = `SELECT state FROM ledger.jobs WHERE id = $1 AND kind = 'dry-run-commands'`;
  const [run] = await answering(async () => await ask(operator)<{ readonly state: string }>({ text, values: [id] }));
  if (run === undefined)
    throw new HttpProblem({ status: 404, code: 'DRY_RUN_NOT_FOUND', title: 'there is no such dry run' });
  if (run.state === 'done') return;
  const title = `the dry run is ${run.state}: what differs is known at its end`;
  throw new HttpProblem({ status: 409, code: 'DRY_RUN_UNFINISHED', title, extra: { state: run.state } });
}

async function submit(
  { jobs }: RecoveryRoutesOptions,
  request: FastifyRequest,
  kind: JobKindName,
  parameters: JsonObject,
): Promise<JobAnswer> {
  const why = whyOf(isRecord(request.body) ? request.body['why'] : undefined);
  return await answering(async () => {
    return { jobId: await jobs.submit({ kind, parameters, actor: actorOf(request), why }), count: 0 };
  });
}

function bodyOf(request: FastifyRequest, known: readonly string[]): Readonly<Record<string, unknown>> {
  const { why: _, ...body } = isRecord(request.body) ? request.body : {};
  requireKnown(body, known);
  return body;
}

function ask(operator: RecoveryRoutesOptions['operator']): Ask {
  return async (statement) => await askPrimary(operator, statement);
}

async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    throw conflict(error);
  }
}
