import type { Readable } from 'node:stream';
import { HttpProblem } from '@tradestream/runtime';
import { tooLarge } from '../http/problems.ts';
import { AnswerWindow } from './answer-window.ts';
import type { CommandItem } from './command-item.ts';
import { type NdjsonLine, ndjsonLines } from './ndjson-lines.ts';
import { LIMITS, readCommandLine } from './read-command-text.ts';
import { type Answer, type SubmitParts, submitCommands, type Wait } from './submit-commands.ts';

/** Commands of a stream that are published and not answered; the stream is read no further meanwhile. */
const OUTSTANDING_MAX = 2_000;
/** Commands of one batch to the broker. */
const GROUP_MAX = 500;

export type StreamSubmission = {
  readonly source: Readable;
  readonly wait: Wait;
  readonly traceparent?: string | undefined;
  readonly signal: AbortSignal;
};

/**
 * Answers a stream of commands line by line, in its order. It is read no faster than its answers
 * are taken. Lines are published in their order: once one could not be, every later one is refused
 * unpublished, so that a caller who begins again there never has a key's commands out of order.
 */
export async function* answerStream(parts: SubmitParts, submission: StreamSubmission): AsyncGenerator<string> {
  const window = new AnswerWindow<Answer>(OUTSTANDING_MAX);
  const reading = readInto(window, parts, submission);
  try {
    for await (const answer of window.answers()) yield `${JSON.stringify(answer.body)}\n`;
  } finally {
    submission.source.destroy();
    await reading;
  }
}

async function readInto(window: AnswerWindow<Answer>, parts: SubmitParts, submission: StreamSubmission): Promise<void> {
  let index = 0;
  let broken: HttpProblem | null = null;
  try {
    const limits = { lineBytesMax: LIMITS.commandBytesMax, groupMax: GROUP_MAX };
    for await (const lines of ndjsonLines(submission.source, limits)) {
      const items = lines.map((line, offset) => itemOf(line, index + offset));
      index += items.length;
      broken =
        broken === null
          ? await publishInto(window, parts, { ...submission, items })
          : refuseInto(window, items, broken);
      if (!(await window.room())) return;
    }
    window.end();
  } catch (error) {
    window.end(error);
  }
}

async function publishInto(
  window: AnswerWindow<Answer>,
  parts: SubmitParts,
  submission: StreamSubmission & { readonly items: readonly CommandItem[] },
): Promise<HttpProblem | null> {
  try {
    for (const answer of await submitCommands(parts, submission)) window.add(answer);
    return null;
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    return refuseInto(window, submission.items, error);
  }
}

/** A line that is no command is told so whatever else is wrong. */
function refuseInto(window: AnswerWindow<Answer>, items: readonly CommandItem[], broken: HttpProblem): HttpProblem {
  for (const item of items) {
    const problem = item.ok ? broken : item.problem;
    const { commandIds: _, ...body } = problem.toJSON();
    const place = item.ok ? { index: item.index, commandId: item.commandId } : { index: item.index };
    window.add(Promise.resolve({ status: problem.status, body: { ...body, ...place }, problem }));
  }
  return broken;
}

function itemOf(line: NdjsonLine, index: number): CommandItem {
  if ('text' in line) return readCommandLine(line.text, index);
  return {
    ok: false,
    index,
    problem: tooLarge('COMMAND_TOO_LARGE', `at most ${LIMITS.commandBytesMax} bytes to a line`),
  };
}
