import type { TradeCommand } from '@tradestream/trading';

/** One command of a file, with the place it came from. */
export type InputCommand = {
  /** Line of the file, from 1. */
  readonly line: number;
  /** In lower case; the same in every run over the same file. */
  readonly commandId: string;
  readonly command: TradeCommand;
};

/** A line that is no command: reported, and the rest of the file is sent all the same. */
export type InputProblem = { readonly line: number; readonly field: string; readonly rule: string };

export type InputItem = ({ readonly ok: true } & InputCommand) | ({ readonly ok: false } & InputProblem);

/** One pass over a file. The commands of a phase are sent when all of the phase before have a receipt. */
export type InputPhase = {
  readonly file: string;
  /** Of the file's bytes, in hex. */
  readonly sha256: string;
  readonly name: string;
  /** For the progress bar; a line may hold several commands. */
  readonly commandCount: number;
  readonly items: () => AsyncIterable<InputItem>;
};
