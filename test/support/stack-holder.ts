import { createLogger } from '@tradestream/runtime';
import { openStack, type PartName } from '@tradestream/stack';

// Holds a stack of the parts named on the command line until it is told to end; says its pids on
// standard output. A test ends it in whatever way it likes.
const parts = process.argv.slice(2) as PartName[]; // checked by the stack
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort(new Error(name)));
const stack = await openStack({
  log: createLogger({ service: 'stack-holder', level: 'warn' }),
  parts,
  signal: interrupted.signal,
});
process.stdout.write(`${JSON.stringify({ pids: stack.pids, logFolder: stack.logFolder })}\n`);
await new Promise<void>((resolve) => {
  const timer = setInterval(() => undefined, 1_000);
  interrupted.signal.addEventListener('abort', () => {
    clearInterval(timer);
    resolve();
  });
});
await stack.close();
