import { createLogger, Scope } from '@tradestream/runtime';
import { type Endpoints, openStack } from '@tradestream/stack';
import { eventually } from '../../support/eventually.ts';
import { HttpDoor } from '../../support/http-door.ts';
import { openLedgerWorld } from '../../support/ledger-world.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { Rig, WORKERS } from './rig.ts';
import { openWay } from './ways.ts';

/** On a machine with much else to do. */
const OPEN_MS = 180_000;

/** Starts the stack, the installation on it, and waits until it applies. */
export async function openRig(label: string): Promise<Rig> {
  const scope = new Scope();
  try {
    const stack = await openStack({
      log: createLogger({ service: label, level: 'silent' }),
      mode: 'embedded',
      env: OWN_STACK(),
    });
    let rig: Rig | null = null;
    scope.defer('stack', async () => await stack.close());
    scope.defer('small disks', async () => await rig?.releaseDisks());
    const admin = await TcpProxy.before(stack.endpoints.databaseUrl);
    scope.defer('way of the rig', async () => await admin.proxy[Symbol.asyncDispose]());
    const through: Endpoints = { ...stack.endpoints, databaseUrl: admin.url };
    const world = await openLedgerWorld(through, label);
    scope.defer('world', async () => await world[Symbol.asyncDispose]());
    const registry = await HttpDoor.before(stack.endpoints.schemaRegistryUrl);
    scope.defer('door of the registry', async () => await registry[Symbol.asyncDispose]());
    const open = async (service: 'worker' | 'projector' | 'gateway') => {
      const way = await openWay(world.database.endpoints, service);
      scope.defer(`way of the ${service}`, async () => await way[Symbol.asyncDispose]());
      return way;
    };
    const workerWays = await Promise.all(Array.from({ length: WORKERS }, () => open('worker')));
    rig = new Rig({
      stack,
      world,
      registry,
      admin: admin.proxy,
      workerWays,
      projectorWay: await open('projector'),
      gatewayWay: await open('gateway'),
      gatewayPort: await freePort(),
      scope,
    });
    const whole = rig;
    scope.defer('services', async () => await whole.endServices());
    await eventually(async () => await isReady(whole), { withinMs: OPEN_MS });
    await eventually(() => whole.workers.every((worker) => whole.hasClaimed(worker)), { withinMs: OPEN_MS });
    return whole;
  } catch (error) {
    await scope.close();
    throw error;
  }
}

async function isReady({ gatewayUrl }: Rig): Promise<boolean> {
  return (await fetch(`${gatewayUrl}/readyz`, { signal: AbortSignal.timeout(5_000) })).ok;
}

/** Whatever the environment names belongs to others. */
function OWN_STACK(): Readonly<Record<string, string | undefined>> {
  const none = {
    DATABASE_URL: '',
    DATABASE_REPLICA_URLS: '',
    REDIS_URL: '',
    KAFKA_BROKERS: '',
    SCHEMA_REGISTRY_URL: '',
  };
  return { ...process.env, ...none };
}

async function freePort(): Promise<number> {
  const proxy = await TcpProxy.open({ host: '127.0.0.1', port: 1 });
  const { port } = proxy;
  await proxy[Symbol.asyncDispose]();
  return port;
}
