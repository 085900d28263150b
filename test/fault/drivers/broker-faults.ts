import { sleep } from '@tradestream/runtime';
import { registerAnotherSchema, sendOfSchema } from '../rig/foreign-schema.ts';
import { type Driver, holdUntilMet } from './driver.ts';

/** It does not answer, and knows nothing of it afterwards. */
export const brokerFrozen: Driver = {
  kind: 'broker frozen',
  holds: ['broker'],
  harm: async ({ stack }, random) => {
    stack.signalPart('kafka', 'SIGSTOP');
    await sleep(1_500 + random.below(1_500));
    stack.signalPart('kafka', 'SIGCONT');
    return 1;
  },
};

export const brokerKilled: Driver = {
  kind: 'broker killed',
  holds: ['broker'],
  harm: async ({ stack }) => {
    await stack.stopPart('kafka', 'SIGKILL');
    await stack.startPart('kafka');
    return 1;
  },
};

/** Every connection to the broker ends with a reset, twice. */
export const brokerReset: Driver = {
  kind: 'way to the broker reset',
  mayMiss: true,
  holds: ['way to the broker'],
  harm: async (rig, random) => {
    let hit = 0;
    for (let round = 0; round < 2; round += 1) {
      for (const { broker } of rig.ways) {
        hit += broker.open > 0 ? 1 : 0;
        broker.resetAll();
      }
      await sleep(200 + random.below(600));
    }
    return hit > 0 ? 1 : 0;
  },
};

/** Packets between one service and the broker go nowhere, and nobody says so. */
export const brokerDropped: Driver = {
  kind: 'packets to the broker dropped',
  mayMiss: true,
  holds: ['way to the broker'],
  harm: async (rig, random) => {
    const { broker } = rig.wayAt(random.below(rig.ways.length));
    const before = broker.dropped;
    broker.mode = 'drop';
    const met = await holdUntilMet(1_500 + random.below(1_500), () => broker.dropped > before);
    broker.mode = 'pass';
    broker.resetAll();
    return met ? 1 : 0;
  },
};

/** The registry answers 503 while a record of a schema comes that nobody has used yet. */
export const registryRefusing: Driver = {
  kind: 'registry answers 503',
  mayMiss: true,
  holds: ['registry'],
  harm: async (rig, random) => {
    const schemaId = await registerAnotherSchema(rig.world, rig.stack.endpoints.schemaRegistryUrl);
    const before = rig.registry.refused;
    rig.registry.isShut = true;
    try {
      await sendOfSchema(rig.world, schemaId);
      return (await holdUntilMet(1_000 + random.below(1_500), () => rig.registry.refused > before)) ? 1 : 0;
    } finally {
      rig.registry.isShut = false;
    }
  },
};

export const redisKilled: Driver = {
  kind: 'redis killed',
  holds: ['redis'],
  harm: async ({ stack }, random) => {
    await stack.stopPart('redis', 'SIGKILL');
    await sleep(300 + random.below(700));
    await stack.startPart('redis');
    return 1;
  },
};
