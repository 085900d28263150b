import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { changeSources } from './change-sources.ts';
import { PLANTED_SOURCES } from './planted-sources.ts';
import type { FailedSeed, SeedsReport, Stretch } from './seed-report.ts';
import { installVirtualTime } from './virtual-time.ts';

// One thread of worlds: asked for a stretch of seeds, it tells what became of them.

const port = parentPort;
if (port === null) throw new Error('this file is run by run-seeds.ts, in a thread of its own');

installVirtualTime();
// What a failing world says is in its report; traces of expected errors cost a tenth of the time.
Error.stackTraceLimit = 0;
const { sourceBug } = workerData as { readonly sourceBug: string | null };
registerHooks({ load: changeSources(PLANTED_SOURCES[sourceBug ?? ''] ?? []) });
const { plantedBug } = await import('./planted-bugs.ts');
const { runSeed } = await import('./world.ts');

port.on('message', (stretch: Stretch) => void run(stretch).then((report) => port.postMessage(report)));
port.postMessage(null);

/** With a bug it ends at the first world that fails: the bug is caught. */
async function run({ from, count, bug }: Stretch): Promise<SeedsReport> {
  const options = bug === null ? {} : plantedBug(bug);
  const failed: FailedSeed[] = [];
  const traces: string[] = [];
  let [steps, commands] = [0, 0];
  for (let seed = from; seed < from + count; seed += 1) {
    const report = await runSeed(seed, options);
    steps += report.steps;
    commands += report.commands;
    traces.push(report.trace);
    if (report.failures.length === 0) continue;
    failed.push({ seed, trace: report.trace, failures: report.failures });
    if (bug !== null) break;
  }
  return { seeds: traces.length, steps, commands, failed, traces };
}
