import { execFile } from 'node:child_process';

export type CliEnd = { readonly exitCode: number; readonly out: string; readonly err: string };

/** Runs the command line against a monitor, as whoever has the token. */
export function tradestreamAt(url: string, token: string, args: readonly string[]): Promise<CliEnd> {
  const env = { PATH: process.env['PATH'], TRADESTREAM_MONITOR_URL: url, TRADESTREAM_TOKEN: token };
  return new Promise((resolve) => {
    execFile(process.execPath, ['packages/cli/src/main.ts', ...args], { env }, (error, out, err) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}
