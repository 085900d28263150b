import { randomUUID } from 'node:crypto';
import { type FastifyInstance, HttpProblem } from '@tradestream/runtime';
import type { AlertBook } from '../alerts/alert-book.ts';
import type { AlertStore } from '../alerts/alert-store.ts';
import { actorOf } from './access.ts';

const OPERATOR = { config: { role: 'operator' } } as const;
const MINUTES_MAX = 7 * 24 * 60;
const TEXT_CHARACTERS_MAX = 500;
const MATCHERS_MAX = 20;

export type SilenceRoutesOptions = { readonly alerts: AlertBook; readonly store: AlertStore };

/** Silences: made and ended by an operator, each with an audit row in the same statement. */
export function addSilenceRoutes(app: FastifyInstance, { alerts, store }: SilenceRoutesOptions): void {
  app.post('/v1/silences', OPERATOR, async (request, reply) => {
    const { matchers, minutes, why } = silenceOf(request.body);
    const id = randomUUID();
    const until = new Date(Date.now() + minutes * 60_000).toISOString();
    await store.addSilence({ id, matchers, until, createdBy: actorOf(request), why });
    alerts.silences = await store.silences();
    return await reply.code(201).send({ id, until });
  });
  app.delete<{ Params: { id: string } }>('/v1/silences/:id', OPERATOR, async (request, reply) => {
    const { id } = request.params;
    const isOne = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
    if (!isOne || !(await store.endSilence(id, actorOf(request)))) {
      throw new HttpProblem({ status: 404, code: 'SILENCE_NOT_FOUND', title: 'no such silence is in force' });
    }
    alerts.silences = await store.silences();
    return await reply.code(204).send();
  });
}

function silenceOf(body: unknown): {
  readonly matchers: Readonly<Record<string, string>>;
  readonly minutes: number;
  readonly why: string;
} {
  const given = isRecord(body) ? body : {};
  const { matchers, minutes, why } = given;
  const pairs = isRecord(matchers) ? Object.entries(matchers) : [];
  const texts = pairs.filter((pair): pair is [string, string] => isText(pair[0]) && isText(pair[1]));
  if (pairs.length === 0 || pairs.length > MATCHERS_MAX || texts.length < pairs.length)
    throw refused('matchers', `an object of 1 to ${MATCHERS_MAX} labels, as {"alertname": "ReplicaDown"}`);
  if (typeof minutes !== 'number' || !Number.isInteger(minutes) || minutes < 1 || minutes > MINUTES_MAX)
    throw refused('minutes', `a whole number from 1 to ${MINUTES_MAX}`);
  if (!isText(why)) throw refused('why', `a reason of 1 to ${TEXT_CHARACTERS_MAX} characters`);
  return { matchers: Object.fromEntries(texts), minutes, why };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= TEXT_CHARACTERS_MAX;
}

function refused(field: string, rule: string): HttpProblem {
  return new HttpProblem({
    status: 400,
    code: 'INVALID_PARAMETER',
    title: `${field}: ${rule}`,
    extra: { field, rule },
  });
}
