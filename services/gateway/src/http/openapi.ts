import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { problemAnswer } from '@tradestream/answers';
import type { FastifyInstance } from '@tradestream/runtime';
import { z } from 'zod';

/** Schemas by content type. */
type Content = Readonly<Record<string, z.ZodType>>;

/** What a route says of itself; the same zod schemas read its input. */
export type RouteDoc = {
  readonly summary: string;
  readonly description?: string;
  readonly tag: 'commands' | 'receipts' | 'views';
  readonly query?: z.ZodType;
  readonly params?: z.ZodType;
  readonly headers?: z.ZodType;
  readonly body?: Content;
  /** Answers below 400 by status. */
  readonly answers: Readonly<Record<number, Content>>;
  /** Headers of those answers, each with a sentence. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
  /** Problems by status: their codes. */
  readonly problems: Readonly<Record<number, string>>;
};

/**
 * The routes added after this one are described at `/openapi.json` and readable at `/docs`, from
 * files of this server alone. Input is read by the routes themselves, so nothing is validated here.
 */
export async function addOpenApi(app: FastifyInstance, options: { readonly needsToken: boolean }): Promise<void> {
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
      ...(options.needsToken ? { security: [{ bearer: [] }] } : {}),
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

/** The description of a route in the form that it is registered with. */
export function routeSchema(doc: RouteDoc): Record<string, unknown> {
  const { summary, description, tag, query, params, headers, body, answers, answerHeaders, problems } = doc;
  const answered = Object.entries(answers).map(([status, content]) => [
    status,
    {
      description: 'Done',
      content: contentOf(content),
      ...(answerHeaders === undefined ? {} : { headers: headersOf(answerHeaders) }),
    },
  ]);
  const refused = Object.entries(problems).map(([status, codes]) => [
    status,
    { description: codes, content: contentOf({ 'application/problem+json': problemAnswer }) },
  ]);
  return {
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(query === undefined ? {} : { querystring: jsonSchema(query) }),
    ...(params === undefined ? {} : { params: jsonSchema(params) }),
    ...(headers === undefined ? {} : { headers: jsonSchema(headers) }),
    ...(body === undefined ? {} : { body: { content: contentOf(body) } }),
    response: Object.fromEntries([...answered, ...refused]),
  };
}

/** An answer as `application/json`. */
export function json(schema: z.ZodType): Content {
  return { 'application/json': schema };
}

function headersOf(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }]),
  );
}

function contentOf(content: Content): Record<string, unknown> {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema: jsonSchema(schema) }]));
}

function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0' });
}
