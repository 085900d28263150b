import type { ChildProcess } from 'node:child_process';
import { sleep } from '@tradestream/runtime';
import { eventually } from '../../support/eventually.ts';
import { SESSION_TIMEOUT_MS } from '../rig/rig.ts';
import type { Driver } from './driver.ts';

const SOON = { withinMs: 60_000 } as const;
/** A newcomer needs broker, registry, database and a group at rest at once, while other faults go on. */
const AMID_FAULTS = { withinMs: 180_000 } as const;
const LINES_TOLD = 5;

/** One worker ends in the midst of whatever it does; another takes its place at once. */
export const workerKilled: Driver = {
  kind: 'worker killed',
  mayMiss: true,
  holds: ['workers'],
  harm: async (rig, random) => {
    const slot = random.below(rig.workers.length);
    const victim = rig.workerAt(slot);
    if (!(await hasWork(() => rig.hasClaimed(victim)))) return 0;
    victim.kill('SIGKILL');
    rig.startWorkerAt(slot);
    return 1;
  },
};

/** Frozen until the group has given its partitions away; when it wakes up it may write nothing more. */
export const workerFrozen: Driver = {
  kind: 'worker frozen',
  lasts: true,
  holds: ['workers'],
  harm: async (rig, random) => {
    const victim = rig.workerAt(random.below(rig.workers.length));
    return await freeze(victim, SESSION_TIMEOUT_MS + 500 + random.below(1_000));
  },
};

/** A third worker comes and goes in the orderly way: two rebalances. */
export const workerJoined: Driver = {
  kind: 'worker joined and left',
  lasts: true,
  holds: ['workers'],
  harm: async (rig) => {
    const guest = rig.startGuest();
    const hasEnded = () => guest.exitCode !== null || guest.signalCode !== null;
    try {
      await eventually(() => rig.hasClaimed(guest) || hasEnded(), AMID_FAULTS);
      guest.kill('SIGTERM');
      await eventually(hasEnded, SOON);
    } catch (error) {
      const last = rig.world.logOf(guest).slice(-LINES_TOLD);
      throw new Error(`a guest did not come or go; its last lines: ${JSON.stringify(last)}`, { cause: error });
    }
    return 1;
  },
};

export const projectorKilled: Driver = {
  kind: 'projector killed',
  holds: ['projector'],
  harm: async (rig) => {
    rig.projector.kill('SIGKILL');
    rig.startProjector();
    return await Promise.resolve(1);
  },
};

export const projectorFrozen: Driver = {
  kind: 'projector frozen',
  holds: ['projector'],
  harm: async (rig, random) => await freeze(rig.projector, 1_000 + random.below(2_000)),
};

export const gatewayKilled: Driver = {
  kind: 'gateway killed',
  holds: ['gateway'],
  harm: async (rig) => {
    rig.gateway.kill('SIGKILL');
    await eventually(() => rig.gateway.signalCode !== null, SOON);
    rig.startGateway();
    return 1;
  },
};

export const gatewayFrozen: Driver = {
  kind: 'gateway frozen',
  holds: ['gateway'],
  harm: async (rig, random) => await freeze(rig.gateway, 500 + random.below(1_500)),
};

async function freeze(victim: ChildProcess, forMs: number): Promise<number> {
  const frozen = victim.kill('SIGSTOP');
  await sleep(forMs);
  victim.kill('SIGCONT');
  return frozen ? 1 : 0;
}

/** A worker that has claimed nothing yet would not be missed. */
async function hasWork(claimed: () => boolean): Promise<boolean> {
  return await eventually(claimed, SOON).catch(() => false);
}
