import { randomUUID } from 'node:crypto';
import { type FastifyInstance, HttpProblem } from '@tradestream/runtime';
import type { AlertBook } from '../alerts/alert-book.ts';
import type { AlertStore } from '../alerts/alert-store.ts';
import { actorOf } from './access.ts';
import { isRecord, isText, isUuid, refused, whyOf } from './parameters.ts';

const OPERATOR = { config: { role: 'operator' } } as const;
const MINUTES_MAX = 7 * 24 * 60;
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
    if (!isUuid(id) || !(await store.endSilence(id, actorOf(request)))) {
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
  if (why === undefined) throw refused('why', 'why nobody needs to know');
  return { matchers: Object.fromEntries(texts), minutes, why: whyOf(why) };
}
