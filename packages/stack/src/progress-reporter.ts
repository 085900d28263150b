import type { Writable } from 'node:stream';
import { Presets, SingleBar } from 'cli-progress';
import type { StackProgress } from './stack.ts';

export type ProgressReporter = {
  readonly onProgress: (progress: StackProgress) => void;
  /** Leaves the terminal as it should be, whatever came last. */
  readonly stop: () => void;
};

const PERCENT_PER_LINE = 20;

/**
 * Tells a person what the stack waits for: a bar on a terminal while parts are fetched, plain lines
 * elsewhere; nothing when nothing is fetched but a line for each part that is ready.
 */
export function createProgressReporter(stream: Writable & { readonly isTTY?: boolean }): ProgressReporter {
  return stream.isTTY === true ? createBar(stream) : createLines(stream);
}

function createBar(stream: Writable): ProgressReporter {
  const format = 'fetching Kafka, registry, PostgreSQL, Redis (once) [{bar}] {percentage} %';
  const bar = new SingleBar({ stream, format, hideCursor: true }, Presets.shades_classic);
  const waiting = new Set<string>();
  let fetching = false;
  return {
    onProgress: ({ part, state, fraction }) => {
      if (part === 'artifacts') {
        if (state === 'fetching' && !fetching) bar.start(100, 0);
        fetching ||= state === 'fetching';
        if (fetching) bar.update(Math.round((fraction ?? 0) * 100));
        if (fetching && state === 'ready') bar.stop();
        fetching &&= state !== 'ready';
        return;
      }
      if (state === 'starting') waiting.add(part);
      else waiting.delete(part);
      stream.write(`\r\u001b[Kstarting ${[...waiting].join(', ')}${waiting.size === 0 ? '\r\u001b[K' : ''}`);
    },
    stop: () => {
      if (fetching) bar.stop();
      stream.write('\r\u001b[K');
    },
  };
}

function createLines(stream: Writable): ProgressReporter {
  let toldPercent = -1;
  return {
    onProgress: ({ part, state, fraction }) => {
      if (part !== 'artifacts') {
        if (state === 'ready') stream.write(`${part} is ready\n`);
        return;
      }
      const percent = Math.floor(((fraction ?? 0) * 100) / PERCENT_PER_LINE) * PERCENT_PER_LINE;
      if (state !== 'fetching' || percent <= toldPercent) return;
      toldPercent = percent;
      stream.write(`fetching the parts of the stack (once): ${percent} %\n`);
    },
    stop: () => undefined,
  };
}
