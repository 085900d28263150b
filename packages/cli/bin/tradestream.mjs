#!/usr/bin/env node
// Runs the command line on Node 24, which `npm install` puts beside it, whatever the system has.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;
const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, '..', 'src', 'main.ts');

const node = findNode(here);

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
  // Types are stripped once, not at each start; where nothing may be written it starts all the same.
  if (node !== null) nodeModule.enableCompileCache(join(dirname(node), '..', '.cache', 'compiled'));
  await import(main);
} else {
  if (node === null) {
    process.stderr.write(`tradestream needs Node ${NODE_MAJOR}; run \`npm install\`, which brings it\n`);
    process.exit(1);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to the whole group, the child too; other signals come to this process alone.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
}

function findNode(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const node = join(folder, 'node_modules', '.bin', 'node');
    if (existsSync(node)) return node;
    if (folder === dirname(folder)) return null;
  }
}
