import { payloadHash } from '@tradestream/contracts';
import type { RecordPlace } from '@tradestream/messaging';
import { HttpProblem } from '@tradestream/runtime';
import { atIndex, conflict, waitTimeout } from '../http/problems.ts';
import type { ReceiptWatch, StoredReceipt } from '../receipts/receipt-watch.ts';
import type { CommandItem } from './command-item.ts';
import type { CommandPublisher, IdentifiedCommand } from './command-publisher.ts';

/** How far the answer waits: not at all, for the receipt, or for its events in every projection. */
export type Wait = { readonly until: 'published' | 'applied' | 'projected'; readonly timeoutMs: number };

/** What one item of a request came to. */
export type Answer = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly problem?: HttpProblem;
};

export type Submission = {
  readonly items: readonly CommandItem[];
  readonly wait: Wait;
  readonly traceparent?: string | undefined;
  /** Aborts when the caller is gone: nobody waits any more, what was published stands. */
  readonly signal: AbortSignal;
};

export type SubmitParts = {
  readonly publisher: CommandPublisher;
  readonly receipts: ReceiptWatch;
  readonly topic: string;
};

/**
 * Publishes the commands among the items and answers for each, in their order. The first promise
 * settles when all are acknowledged, each answer when its command came as far as was asked for.
 * @throws {HttpProblem} 503 when nothing of it could be published
 */
export async function submitCommands(parts: SubmitParts, submission: Submission): Promise<readonly Promise<Answer>[]> {
  const { items, traceparent } = submission;
  const commands = items.filter((item) => item.ok);
  const places = await parts.publisher.publish(commands, traceparent);
  const placeOf = new Map(commands.map((command, index) => [command.index, places[index]]));
  return items.map(async (item) => {
    if (!item.ok) return refused(item.problem, { index: item.index });
    const place = placeOf.get(item.index);
    return place === undefined
      ? refused(unplaced(item.commandId))
      : await answerOf(parts, submission, { ...item, place });
  });
}

type Placed = IdentifiedCommand & { readonly index: number; readonly place: RecordPlace };

async function answerOf(parts: SubmitParts, submission: Submission, item: Placed): Promise<Answer> {
  const { commandId, command, index } = item;
  const { wait, signal } = submission;
  const place = { topic: parts.topic, partition: item.place.partition, offset: item.place.offset };
  if (wait.until === 'published') return { status: 202, body: { commandId, ...place } };
  const untilMs = performance.now() + wait.timeoutMs;
  const receipt = await parts.receipts.outcome(commandId, { timeoutMs: wait.timeoutMs, signal });
  if (receipt === null) return refused(waitTimeout(commandId, 'applied', place), { index });
  const hash = payloadHash(command);
  if (!receipt.payloadHashes.some((each) => each.equals(hash))) return refused(conflict(commandId, place), { index });
  if (wait.until === 'projected' && !(await isProjected(parts, receipt, { untilMs, signal }))) {
    return refused(waitTimeout(commandId, 'projected', place), { index });
  }
  return { status: 200, body: receipt.answer };
}

async function isProjected(
  { receipts }: SubmitParts,
  { events }: StoredReceipt,
  limits: { readonly untilMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const timeoutMs = Math.max(1, limits.untilMs - performance.now());
  const seen = await Promise.all(
    events.map((event) => receipts.projected(event, { timeoutMs, signal: limits.signal })),
  );
  return seen.every(Boolean);
}

function refused(problem: HttpProblem, extra: Readonly<Record<string, unknown>> = {}): Answer {
  return { status: problem.status, body: atIndex(problem, extra), problem };
}

function unplaced(commandId: string): HttpProblem {
  return new HttpProblem({ status: 500, code: 'INTERNAL', title: 'no place came back', extra: { commandId } });
}
