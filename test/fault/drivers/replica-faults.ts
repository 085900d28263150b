import { sleep } from '@tradestream/runtime';
import { NODE_NAMES, type NodeName } from '@tradestream/stack';
import type { SeededRandom } from '../../../bench/src/random.ts';
import type { Rig } from '../rig/rig.ts';
import type { Driver } from './driver.ts';

export const replicaKilled: Driver = {
  kind: 'replica killed',
  holds: ['replicas'],
  harm: async (rig, random) => {
    const victim = drawStandby(rig, random);
    await rig.stack.stopPart(victim, 'SIGKILL');
    await sleep(random.below(1_000));
    await rig.stack.startPart(victim);
    return 1;
  },
};

/** All that may stand in the quorum: a COMMIT waits, and nothing that waits is taken for done. */
export const quorumFrozen: Driver = {
  kind: 'quorum frozen',
  holds: ['replicas'],
  harm: async (rig, random) => {
    const standbys = standbysOf(rig);
    for (const name of standbys) rig.stack.signalPart(name, 'SIGSTOP');
    await sleep(1_000 + random.below(2_000));
    for (const name of standbys) rig.stack.signalPart(name, 'SIGCONT');
    return 1;
  },
};

export const replayPaused: Driver = {
  kind: 'replay paused',
  holds: ['replicas'],
  harm: async (rig, random) => {
    const victim = drawStandby(rig, random);
    const url = rig.urlOf(victim);
    await rig.runOn(url, 'SELECT pg_wal_replay_pause()');
    await sleep(1_500 + random.below(2_000));
    await rig.runOn(url, 'SELECT pg_wal_replay_resume()');
    return 1;
  },
};

/** The primary dies, and the standby that has received the most takes its place; the dead one comes back as a copy. */
export const standbyPromoted: Driver = {
  kind: 'standby promoted',
  holds: ['primary', 'replicas'],
  harm: async (rig) => {
    const former = rig.primary;
    await rig.stack.stopPart(former, 'SIGKILL');
    rig.releaseDisk(former);
    const [first] = await byReceived(rig);
    if (first === undefined) throw new Error('no standby is there to be promoted');
    await rig.stack.promote(first);
    rig.leadToPrimary();
    await rig.stack.startPart(former);
    await rig.databaseAnswers();
    return 1;
  },
};

/** Standbys, the one that holds the most of the log first. What any of them holds and the next primary does not is lost. */
async function byReceived(rig: Rig): Promise<readonly NodeName[]> {
  const asked = await Promise.all(
    standbysOf(rig).map(async (name) => {
      const [row] = await rig.runOn<{ received: string }>(
        rig.urlOf(name),
        `SELECT pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::text AS received`,
      );
      return { name, received: BigInt(row?.received ?? '0') };
    }),
  );
  return asked.toSorted((a, b) => (a.received > b.received ? -1 : 1)).map(({ name }) => name);
}

function standbysOf(rig: Rig): readonly NodeName[] {
  return NODE_NAMES.filter((name) => name !== rig.primary);
}

function drawStandby(rig: Rig, random: SeededRandom): NodeName {
  const standbys = standbysOf(rig);
  return standbys[random.below(standbys.length)] ?? 'replica-1';
}
