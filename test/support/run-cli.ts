import { execFile } from 'node:child_process';
import { FRUGAL_NODE } from '@tradestream/stack';

export type CliRun = { readonly exitCode: number; readonly out: string; readonly err: string };

/** Runs `tradestream` as a process of its own against a monitor; resolves when it has ended. */
export function runCli(
  monitor: { readonly url: string; readonly token?: string },
  args: readonly string[],
): Promise<CliRun> {
  const env = {
    PATH: process.env['PATH'],
    ...FRUGAL_NODE.env,
    TRADESTREAM_MONITOR_URL: monitor.url,
    ...(monitor.token === undefined ? {} : { TRADESTREAM_TOKEN: monitor.token }),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ['packages/cli/src/main.ts', ...args], { env }, (error, out, err) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}
