import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, runTool } from './project.mjs';

// Every test on the stack that the run starts and ends itself; its last line is the count.

await ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), 'tradestream-test-'));
const file = join(folder, 'results.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
const exitCode = await runTool('vitest', ['run', ...reporters, ...process.argv.slice(2)]);
const { passed, failed, skipped } = countsOf(file);
rmSync(folder, { recursive: true, force: true });
// A run that fails without a failing test (a file that does not load, a stack that does not start) has failed.
const failures = exitCode === 0 ? failed : Math.max(failed, 1);
process.stdout.write(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failures > 0 ? 1 : 0;

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
