import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseManager } from '@tradestream/database';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Launched } from '../support/launched.ts';
import { installPublished } from '../support/published-package.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';
import { GUIDE_MODULES } from './guide/guide-modules.ts';
import { readBlocks } from './guide/read-blocks.ts';

/** It builds and packs the toolkit. */
const SETUP_MS = 180_000;
const COPY = 'test/integration/guide/code-blocks.md';
const GUIDE = '../shared/seed/database-integration-guide.md';
const COMPILER = resolve('node_modules/typescript/lib/tsc.js');
/** As a strict application has them; the types of the package are checked with it. */
const PROJECT = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'esnext.collection'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    outDir: 'js',
  },
  include: ['*.ts'],
};
/** Tables as the guide's statements name them, where nobody but the examples sees them. */
const TABLES = `CREATE SCHEMA guide;
  CREATE TABLE guide.orders (id bigint PRIMARY KEY, user_id bigint);
  CREATE TABLE guide.trades (id bigint GENERATED ALWAYS AS IDENTITY, symbol text, price numeric, order_id bigint,
    user_id bigint, timestamp timestamptz DEFAULT now());
  CREATE TABLE guide.balances (amount numeric);
  INSERT INTO guide.balances VALUES (150000)`;
/** Those of the product: whoever does not choose the schema meets them. */
const DECOYS = `CREATE TABLE trades (LIKE guide.trades); CREATE TABLE orders (LIKE guide.orders);
  CREATE TABLE balances (amount numeric); INSERT INTO balances VALUES (150000)`;

const blocks = readBlocks(COPY).filter(({ language }) => language === 'typescript');
/** What is compiled and run, by the name of its file. */
const files = new Map<string, string>();
const missing = new Set<string>();
for (const [index, { title, code }] of blocks.entries()) {
  const { imports = '', after, proof, missing: gaps = [] } = GUIDE_MODULES[title] ?? {};
  const name = `block-${String(index + 1).padStart(2, '0')}`;
  const before = after === undefined ? '' : `${blocks.find((block) => block.title === after)?.code}\n`;
  const text = `${imports}\n${before}${code}\nexport {};\n`;
  files.set(`${name}.ts`, text);
  if (proof !== undefined) files.set(`${name}-proof.ts`, `${text}${proof}\n`);
  for (const gap of gaps) for (const file of files.keys()) if (file.startsWith(name)) missing.add(`${file} ${gap}`);
}

let folder: string;
let database: ScratchDatabase;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'toolkit-guide');
  await using db = new DatabaseManager({ database: database.url });
  for (const text of [...TABLES.split(';'), ...DECOYS.split(';')]) await db.query(text);
  folder = mkdtempSync(join(tmpdir(), 'guide-'));
  installPublished(folder);
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(PROJECT));
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
  const imports = [...files.keys()].map(
    (file) => `await import('./js/${file.replace('.ts', '.js')}');\nconsole.log('${file}');\n`,
  );
  writeFileSync(join(folder, 'all.mjs'), `${imports.join('')}process.exit(0);\n`);
}, SETUP_MS);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.close();
});

test('the blocks are those of the guide, and each has its module', () => {
  expect(blocks.map(({ title }) => title)).toEqual(Object.keys(GUIDE_MODULES));
  if (existsSync(GUIDE)) expect(readBlocks(COPY)).toEqual(readBlocks(GUIDE));
});

test('every block compiles as it stands, but for what its comments leave out, and the toolkit is what it says', () => {
  const { stdout } = spawnSync(process.execPath, [COMPILER, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' });
  const found = stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(' '))
    .map((line) => {
      const [, file = '', row = '', column = '', code = '', message = ''] =
        /^(.*)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(line) ?? [];
      const at = (files.get(file)?.split('\n')[Number(row) - 1] ?? '').slice(Number(column) - 1);
      const [name = ''] = /^[\w<>]+/.exec(at) ?? [];
      return name === '' ? `${file} ${code} ${message}` : `${file} ${code} ${name}`;
    });
  expect(new Set(found)).toEqual(missing);
});

test('every block runs as it stands, in plain Node, in the schema that PGOPTIONS chooses', async () => {
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    DATABASE_REPLICA_URLS: Object.values(database.replicaUrls).join(','),
    PGOPTIONS: '-c search_path=guide',
  };
  await using launched = new Launched(spawn(process.execPath, ['all.mjs'], { cwd: folder, env }));
  expect(await launched.ended(), launched.err).toBe(0);
  expect(launched.out.trim().split('\n')).toEqual([...files.keys()]);
  await using db = new DatabaseManager({ database: database.url });
  const rows = async (text: string) => (await db.query(text)).rows;
  // The basic example stands alone and before the advanced one.
  expect(await rows('SELECT symbol, price FROM guide.trades')).toEqual(
    Array.from({ length: 2 }, () => ({ symbol: 'BTC-USD', price: '50000' })),
  );
  expect(await rows('SELECT amount FROM guide.balances')).toEqual([{ amount: '50000' }]);
  expect(await rows('SELECT 1 FROM trades UNION ALL SELECT 2 FROM orders')).toEqual([]);
  expect(await rows('SELECT amount FROM balances')).toEqual([{ amount: '150000' }]);
});
