import type { TradeCommand } from '@tradestream/trading';

/** A command as a record of the commands topic carries it. `commandId` is as the producer wrote it. */
export type CommandMessage = {
  readonly commandId: string | null;
  readonly command: TradeCommand;
};
