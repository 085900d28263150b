import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ensureInstalled, runTool } from './project.mjs';

// Every test on the stack that the run starts and ends itself; its last lines are what failed, and the count.

// Tests wait more than they work: three runs go on side by side, each on a stack of its own, and on one
// stack one file at a time, so that what one file does to it is over when the next begins.
const SHARE = ['--project', 'unit', '--project', 'integration'];
const FIRST = ['first half', [...SHARE, '--shard=1/2']];
const BESIDE = [
  ['second half', [...SHARE, '--shard=2/2']],
  ['proof', ['--project', 'campaign', '--project', 'vigil']],
];

const MESSAGE_MAX_CHARACTERS = 2_000;

await ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), 'tradestream-test-'));
const args = process.argv.slice(2);
const runs = await Promise.all(
  args.length > 0 ? [runTests('all', args)] : [runTests(...FIRST), ...BESIDE.map((run) => runBeside(...run))],
);
rmSync(folder, { recursive: true, force: true });
const sum = (count) => runs.reduce((total, run) => total + run[count], 0);
const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];
for (const line of runs.flatMap(({ failures }) => failures)) process.stdout.write(`${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed > 0 ? 1 : 0;

async function runTests(name, selection, options = {}) {
  const file = join(folder, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const exitCode = await runTool('vitest', ['run', ...reporters, ...selection], options);
  const found = resultsOf(file);
  // A run that fails without a failing test (an error outside of the tests, a stack that does not start) has failed.
  if (exitCode === 0 || found.failed > 0) return found;
  return { ...found, failed: 1, failures: [`FAILED ${name}: exit code ${exitCode}, though no test of it failed`] };
}

/** What it says is shown in one piece, when it has ended. */
async function runBeside(name, selection) {
  const log = join(folder, `${name}.log`);
  const handle = openSync(log, 'w');
  const results = await runTests(name, selection, { stdio: ['ignore', handle, handle] });
  closeSync(handle);
  process.stdout.write(readFileSync(log, 'utf8'));
  return results;
}

function resultsOf(path) {
  let results;
  try {
    results = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return { passed: 0, failed: 1, skipped: 0, failures: [`FAILED ${path}: no results, ${error.message}`] };
  }
  const failedFiles = results.testResults.filter(({ status }) => status === 'failed');
  const emptyFiles = failedFiles.filter(({ assertionResults }) => assertionResults.length === 0);
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + emptyFiles.length,
    skipped: results.numPendingTests + results.numTodoTests,
    failures: failedFiles.flatMap(failuresOf),
  };
}

function failuresOf({ name: path, message, assertionResults }) {
  const file = relative(process.cwd(), path);
  if (assertionResults.length === 0) return [failure(file, message)];
  return assertionResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => failure(`${file} > ${fullName}`, failureMessages.join('\n')));
}

function failure(where, message) {
  return `FAILED ${where}\n${stripVTControlCharacters(message ?? '').slice(0, MESSAGE_MAX_CHARACTERS)}`;
}
