import { openAbortableSession, type Session } from '@tradestream/database';

/**
 * For one request at a time: statements may take as long as an index, sorts have room, and what is
 * written need not be waited for at standbys, since it is made of events that are.
 */
const SETTINGS = {
  synchronous_commit: 'local',
  plan_cache_mode: 'force_generic_plan',
  lock_timeout: '10s',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '120s',
  work_mem: '64MB',
  maintenance_work_mem: '128MB',
  temp_buffers: '64MB',
  jit: 'off',
} as const;
const CONNECT_TIMEOUT_MS = 5_000;

/** Ends with the signal, whatever it waits for. @throws {DatabaseError} what the server or the network answered */
export async function openWorkSession(url: string, signal: AbortSignal): Promise<Session> {
  return await openAbortableSession({
    url,
    applicationName: 'tradestream-rebuild',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    settings: SETTINGS,
    signal,
  });
}
