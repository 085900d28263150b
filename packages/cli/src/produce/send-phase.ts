import { type GatewayAddress, type StreamedAnswer, streamCommands } from '@tradestream/client';
import { errorOf, sleep } from '@tradestream/runtime';
import { CliFailure } from '../output/exit-code.ts';
import type { InputCommand, InputPhase, InputProblem } from './input-item.ts';

export type SendOptions = {
  readonly gateway: GatewayAddress;
  /** Wait for each command's receipt, and count its outcome. */
  readonly wait: boolean;
  /** Commands of the phase that were answered in an earlier run and are not sent again. */
  readonly skip: number;
  readonly signal?: AbortSignal;
  /** A command was answered for good; `answered` counts the skipped ones too. */
  readonly onAnswer: (command: InputCommand, answer: StreamedAnswer, answered: number) => void;
  readonly onProblem: (problem: InputProblem) => void;
  /** The gateway is away or behind; sending goes on after a pause. */
  readonly onPause: (error: Error) => void;
};

/** Without one answer for this long, sending is given up. */
const PATIENCE_MS = 120_000;
const PAUSE_MS = { first: 250, most: 5_000 } as const;
/** Longest wait for one receipt before it is asked for anew; the command stands meanwhile. */
const RECEIPT_TIMEOUT_MS = 30_000;

/**
 * Sends all commands of a phase and resolves when each has its answer. Where the gateway is away,
 * refuses for now or breaks off, it goes on from the first command without an answer: the ids are
 * the same, so what was published already has no second effect.
 * @throws {CliFailure} when there was no progress within two minutes
 */
export async function sendPhase(phase: InputPhase, options: SendOptions): Promise<void> {
  let answered = options.skip;
  let pauseMs: number = PAUSE_MS.first;
  let progressMs = performance.now();
  let toldLine = 0;
  const onProblem = (problem: InputProblem) => {
    if (problem.line > toldLine) options.onProblem(problem);
    toldLine = Math.max(toldLine, problem.line);
  };
  for (;;) {
    const from = answered;
    const ended = await sendFrom(phase, { ...options, skip: answered, onProblem }, () => {
      answered += 1;
      return answered;
    });
    if (ended === 'done') return;
    if (answered > from) {
      pauseMs = PAUSE_MS.first;
      progressMs = performance.now();
    } else if (performance.now() - progressMs > PATIENCE_MS) {
      throw new CliFailure(`${phase.name}: no command was answered for ${PATIENCE_MS / 1_000} s: ${ended.message}`, {
        cause: ended,
      });
    }
    options.onPause(ended);
    await sleep(pauseMs, options.signal);
    pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2);
  }
}

/** One stream, from the command after the skipped ones until all are answered or it ends early. */
async function sendFrom(phase: InputPhase, options: SendOptions, next: () => number): Promise<'done' | Error> {
  const { gateway, wait, skip, signal, onAnswer, onProblem } = options;
  const sent: InputCommand[] = [];
  const stream = streamCommands(gateway, sending(phase, { skip, sent, onProblem }), {
    ...(wait ? { wait: 'applied', timeoutMs: RECEIPT_TIMEOUT_MS } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    for await (const answer of stream) {
      const command = sent[0];
      if (command === undefined) return new Error('more answers than commands came back');
      if (isForNow(answer)) return new Error(String(answer['title'] ?? answer['code']));
      sent.shift();
      onAnswer(command, answer, next());
    }
    return sent.length === 0 ? 'done' : new Error('fewer answers than commands came back');
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return errorOf(error);
  }
}

/** The commands after the skipped ones; what is on its way is kept, in order, until it is answered. */
async function* sending(
  phase: InputPhase,
  about: { readonly skip: number; readonly sent: InputCommand[]; readonly onProblem: (problem: InputProblem) => void },
): AsyncGenerator<InputCommand> {
  let position = 0;
  for await (const item of phase.items()) {
    if (!item.ok) {
      about.onProblem(item);
      continue;
    }
    position += 1;
    if (position <= about.skip) continue;
    about.sent.push(item);
    yield item;
  }
}

/** Refused for now, or published and without its receipt yet: asked again under the same id. */
function isForNow(answer: StreamedAnswer): boolean {
  return answer['status'] === 503 || answer['status'] === 504;
}
