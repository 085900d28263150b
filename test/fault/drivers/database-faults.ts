import { sleep } from '@tradestream/runtime';
import { eventually } from '../../support/eventually.ts';
import type { Rig } from '../rig/rig.ts';
import { type Driver, holdUntilMet } from './driver.ts';

/** As it goes over the wire: BEGIN names a level that starts with the same letters. */
const COMMIT = 'COMMIT\0';

const SERVICES = `application_name LIKE 'tradestream-worker%' OR application_name LIKE 'tradestream-projector%'`;

/** The server ends the sessions of workers and projector, three times. */
export const sessionsEnded: Driver = {
  kind: 'sessions ended',
  mayMiss: true,
  holds: [],
  harm: async (rig, random) => {
    let ended = 0;
    for (let round = 0; round < 3; round += 1) {
      const rows = await rig.rows<{ ended: boolean }>(
        `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE ${SERVICES}`,
      );
      ended += rows.length;
      await sleep(100 + random.below(500));
    }
    return ended > 0 ? 1 : 0;
  },
};

/** One backend dies without a word: the server ends all sessions and recovers. */
export const backendKilled: Driver = {
  kind: 'backend killed',
  holds: ['primary'],
  harm: async (rig) => {
    // It may end by itself before the signal comes.
    await eventually(async () => process.kill(await aWorkersBackend(rig), 'SIGKILL'), { withinMs: 30_000 });
    await rig.databaseAnswers();
    return 1;
  },
};

export const primaryKilled: Driver = {
  kind: 'primary killed',
  holds: ['primary'],
  harm: async (rig, random) => {
    await rig.stack.stopPart(rig.primary, 'SIGKILL');
    await sleep(random.below(1_000));
    await rig.stack.startPart(rig.primary);
    return 1;
  },
};

/** Every connection to the database ends with a reset, three times. */
export const databaseReset: Driver = {
  kind: 'way to the database reset',
  mayMiss: true,
  holds: ['way to the database'],
  harm: async (rig, random) => {
    let hit = 0;
    for (let round = 0; round < 3; round += 1) {
      for (const { database } of rig.ways) {
        hit += database.open > 0 ? 1 : 0;
        database.resetAll();
      }
      await sleep(100 + random.below(400));
    }
    return hit > 0 ? 1 : 0;
  },
};

export const databaseDropped: Driver = {
  kind: 'packets to the database dropped',
  mayMiss: true,
  holds: ['way to the database'],
  harm: async (rig, random) => {
    const { database } = rig.wayAt(random.below(rig.ways.length));
    const before = database.dropped;
    database.mode = 'drop';
    const met = await holdUntilMet(1_500 + random.below(2_000), () => database.dropped > before);
    database.mode = 'pass';
    database.resetAll();
    return met ? 1 : 0;
  },
};

export const databaseSlow: Driver = {
  kind: 'latency to the database',
  holds: ['way to the database'],
  harm: async (rig, random) => {
    const latencyMs = 20 + random.below(80);
    for (const { database } of rig.ways) database.latencyMs = latencyMs;
    await sleep(1_500 + random.below(1_500));
    for (const { database } of rig.ways) database.latencyMs = 0;
    return 1;
  },
};

/** The answer of a COMMIT is cut off: of some the COMMIT has arrived, of the others not. */
export const commitCut: Driver = {
  kind: 'answer of COMMIT cut',
  mayMiss: true,
  holds: ['way to the database'],
  harm: async (rig, random) => {
    let cut = 0;
    let seen = 0;
    const every = 2 + random.below(3);
    for (const { database } of rig.ways) {
      database.rule = (bytes) => {
        if (!bytes.includes(COMMIT)) return 'pass';
        seen += 1;
        if (seen % every !== 0) return 'pass';
        cut += 1;
        return cut % 2 === 0 ? 'cut-before' : 'cut-after';
      };
    }
    await holdUntilMet(1_500 + random.below(1_000), () => cut > 0);
    for (const { database } of rig.ways) database.rule = () => 'pass';
    return cut;
  },
};

async function aWorkersBackend(rig: Rig): Promise<number> {
  const [found] = await rig.rows<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tradestream-worker%' ORDER BY random() LIMIT 1`,
  );
  if (found === undefined) throw new Error('no worker has a session');
  return found.pid;
}
