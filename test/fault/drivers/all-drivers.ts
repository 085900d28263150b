import {
  brokerDropped,
  brokerFrozen,
  brokerKilled,
  brokerReset,
  redisKilled,
  registryRefusing,
} from './broker-faults.ts';
import {
  backendKilled,
  commitCut,
  databaseDropped,
  databaseReset,
  databaseSlow,
  primaryKilled,
  sessionsEnded,
} from './database-faults.ts';
import { diskFull } from './disk-faults.ts';
import type { Driver } from './driver.ts';
import { quorumFrozen, replayPaused, replicaKilled, standbyPromoted } from './replica-faults.ts';
import {
  gatewayFrozen,
  gatewayKilled,
  projectorFrozen,
  projectorKilled,
  workerFrozen,
  workerJoined,
  workerKilled,
} from './service-faults.ts';

export const DRIVERS: readonly Driver[] = [
  workerKilled,
  workerFrozen,
  workerJoined,
  projectorKilled,
  projectorFrozen,
  gatewayKilled,
  gatewayFrozen,
  brokerFrozen,
  brokerKilled,
  brokerReset,
  brokerDropped,
  registryRefusing,
  redisKilled,
  sessionsEnded,
  backendKilled,
  primaryKilled,
  standbyPromoted,
  diskFull,
  databaseReset,
  databaseDropped,
  databaseSlow,
  commitCut,
  replicaKilled,
  quorumFrozen,
  replayPaused,
];
