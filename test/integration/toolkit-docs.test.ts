import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { Launched } from '../support/launched.ts';
import { createDatabase } from '../support/scratch.ts';

const FOLDER = 'docs/toolkit';

/** A block of TypeScript that begins with its imports is run; the block of text after it is what it prints. */
const EXAMPLE = /```ts\n(?<code>import [\s\S]*?)```\n+```text\n(?<printed>[\s\S]*?)```/g;

const README = 'packages/database/README.md';
const PAGES = readdirSync(FOLDER).map((file) => join(FOLDER, file));

const examples = [README, ...PAGES].flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(EXAMPLE)].map(
    ({ groups }) => [file, groups?.['code'] ?? '', groups?.['printed'] ?? ''] as const,
  ),
);

test.each(examples)('the example of %s prints what the page says', async (_file, code, printed) => {
  await using database = await createDatabase(inject('endpoints'), 'toolkit-docs');
  const env = {
    PATH: process.env['PATH'],
    NO_COLOR: '1',
    DATABASE_URL: database.url,
    DATABASE_REPLICA_URLS: Object.values(database.replicaUrls).join(','),
  };
  const args = ['--input-type=module-typescript', '--eval', code];
  await using launched = new Launched(spawn(process.execPath, args, { env }));
  expect(await launched.ended(), launched.err).toBe(0);
  expect(launched.out).toBe(printed);
});

test('each page has an example, but for the manual of settings', () => {
  const pages = [README, ...PAGES].filter((file) => !file.endsWith('settings.md'));
  expect(new Set(examples.map(([file]) => file))).toEqual(new Set(pages));
});
