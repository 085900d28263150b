import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

type Manifest = { readonly dependencies: Readonly<Record<string, string>> };

/** What an application has besides: the types of Node. */
const COMPANIONS = ['@types/node'];

/**
 * Builds and packs @tradestream/database and puts what was packed into the folder's node_modules, with its declared
 * dependencies and nothing else: they are taken from this checkout, so that no registry is asked.
 */
export function installPublished(folder: string): void {
  run('node', ['packages/database/build.mjs']);
  run('npm', ['pack', './packages/database/dist', '--pack-destination', folder, '--silent']);
  const target = join(folder, 'node_modules', '@tradestream', 'database');
  mkdirSync(target, { recursive: true });
  run('tar', ['-xzf', join(folder, 'tradestream-database-0.1.0.tgz'), '-C', target, '--strip-components=1']);
  const manifest = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as Manifest; // packed just now
  for (const name of [...Object.keys(manifest.dependencies), ...COMPANIONS]) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(resolve(link, '..'), { recursive: true });
    symlinkSync(resolve('node_modules', name), link);
  }
}

function run(program: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program === 'node' ? process.execPath : program, args, {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
}
