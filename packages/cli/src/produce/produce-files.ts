import { type GatewayAddress, openSession } from '@tradestream/client';
import type { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { binancePhases } from './binance-phases.ts';
import type { InputPhase } from './input-item.ts';
import { ndjsonPhase } from './ndjson-phase.ts';
import { type ProduceSummary, ProduceTally } from './produce-tally.ts';
import type { PhaseProgress, ProgressFile } from './progress-file.ts';
import { sendPhase } from './send-phase.ts';

export const INPUT_FORMATS = ['ndjson', 'binance-trades'] as const;
export type InputFormat = (typeof INPUT_FORMATS)[number];

export type ProduceOptions = {
  readonly gateway: GatewayAddress;
  /** Wait for the receipts of the last phase too. */
  readonly wait: boolean;
  readonly terminal: Terminal;
  readonly progress: Progress;
  /** Null: nothing is remembered. */
  readonly remember: ProgressFile | null;
  readonly signal?: AbortSignal;
};

/** After this many answers the progress is written down. */
const REMEMBER_EVERY = 1_000;

/** The phases of the files, in order: each file is one, a CSV file of trades is two. */
export async function phasesOf(files: readonly string[], format: InputFormat): Promise<readonly InputPhase[]> {
  const phases: InputPhase[] = [];
  for (const file of files) {
    if (format === 'ndjson') phases.push(await ndjsonPhase(file));
    else phases.push(...(await binancePhases(file)));
  }
  return phases;
}

/** Sends the phases one after the other, each when every command of the one before has a receipt. */
export async function produceFiles(phases: readonly InputPhase[], options: ProduceOptions): Promise<ProduceSummary> {
  const { terminal, progress } = options;
  const tally = new ProduceTally();
  for (const [index, phase] of phases.entries()) {
    const isLast = index === phases.length - 1;
    const wait = options.wait || !isLast;
    const before = await answeredBefore(phase, { ...options, wait });
    const skip = before?.answered ?? 0;
    if (before !== null) {
      tally.addBefore(before.answered, before.failed);
      terminal.note(`${phase.name}: ${skip} commands were answered before`);
    }
    progress.start(phase.name, phase.commandCount);
    progress.add(skip);
    try {
      await produce(phase, { ...options, wait, skip, tally, failedBefore: before?.failed ?? 0 });
    } finally {
      progress.stop();
    }
  }
  return tally.summary();
}

type PhaseOptions = ProduceOptions & {
  readonly skip: number;
  /** Of the skipped ones. */
  readonly failedBefore: number;
  readonly tally: ProduceTally;
};

async function produce(phase: InputPhase, options: PhaseOptions): Promise<void> {
  const { gateway, wait, skip, signal, tally, terminal, progress, remember } = options;
  const failedElsewhere = tally.failed - options.failedBefore;
  let last: PhaseProgress | null = null;
  const write = async () => {
    if (last !== null) await remember?.set(keyOf(phase, wait), last);
  };
  try {
    await sendPhase(phase, {
      gateway,
      wait,
      skip,
      ...(signal === undefined ? {} : { signal }),
      onAnswer: (command, answer, answered) => {
        progress.add(1);
        const trouble = tally.add(command, answer);
        last = { answered, failed: tally.failed - failedElsewhere, lastCommandId: command.commandId };
        if (trouble !== null) terminal.note(`${phase.file}:${command.line} ${trouble}`);
        if (answered % REMEMBER_EVERY === 0) void write();
      },
      onProblem: ({ line, field, rule }) => {
        tally.addBadLine();
        terminal.note(`${phase.file}:${line} ${field} ${rule}`);
      },
      onPause: (error) => terminal.note(`${phase.name}: waiting: ${error.message}`),
    });
  } finally {
    await write();
  }
}

/** Believed only when the gateway knows the last command: another installation begins at the start. */
async function answeredBefore(phase: InputPhase, options: ProduceOptions): Promise<PhaseProgress | null> {
  const known = options.remember?.get(keyOf(phase, options.wait)) ?? null;
  if (known === null) return null;
  const receipt = await openSession(options.gateway).receipt(known.lastCommandId, { waitMs: 2_000 });
  return receipt === null ? null : known;
}

/** Other bytes, or an answer that says less, are another run. */
function keyOf(phase: InputPhase, wait: boolean): string {
  return `${phase.sha256} ${phase.name} ${wait ? 'receipts' : 'places'}`;
}
