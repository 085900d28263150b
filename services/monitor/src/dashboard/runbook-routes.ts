import { readdirSync, readFileSync } from 'node:fs';
import { type FastifyInstance, HttpProblem } from '@tradestream/runtime';

const FOLDER = new URL('../../../../docs/operations/', import.meta.url);

/** What to do when something is wrong: the pages that alerts name, at the place that they name. */
export function addRunbookRoutes(app: FastifyInstance): void {
  const pages = new Map(readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER))]));
  app.get<{ Params: { page: string } }>(
    '/docs/operations/:page',
    { config: { role: 'reader' } },
    async ({ params }, reply) => {
      const page = pages.get(params.page);
      if (page === undefined)
        throw new HttpProblem({ status: 404, code: 'NO_RUNBOOK', title: 'there is no such page' });
      reply.headers({ 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'" });
      return await reply.type('text/plain; charset=utf-8').send(page);
    },
  );
}
