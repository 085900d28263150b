import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, runTool } from './project.mjs';

// Every test on the stack that the run starts and ends itself; its last line is the count.

// Tests wait more than they work: three runs go on side by side, each on a stack of its own, and each of
// them one file at a time, so that what one file does to its stack is over when the next begins.
const SHARE = ['--project', 'unit', '--project', 'integration'];
const FIRST = ['first half', [...SHARE, '--shard=1/2']];
const BESIDE = [
  ['second half', [...SHARE, '--shard=2/2']],
  ['proof', ['--project', 'proof']],
];

await ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), 'tradestream-test-'));
const args = process.argv.slice(2);
const runs = await Promise.all(
  args.length > 0 ? [runTests('all', args)] : [runTests(...FIRST), ...BESIDE.map((run) => runBeside(...run))],
);
rmSync(folder, { recursive: true, force: true });
const sum = (count) => runs.reduce((total, run) => total + run[count], 0);
const [passed, failures, skipped] = [sum('passed'), sum('failed'), sum('skipped')];
process.stdout.write(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failures > 0 ? 1 : 0;

async function runTests(name, selection, options = {}) {
  const file = join(folder, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const exitCode = await runTool('vitest', ['run', ...reporters, ...selection], options);
  const counts = countsOf(file);
  // A run that fails without a failing test (a file that does not load, a stack that does not start) has failed.
  return exitCode === 0 ? counts : { ...counts, failed: Math.max(counts.failed, 1) };
}

/** What it says is shown in one piece, when it has ended. */
async function runBeside(name, selection) {
  const log = join(folder, `${name}.log`);
  const handle = openSync(log, 'w');
  const counts = await runTests(name, selection, { stdio: ['ignore', handle, handle] });
  closeSync(handle);
  process.stdout.write(readFileSync(log, 'utf8'));
  return counts;
}

function countsOf(path) {
  try {
    const results = JSON.parse(readFileSync(path, 'utf8'));
    const emptyFiles = results.testResults.filter((of) => of.status === 'failed' && of.assertionResults.length === 0);
    return {
      passed: results.numPassedTests,
      failed: results.numFailedTests + emptyFiles.length,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
