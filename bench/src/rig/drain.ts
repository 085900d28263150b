import type { LoadCommand } from '../load.ts';
import { cpuMicros, type ProcessNumbers, perCommand, resetRssMax, rssBytesMax } from '../measure/process-figures.ts';
import { settleTables } from '../measure/settle-tables.ts';
import { readWal, walBytesPerCommand } from '../measure/wal-figures.ts';
import type { Rig } from './rig.ts';

export type DrainFigures = {
  /** Commands a second from the start until the last one was applied. */
  readonly rate: number;
  /** The same until the last event was published, and until every projection held it. */
  readonly publishedRate: number;
  readonly projectedRate: number;
  readonly walBytesPerCommand: number;
  readonly cpuMicrosPerCommand: ProcessNumbers;
  readonly rssBytesMax: ProcessNumbers;
};

/** Publishes a backlog while the worker is held, releases it and measures until everything has followed. */
export async function drainBacklog(rig: Rig, commands: readonly LoadCommand[]): Promise<DrainFigures> {
  rig.holdWorker();
  try {
    await rig.publish(commands);
    await settleTables(rig.session, rig.endpoints);
  } catch (error) {
    rig.releaseWorker();
    throw error;
  }
  const { pids } = rig;
  resetRssMax(pids);
  const wal = await readWal(rig.session);
  const cpu = cpuMicros(pids);
  const startedMs = performance.now();
  const rateNow = () => Math.round((commands.length / (performance.now() - startedMs)) * 1_000);
  rig.releaseWorker();
  await rig.reached('applied');
  const rate = rateNow();
  await rig.reached('published');
  const publishedRate = rateNow();
  // The worker's own work is over once its last event is out; the vacuum of the views comes later.
  const workerCpu = cpuMicros({ worker: pids['worker'] ?? 0 });
  const walAfter = await readWal(rig.session);
  await rig.reached('projected');
  const projectedRate = rateNow();
  return {
    rate,
    publishedRate,
    projectedRate,
    walBytesPerCommand: walBytesPerCommand(wal, walAfter, commands.length),
    cpuMicrosPerCommand: perCommand(cpu, { ...cpuMicros(pids), ...workerCpu }, commands.length),
    rssBytesMax: rssBytesMax(pids),
  };
}
