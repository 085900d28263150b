import { type DatabaseEvent, DatabaseManager, type DatabaseUsage } from '@tradestream/database';
import type { Logger } from '@tradestream/runtime';
import type { Databases } from '../config.ts';

/** What reading needs of the database and its replicas. */
export type Reads = Pick<DatabaseManager, 'snapshot'>;

export type ReadOptions = {
  /** To each node. */
  readonly connectionsMax: number;
  /** A replica that is later is asked only when no other answers, milliseconds. */
  readonly lagMsMax: number;
  /** Counts what becomes of them. */
  readonly usage: DatabaseUsage;
  readonly log: Logger;
};

/** Also the wait for a free connection: beyond it a reader is told that the database is not there. */
const ACQUIRE_MS = 10_000;
const STATEMENT_MS = 10_000;
const SETTINGS = { lock_timeout: '5s', idle_in_transaction_session_timeout: '15s', jit: 'off' } as const;
/** Each reader waits for one answer at a time, so the server's own limits bound how many there are. */
const WAITING_MAX = 100_000;
const LOOK_EVERY_MS = 500;
/** A look that this process itself delays by a second is no reason to leave a node. */
const LOOK_MS = 2_000;

/** The primary and its replicas, whoever of them is which by now. */
export function openReads(
  databases: Databases,
  { connectionsMax, lagMsMax, usage, log }: ReadOptions,
): DatabaseManager {
  return new DatabaseManager({
    pool: {
      maxSize: connectionsMax,
      acquireTimeout: ACQUIRE_MS,
      queryTimeout: STATEMENT_MS,
      maxWaiting: WAITING_MAX,
      settings: SETTINGS,
      applicationName: 'tradestream-gateway',
      observer: usage,
    },
    replication: {
      master: { url: databases.primary, name: 'primary' },
      replicas: Object.entries(databases.replicas).map(([name, url]) => ({ url, name })),
      readPreference: 'secondary',
      maxLag: lagMsMax,
      // Bytes say nothing of how late a reader sees a thing.
      maxLagBytes: Number.MAX_SAFE_INTEGER,
      checkInterval: LOOK_EVERY_MS,
      checkTimeout: LOOK_MS,
    },
    onEvent: (event) => logEvent(log, event),
  });
}

function logEvent(log: Logger, event: DatabaseEvent): void {
  if (event.type === 'primary-changed') {
    const { from, to, timeline } = event;
    log.warn({ from, to, timeline }, 'primary_changed');
  } else if (event.type === 'node-changed') {
    const { name, role, state, reason, lagSeconds } = event.node;
    const fields = { node: name, role, state, reason, lagSeconds };
    if (state === 'up') log.info(fields, 'node_up');
    else log.warn(fields, 'node_unfit');
  }
}
