import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, processTree, readProcessWorld, signalProcess } from '../host/process-table.ts';
import { removeFolder } from '../host/remove-folder.ts';
import { listRunFiles, readRunRecord } from './run-record.ts';

const ORDERLY_MS = 4_000;
const POLL_MS = 50;

/** Ends what stacks whose owner is gone have left behind, and removes their temporary folders. */
export async function reapRuns(runsFolder: string): Promise<number> {
  const outcomes = await Promise.all(listRunFiles(runsFolder).map((file) => reapRun(file)));
  return outcomes.reduce((sum, count) => sum + count, 0);
}

/**
 * Ends one such stack; leaves it alone while its owner lives or when the record comes from another
 * pid namespace, where its pids mean other processes. Two at once do no harm. Returns how many
 * processes were ended.
 */
export async function reapRun(file: string): Promise<number> {
  const record = readRunRecord(file);
  if (record === null) return 0;
  const world = readProcessWorld();
  const sameBoot = record.world.bootId === world.bootId;
  if (sameBoot && record.world.pidNamespace !== world.pidNamespace) return 0;
  if (sameBoot && isAlive(record.owner)) return 0;

  // The tree is taken before the first signal: what outlives its parent is not found below it later.
  const orphans = sameBoot ? record.processes.filter((recorded) => isAlive(recorded)) : [];
  const all = orphans.flatMap((orphan) => processTree(orphan));
  for (const orphan of orphans) {
    signalProcess(orphan, orphan.stopSignal);
    for (const process of processTree(orphan)) signalProcess(process, 'SIGCONT');
  }
  if (!(await areGone(all, ORDERLY_MS))) {
    for (const process of all) signalProcess(process, 'SIGKILL');
    await areGone(all, ORDERLY_MS);
  }
  // What cannot be removed is no reason for the next stack not to start.
  if (record.folder !== null) removeFolder(record.folder);
  rmSync(file, { force: true });
  return orphans.length;
}

async function areGone(processes: readonly ProcessIdentity[], withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (processes.some((process) => isAlive(process))) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
