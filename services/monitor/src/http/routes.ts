import type { HealthAnswer, LagAnswer, ReplicationAnswer } from '@tradestream/contracts';
import { type FastifyInstance, HttpProblem } from '@tradestream/runtime';

/** What the routes answer from: memory alone. */
export type Answers = {
  readonly lag: () => LagAnswer | null;
  readonly replication: () => ReplicationAnswer;
  readonly health: () => HealthAnswer;
};

export function addReadRoutes(app: FastifyInstance, answers: Answers): void {
  const config = { role: 'reader' } as const;
  app.get('/v1/lag', { config }, async () => answers.lag() ?? notAsked('the log'));
  app.get('/v1/replication', { config }, async () => answers.replication());
  app.get('/v1/health', { config }, async () => answers.health());
}

function notAsked(source: string): never {
  throw new HttpProblem({
    status: 503,
    code: 'NOT_SAMPLED',
    title: `${source} has not answered yet`,
    headers: { 'retry-after': '1' },
  });
}
