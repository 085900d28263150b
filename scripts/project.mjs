import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// What runs before anything is installed runs on the system's Node (20.12 or later); everything else
// runs on the Node that the lockfile pins.

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'node_modules', '.bin');
/** Sources are stripped of their types and compiled once, not at each start of each process. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'compiled');

/** Installs the locked dependencies unless what is installed is as new as the lockfile. */
export async function ensureInstalled() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  const isCurrent =
    existsSync(installed) &&
    existsSync(join(BIN, 'node')) &&
    statSync(installed).mtimeMs >= statSync(join(ROOT, 'package-lock.json')).mtimeMs;
  if (isCurrent) return;
  process.stderr.write('installing dependencies (once)\n');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const [command, commandArgs] = npm === undefined ? ['npm', args] : [process.execPath, [npm, ...args]];
  // Standard output belongs to the data of the command that comes after.
  const code = await run(command, commandArgs, { stdio: ['ignore', 2, 2] });
  if (code !== 0) {
    process.stderr.write('the dependencies could not be installed: see the messages of npm above\n');
    process.exit(1);
  }
}

/** Runs a program on the project's Node; resolves with its exit code. Signals are passed on. */
export function runNode(args, options = {}) {
  return run(join(BIN, 'node'), args, options);
}

/** Runs an installed tool; resolves with its exit code. */
export function runTool(name, args, options = {}) {
  return run(join(BIN, 'node'), [join(BIN, name), ...args], options);
}

function run(command, args, options) {
  const path = `${BIN}:${process.env.PATH}`;
  const env = { NODE_COMPILE_CACHE: COMPILED, ...process.env, PATH: path, ...options.env };
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', ...options, env });
  // A terminal sends Ctrl-C to the whole group, the child too; other signals come to this process alone.
  const onInterrupt = () => process.stdin.isTTY || child.kill('SIGINT');
  const onTerminate = () => child.kill('SIGTERM');
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
      resolve(code ?? (signal === null ? 1 : 130));
    });
  });
}
