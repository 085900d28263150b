import type { GatewayAddress } from '@tradestream/client';
import type { Terminal } from './output/terminal.ts';

/** What every command works with. */
export type CliContext = {
  readonly terminal: Terminal;
  /** Aborts on the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** The folder of what a checkout remembers: `.tradestream`. */
  readonly stateFolder: string;
  /** @throws {CliFailure} when neither the environment nor a running installation names one */
  readonly gateway: () => Promise<GatewayAddress>;
  /** The same of the monitor. */
  readonly monitor: () => Promise<GatewayAddress>;
};
