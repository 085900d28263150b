import { migrate } from '@tradestream/database';
import type { Endpoints } from '@tradestream/stack';
import { type LedgerWorld, openLedgerWorld } from './ledger-world.ts';
import { type MonitorProcess, startMonitor } from './monitor-process.ts';

/** A ledger with views and the monitor's own tables. */
export async function openMonitorWorld(endpoints: Endpoints, label: string, partitions = 2): Promise<LedgerWorld> {
  const world = await openLedgerWorld(endpoints, label, partitions);
  const { database, log } = world;
  for (const schema of ['views', 'monitor'])
    await migrate({ url: database.url, folder: `schemas/sql/${schema}`, schema, log });
  return world;
}

/** A monitor of that world. */
export async function monitorOf(
  world: LedgerWorld,
  overrides: Readonly<Record<string, string>> = {},
): Promise<MonitorProcess> {
  const { serviceUrls, replicaUrls } = world.database;
  const login = new URL(serviceUrls.monitor);
  const replicas = Object.values(replicaUrls).map((each) => {
    const url = new URL(each);
    url.username = login.username;
    url.password = login.password;
    return url.href;
  });
  return await startMonitor(
    world.env({
      TRADESTREAM_MONITOR_DATABASE_URL: serviceUrls.monitor,
      TRADESTREAM_MONITOR_DATABASE_REPLICA_URLS: replicas.join(','),
      REDIS_URL: world.database.endpoints.redisUrl,
      ...overrides,
    }),
  );
}
