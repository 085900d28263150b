import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openSchemas, type Schemas } from '@tradestream/contracts';
import { createLogger } from '@tradestream/runtime';
import { expect, test } from 'vitest';
import { Lateness } from '../support/lateness.ts';

const BRIEF_MS = 300;
const log = createLogger({ service: 'test', level: 'error' });

/** A server at the registry's address that is not well. Only where it does not answer, its time should be over soon. */
async function openUnwell(
  listener: RequestListener,
  timeoutMs = 20_000,
): Promise<AsyncDisposable & { readonly schemas: Schemas; readonly port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server has no other kind of address
  const schemas = await openSchemas({ url: `http://user:secret@127.0.0.1:${port}`, log, timeoutMs });
  return {
    schemas,
    port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const outage = { code: 'REGISTRY_UNAVAILABLE', retry: 'later' };

test('a registry that answers nothing costs the timeout and no more', async () => {
  await using unwell = await openUnwell(() => undefined, BRIEF_MS);
  using lateness = new Lateness();
  const startedMs = performance.now();
  await expect(unwell.schemas.schemaText(1)).rejects.toMatchObject(outage);
  await expect(unwell.schemas.register()).rejects.toMatchObject(outage);
  expect(performance.now() - startedMs).toBeLessThan(2 * BRIEF_MS + lateness.slackMs);
});

test('an answer that never ends costs the timeout and no more', async () => {
  await using unwell = await openUnwell((_, response) => {
    response.writeHead(200);
    response.write('{"schema":"');
  }, BRIEF_MS);
  await expect(unwell.schemas.schemaText(1)).rejects.toMatchObject(outage);
});

test.each([
  ['a server error', 500, '{"error_code":50001,"message":"store"}'],
  ['credentials refused', 401, '{"error_code":40101}'],
  ['a page of a proxy', 200, '<html>'],
  ['a page that is not found', 404, '{"status":404}'],
  ['an answer without a schema', 200, '{}'],
  ['a list', 200, '[]'],
])('%s is an outage, not poison', async (_, status, body) => {
  await using unwell = await openUnwell((__, response) => response.writeHead(status).end(body));
  await expect(unwell.schemas.schemaText(1)).rejects.toMatchObject(outage);
});

test('a redirect is not followed, for it would carry the credentials away', async () => {
  await using unwell = await openUnwell((_, response) =>
    response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
  );
  await expect(unwell.schemas.schemaText(1)).rejects.toMatchObject(outage);
});

test('the password of the address goes into a header and never into a message', async () => {
  const seen: (string | undefined)[] = [];
  await using unwell = await openUnwell((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(503).end('{}');
  });
  const error: unknown = await unwell.schemas.schemaText(7).catch((thrown: unknown) => thrown);
  expect(seen).toEqual([`Basic ${Buffer.from('user:secret').toString('base64')}`]);
  expect(String(error)).not.toContain('secret');
  expect(String(error)).toContain('GET /schemas/ids/7');
});

test('a registry that knows no level for a new subject is told it after the first version', async () => {
  const asked: string[] = [];
  const levels = new Map<string, string>();
  const known = new Set<string>();
  await using picky = await openUnwell((request, response) => {
    const { method = '', url = '' } = request;
    asked.push(`${method} ${url}`);
    const answer = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
    const subject = url.split('/')[2] ?? '';
    if (method === 'POST' && url.endsWith('/versions')) {
      known.add(subject);
      return answer(200, { id: known.size });
    }
    if (!known.has(subject)) return answer(404, { error_code: 40401 });
    levels.set(subject, method);
    return answer(200, {});
  });
  expect(await picky.schemas.register()).toEqual({ commandSchemaId: 1, eventSchemaId: 2 });
  expect([...levels.keys()]).toEqual(['trade-commands-value', 'trade-events-value']);
  expect(asked.filter((each) => each.startsWith('PUT'))).toHaveLength(4);
});

test('a refusal by the registry itself carries its words', async () => {
  await using unwell = await openUnwell((request, response) => {
    if (request.method === 'PUT') return response.writeHead(200).end('{}');
    if (request.url?.endsWith('/versions') === true && request.method === 'POST') {
      return response.writeHead(409).end('{"error_code":409,"message":"READER_FIELD_MISSING_DEFAULT_VALUE"}');
    }
    return response.writeHead(404).end('{"error_code":40401}');
  });
  await expect(unwell.schemas.register()).rejects.toMatchObject({
    code: 'SCHEMA_INCOMPATIBLE',
    message: expect.stringContaining('READER_FIELD_MISSING_DEFAULT_VALUE'),
  });
});
