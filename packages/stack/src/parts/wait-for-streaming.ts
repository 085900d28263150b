import { sleep } from '@tradestream/runtime';
import { StackError } from '../errors.ts';
import type { NodeName } from '../stack.ts';
import { runSql } from './run-sql.ts';

const STREAMING_MS = 20_000;
const POLL_MS = 50;

/**
 * Resolves when every standby receives WAL from the primary and has its place in the quorum, or
 * outside it.
 * @throws {StackError} STACK_PART_FAILED, naming those that do not
 */
export async function waitForStreaming(options: {
  readonly primaryUrl: string;
  readonly standbys: readonly NodeName[];
  readonly quorumMembers: readonly NodeName[];
  readonly signal?: AbortSignal | undefined;
}): Promise<void> {
  const { primaryUrl, standbys, quorumMembers, signal } = options;
  const deadline = performance.now() + STREAMING_MS;
  const text = "SELECT application_name AS name, sync_state FROM pg_stat_replication WHERE state = 'streaming'";
  for (;;) {
    const rows = await runSql<{ readonly name: string; readonly sync_state: string }>(primaryUrl, text);
    const isInPlace = (name: NodeName) =>
      rows.some((row) => row.name === name && (row.sync_state === 'quorum') === quorumMembers.includes(name));
    const missing = standbys.filter((name) => !isInPlace(name));
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      throw new StackError('STACK_PART_FAILED', { context: { part: missing.join(',') }, detail: 'does not stream' });
    }
    await sleep(POLL_MS, signal);
  }
}
