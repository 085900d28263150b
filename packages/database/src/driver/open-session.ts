import { errorOf, RuntimeError, waitFor } from '@tradestream/runtime';
import { Client, DatabaseError as ServerError } from 'pg';
import { DatabaseError } from '../errors.ts';
import type { PoolSession, Session } from '../session.ts';
import { bindInPlace } from './bind-in-place.ts';
import { clientConfig, type SessionOptions } from './client-config.ts';
import { PipelinedSession } from './pipelined-session.ts';
import { translate } from './translate.ts';

export type { SessionOptions };

/**
 * How often a server at work looks whether its client is still there. A request to cancel can be lost: it overtakes
 * the statement that it means, ends the first of several, or is never sent by a process that was killed.
 */
const CLIENT_CHECK = { client_connection_check_interval: '1s' } as const;
const GREETING = `SELECT pg_backend_pid() AS pid, current_setting('synchronous_commit') AS durable`;

/**
 * Opens a connection of its own. Within `connectTimeoutMs` it is there or an error is thrown, whatever
 * the network does, and of an attempt that failed nothing is left on the server.
 * @throws {DatabaseError} DB_CONNECTION_FAILED, DB_NOT_DURABLE, or the server's refusal; {RuntimeError} RT_ABORTED
 */
export async function openSession(options: SessionOptions): Promise<PoolSession> {
  const { connectTimeoutMs, signal, onFailure } = options;
  const client = new Client(clientConfig(options));
  bindInPlace(client.connection);
  const session = new PipelinedSession(client);
  const deadline = performance.now() + connectTimeoutMs;
  try {
    await waitFor(client.connect(), { timeoutMs: connectTimeoutMs, signal, stage: 'connect to the database' });
    const { rows } = await waitFor(session.query<{ pid: number; durable: string }>({ text: GREETING }), {
      timeoutMs: Math.max(1, deadline - performance.now()),
      signal,
      stage: 'greet the database',
    });
    session.backendPid = rows[0]?.pid ?? 0;
    if (options.requireDurable === true && ['off', 'local'].includes(rows[0]?.durable ?? '')) {
      throw new DatabaseError('DB_NOT_DURABLE', { context: { synchronous_commit: rows[0]?.durable } });
    }
    session.reportTo(options);
    return session;
  } catch (error) {
    // Closing politely could wait: whoever opens has a deadline.
    session.destroy(new Error('the session could not be opened'));
    if (signal?.aborted === true) {
      throw new RuntimeError('RT_ABORTED', { cause: signal.reason, context: { stage: 'connect to the database' } });
    }
    const failure = failureOf(error);
    onFailure?.(failure);
    throw failure;
  }
}

/**
 * A connection for work that may wait long for one answer: the signal also ends it when it is open, and has the
 * server give up the statement that it runs: at once, or within seconds where the request to cancel is lost. The server
 * must be one that can look for its client (PostgreSQL 14 on Linux or macOS).
 * @throws as `openSession`; statements that are cut off: {DatabaseError} DB_CONNECTION_LOST, DB_COMMIT_UNKNOWN
 */
export async function openAbortableSession(
  options: SessionOptions & { readonly signal: AbortSignal },
): Promise<Session> {
  const { signal } = options;
  const session = await openSession({ ...options, settings: { ...CLIENT_CHECK, ...options.settings } });
  const cutOff = () => session.destroy(errorOf(signal.reason));
  if (signal.aborted) cutOff();
  signal.addEventListener('abort', cutOff, { once: true });
  session.closed.addEventListener('abort', () => signal.removeEventListener('abort', cutOff), { once: true });
  return session;
}

function failureOf(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const refusal = error instanceof ServerError ? translate(error, false) : null;
  if (refusal instanceof DatabaseError) return refusal;
  const detail = error instanceof RuntimeError ? error.message : undefined;
  return new DatabaseError('DB_CONNECTION_FAILED', { cause: error, ...(detail === undefined ? {} : { detail }) });
}
