import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { problemAnswer } from '@tradestream/contracts';
import type { FastifyInstance } from '@tradestream/runtime';
import { z } from 'zod';

/** What a route says of itself; the same zod schemas read its input. */
export type RouteDoc = {
  readonly summary: string;
  readonly description?: string;
  readonly tag: 'commands' | 'receipts' | 'views';
  readonly query?: z.ZodType;
  readonly params?: z.ZodType;
  readonly headers?: z.ZodType;
  /** Body by content type. */
  readonly body?: Readonly<Record<string, z.ZodType>>;
  /** Answers by status; problems by a sentence. */
  readonly answers: Readonly<Record<number, z.ZodType | string>>;
};

/**
 * The routes added after this one are described at `/openapi.json` and readable at `/docs`, from
 * files of this server alone. Input is read by the routes themselves, so nothing is validated here.
 */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  app.setValidatorCompiler(() => (value: unknown) => ({ value }));
  app.setSerializerCompiler(() => (value: unknown) => JSON.stringify(value));
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'Tradestream gateway',
        version: '1',
        description:
          'Commands in, receipts and projections out. Errors are problem objects (RFC 9457) with a stable `code`.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

/** The description of a route in the form that it is registered with. */
export function routeSchema(doc: RouteDoc): Record<string, unknown> {
  return {
    summary: doc.summary,
    ...(doc.description === undefined ? {} : { description: doc.description }),
    tags: [doc.tag],
    ...(doc.query === undefined ? {} : { querystring: jsonSchema(doc.query) }),
    ...(doc.params === undefined ? {} : { params: jsonSchema(doc.params) }),
    ...(doc.headers === undefined ? {} : { headers: jsonSchema(doc.headers) }),
    ...(doc.body === undefined ? {} : { body: { content: contentOf(doc.body) } }),
    response: Object.fromEntries(Object.entries(doc.answers).map(([status, answer]) => [status, answerOf(answer)])),
  };
}

function answerOf(answer: z.ZodType | string): Record<string, unknown> {
  if (typeof answer === 'string') {
    return { description: answer, content: { 'application/problem+json': { schema: jsonSchema(problemAnswer) } } };
  }
  return { description: 'Done', content: { 'application/json': { schema: jsonSchema(answer) } } };
}

function contentOf(body: Readonly<Record<string, z.ZodType>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).map(([type, schema]) => [type, { schema: jsonSchema(schema) }]));
}

function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0' });
}
