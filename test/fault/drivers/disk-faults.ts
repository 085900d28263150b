import { execFileSync } from 'node:child_process';
import { eventually } from '../../support/eventually.ts';
import type { Driver } from './driver.ts';

const SOON = { withinMs: 30_000 } as const;

/**
 * The primary's disk is full: its data lies on a tmpfs with a few megabytes left, which its log soon
 * takes. Healed by more space, and a start where it has ended.
 */
export const diskFull: Driver = {
  kind: 'disk of the primary full',
  holds: ['primary', 'replicas'],
  cannot: () => (canMount() ? null : 'a file system can be mounted by root alone'),
  harm: async (rig) => {
    const { primary } = rig;
    await rig.moveToSmallDisk(primary);
    const before = rig.countInLog(primary, 'No space left on device');
    try {
      await eventually(async () => {
        // Each takes a new segment of 16 MB; without space the server refuses it, or ends.
        await rig
          .runOn(
            rig.urlOf(primary),
            `SELECT pg_logical_emit_message(false, 'filler', repeat('x', 4000000)), pg_switch_wal()`,
          )
          .catch(() => undefined);
        return rig.countInLog(primary, 'No space left on device') > before;
      }, SOON);
    } finally {
      rig.growDisk(primary);
      await rig.restartIfDead(primary);
    }
    await rig.databaseAnswers();
    return 1;
  },
};

function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
