import { AppError, errorOf } from '@tradestream/runtime';
import { CommanderError } from 'commander';
import { CliFailure, EXIT, type ExitCode } from './output/exit-code.ts';
import { buildProgram } from './program.ts';

const interrupted = new AbortController();
/** A terminal sends Ctrl-C to a whole group, whose members may pass it on: one press may come twice. */
const SAME_PRESS_MS = 500;
let pressedMs = 0;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    const nowMs = performance.now();
    if (interrupted.signal.aborted && nowMs - pressedMs > SAME_PRESS_MS) process.exit(130);
    if (!interrupted.signal.aborted) pressedMs = nowMs;
    interrupted.abort(new Error('interrupted'));
  });
}
// A reader that has seen enough, as `head`, closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed),
);

process.exitCode = await run(process.argv);
// What is left open here is a connection nobody reads any more.
process.exit();

async function run(argv: readonly string[]): Promise<ExitCode | 130> {
  try {
    await buildProgram(interrupted.signal).parseAsync([...argv]);
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (interrupted.signal.aborted) return 130;
    process.stderr.write(`${messageOf(error)}\n`);
    return error instanceof CliFailure ? error.exitCode : EXIT.failed;
  }
}

/** What happened and what to do; the inside of a bug only with its stack, since it is one. */
function messageOf(thrown: unknown): string {
  if (thrown instanceof CliFailure) return `tradestream: ${thrown.message}`;
  if (thrown instanceof AppError) return `tradestream: ${thrown.code}: ${thrown.message}\n  ${thrown.advice}`;
  return `tradestream: ${errorOf(thrown).stack ?? String(thrown)}`;
}
