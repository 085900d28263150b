import type { Ask } from '../ask.ts';

const BATCH_RECEIPTS = 5_000;

/**
 * Forgets archived receipts of commands whose records are older than `beforeMs`. From then on such a
 * command, published again, is applied again: the one thing that this service otherwise never does.
 * An audit row says who did so and why.
 * @returns how many were forgotten @throws {DatabaseError}
 */
export async function forgetReceipts(options: {
  readonly ask: Ask;
  readonly topic: string;
  readonly beforeMs: number;
  readonly actor: string;
  readonly why: string;
  readonly signal: AbortSignal;
  readonly onForgotten: (count: number) => Promise<void>;
}): Promise<number> {
  const { ask, topic, beforeMs, actor, why, signal, onForgotten } = options;
  let forgotten = 0;
  for (;;) {
    signal.throwIfAborted();
    const [step] = await ask<{ count: number }>({
      text: 'SELECT ledger.forget_receipts($1, $2, $3, $4, $5)::float8 AS count',
      values: [topic, new Date(beforeMs), BATCH_RECEIPTS, actor, why],
    });
    const count = step?.count ?? 0;
    forgotten += count;
    await onForgotten(forgotten);
    if (count < BATCH_RECEIPTS) return forgotten;
  }
}

/**
 * Forgets the archived receipts of these commands, with the same consequence, in one statement with its
 * audit row. One whose receipt is not in the archive is left as it is: its record is still on the log.
 * @returns how many were forgotten @throws {DatabaseError}
 */
export async function forgetCommands(options: {
  readonly ask: Ask;
  readonly commandIds: readonly string[];
  readonly actor: string;
  readonly why: string;
}): Promise<number> {
  const { ask, commandIds, actor, why } = options;
  const [step] = await ask<{ count: number }>({
    text: 'SELECT ledger.forget_commands($1, $2, $3)::float8 AS count',
    values: [commandIds, actor, why],
  });
  return step?.count ?? 0;
}
