import type { DeadLetterDetailAnswer, ReleaseAnswer } from '@tradestream/answers';
import type { Schemas } from '@tradestream/contracts';
import { type FastifyInstance, type FastifyRequest, HttpProblem } from '@tradestream/runtime';
import type { DeadLetterFilter } from '../deadletters/dead-letter-filter.ts';
import {
  type Counted,
  DEAD_LETTER_STATUSES,
  type DeadLetterStore,
  type WholeDeadLetter,
} from '../deadletters/dead-letter-store.ts';
import { commandOfRecord, editedValue } from '../deadletters/edited-command.ts';
import type { Verb } from '../deadletters/intent-store.ts';
import type { ReleaseParameters } from '../deadletters/release-kinds.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { actorOf } from './access.ts';
import { answering, isRecord, isText, limitOf, refused, requireKnown, timeOf, whyOf } from './parameters.ts';

export type DeadLetterRoutesOptions = {
  readonly deadLetters: DeadLetterStore;
  readonly jobs: Pick<Jobs, 'submit'>;
  readonly schemas: Pick<Schemas, 'register'>;
};

type Query = { Querystring: Record<string, unknown> };
type ById = { Params: { id: string } };

const READER = { config: { role: 'reader' } } as const;
const OPERATOR = { config: { role: 'operator' } } as const;
const FILTERS = ['ids', 'key', 'reason', 'from', 'to'] as const;
const IDS_MAX = 1_000;

/** Parked records: looked at by everyone; redriven, discarded and edited by an operator, as jobs. */
export function addDeadLetterRoutes(app: FastifyInstance, options: DeadLetterRoutesOptions): void {
  const { deadLetters } = options;
  app.get<Query>('/v1/deadletters', READER, async ({ query }) => {
    requireKnown(query, ['key', 'reason', 'from', 'to', 'status', 'groupBy', 'limit', 'cursor']);
    const filter = filterOf(query);
    if (query['groupBy'] === 'reason') return await answering(() => groups(deadLetters, filter));
    if (query['groupBy'] !== undefined) throw refused('groupBy', 'reason');
    return await answering(() => page(deadLetters, filter, query));
  });
  app.get<ById>('/v1/deadletters/:id', READER, async ({ params }) =>
    detailOf(deadLetters, await found(deadLetters, params.id)),
  );
  for (const verb of ['redrive', 'discard'] as const) {
    app.post(`/v1/deadletters/${verb}`, OPERATOR, async (request) => {
      const body = isRecord(request.body) ? request.body : {};
      requireKnown(body, [...FILTERS, 'dryRun', 'why']);
      const filter = filterOf(body);
      if (Object.keys(filter).length === 0)
        throw refused('ids', `at least one of ${FILTERS.join(', ')} says what is meant`);
      return await ask(options, request, { verb, filter, isDry: dryRunOf(body['dryRun'] ?? true) });
    });
  }
  app.post('/v1/deadletters/edit', OPERATOR, async (request) => {
    const body = isRecord(request.body) ? request.body : {};
    requireKnown(body, ['id', 'command', 'dryRun', 'why']);
    const letter = await found(deadLetters, String(body['id']));
    if (letter.status !== 'parked') throw settled(letter);
    const { commandSchemaId } = await answering(() => options.schemas.register());
    const value = editedValue(letter, body['command'], commandSchemaId).toString('base64');
    // One record and the very command are named: without a word on it, the edit is meant.
    const isDry = dryRunOf(body['dryRun'] ?? false);
    return await ask(options, request, { verb: 'edit', filter: { ids: [letter.id] }, isDry, editedValue: value });
  });
}

type Asked = {
  readonly verb: Verb;
  readonly filter: DeadLetterFilter;
  readonly isDry: boolean;
  readonly editedValue?: string;
};

/** What would be touched; and, when it is meant, the job that does it. */
async function ask(
  { deadLetters, jobs }: DeadLetterRoutesOptions,
  request: FastifyRequest,
  { verb, filter, isDry, editedValue }: Asked,
): Promise<ReleaseAnswer> {
  const body = isRecord(request.body) ? request.body : {};
  const why = whyOf(body['why']);
  return await answering(async () => {
    const counted = await deadLetters.count(filter);
    if (verb === 'edit') refuseTaken(counted);
    if (isDry || counted.lastId === null) return answerOf(counted, null);
    const { count, lastId } = counted;
    const parameters: ReleaseParameters = {
      filter,
      count,
      lastId,
      ...(editedValue === undefined ? {} : { editedValue }),
    };
    return answerOf(counted, await jobs.submit({ kind: verb, parameters, actor: actorOf(request), why, total: count }));
  });
}

function answerOf({ count, alreadyAsked, keys, byReason, byKey }: Counted, jobId: string | null): ReleaseAnswer {
  return { jobId, count, alreadyAsked, keys, byReason: [...byReason], byKey: [...byKey] };
}

async function page(deadLetters: DeadLetterStore, filter: DeadLetterFilter, query: Readonly<Record<string, unknown>>) {
  const limit = limitOf(query['limit']);
  const status = DEAD_LETTER_STATUSES.find((each) => each === (query['status'] ?? 'parked'));
  if (status === undefined) throw refused('status', `one of ${DEAD_LETTER_STATUSES.join(', ')}`);
  const { cursor } = query;
  if (cursor !== undefined && !isId(cursor)) throw refused('cursor', 'the nextCursor of the page before');
  const rows = await deadLetters.list(filter, { status, after: cursor ?? null, limit: limit + 1 });
  const items = rows.slice(0, limit).map((row) => deadLetters.answerOf(row));
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
}

async function groups(deadLetters: DeadLetterStore, filter: DeadLetterFilter) {
  const rows = await deadLetters.byReason(filter);
  const items = rows.map(({ oldest, ...group }) => ({ ...group, oldestParkedAt: oldest.toISOString() }));
  return { items, nextCursor: null };
}

async function found(deadLetters: DeadLetterStore, id: string): Promise<WholeDeadLetter> {
  const letter = isId(id) ? await answering(() => deadLetters.one(id)) : null;
  if (letter === null)
    throw new HttpProblem({ status: 404, code: 'DEADLETTER_NOT_FOUND', title: 'there is no such parked record' });
  return letter;
}

function detailOf(deadLetters: DeadLetterStore, letter: WholeDeadLetter): DeadLetterDetailAnswer {
  const { value, valueBytes, recordTime, intents } = letter;
  return {
    ...deadLetters.answerOf(letter),
    recordTime: recordTime.toISOString(),
    command: commandOfRecord(letter),
    value: value?.toString('base64') ?? null,
    valueBytes,
    intents: intents.map((intent) => ({
      ...intent,
      requestedAt: new Date(intent.requestedAt).toISOString(),
      executedAt: intent.executedAt === null ? null : new Date(intent.executedAt).toISOString(),
    })),
  };
}

function filterOf(given: Readonly<Record<string, unknown>>): DeadLetterFilter {
  const { ids, key, reason, from, to } = given;
  if (ids !== undefined && (!Array.isArray(ids) || ids.length === 0 || ids.length > IDS_MAX || !ids.every(isId)))
    throw refused('ids', `a list of 1 to ${IDS_MAX} ids of parked records`);
  if (key !== undefined && !isText(key)) throw refused('key', 'the key of a record, as text');
  if (reason !== undefined && !isText(reason)) throw refused('reason', 'a reason, as the list shows it');
  return {
    ...(Array.isArray(ids) ? { ids: ids.map(String) } : {}),
    ...(isText(key) ? { key } : {}),
    ...(isText(reason) ? { reason } : {}),
    ...(from === undefined ? {} : { from: new Date(timeOf('from', from)).toISOString() }),
    ...(to === undefined ? {} : { to: new Date(timeOf('to', to)).toISOString() }),
  };
}

function dryRunOf(given: unknown): boolean {
  if (typeof given !== 'boolean') throw refused('dryRun', 'true or false');
  return given;
}

function isId(value: unknown): value is string {
  return (typeof value === 'string' || typeof value === 'number') && /^[1-9]\d{0,17}$/.test(String(value));
}

/** Of two commands in the place of one record only one can be meant. Of two that come together the second's result says so. */
function refuseTaken({ count, alreadyAsked }: Counted): void {
  if (count > 0 && alreadyAsked === 0) return;
  const title =
    count === 0 ? 'the record is not parked any more' : 'another verb was asked for the record, and is not done yet';
  throw new HttpProblem({ status: 409, code: count === 0 ? 'DEADLETTER_SETTLED' : 'DEADLETTER_ASKED', title });
}

function settled({ status }: WholeDeadLetter): HttpProblem {
  return new HttpProblem({
    status: 409,
    code: 'DEADLETTER_SETTLED',
    title: `the record is not parked any more: it is ${status}`,
  });
}
