import { readFileSync, writeFileSync } from 'node:fs';

/** Figures of named processes, as the kernel counts them; those of PostgreSQL with their children. */
export type ProcessIds = Readonly<Record<string, number>>;
export type ProcessNumbers = Readonly<Record<string, number>>;

/** Kernel ticks are hundredths of a second on every Linux that Node runs on. */
const TICK_MICROS = 10_000;
/** Fields of /proc/PID/stat behind the name, which may hold blanks: utime, stime, cutime, cstime. */
const TIMES = { first: 11, afterLast: 15 } as const;

/** Processor time used so far, microseconds; children that have ended are counted with their parent. */
export function cpuMicros(processes: ProcessIds): ProcessNumbers {
  return mapValues(processes, (pid) => withChildren(pid).reduce((sum, each) => sum + ticksOf(each), 0) * TICK_MICROS);
}

/** Forgets the highest resident size so far, so that the next reading is of what comes. */
export function resetRssMax(processes: ProcessIds): void {
  for (const pid of Object.values(processes)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // Without the right to reset it, the highest size is that since the process began.
    }
  }
}

/** Highest resident size of the process itself, bytes. */
export function rssBytesMax(processes: ProcessIds): ProcessNumbers {
  return mapValues(processes, (pid) => {
    const found = /VmHWM:\s+(\d+) kB/.exec(readOrEmpty(`/proc/${pid}/status`))?.[1];
    return Number(found ?? 0) * 1024;
  });
}

/** Resident size of a process now, bytes. */
export function rssBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** Each figure's growth per command. */
export function perCommand(before: ProcessNumbers, after: ProcessNumbers, commandCount: number): ProcessNumbers {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, round1((value - (before[name] ?? 0)) / commandCount)]),
  );
}

function ticksOf(pid: number): number {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(TIMES.first, TIMES.afterLast).reduce((sum, field) => sum + Number(field), 0);
}

function withChildren(pid: number): readonly number[] {
  const children = readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(withChildren)];
}

function mapValues(processes: ProcessIds, figure: (pid: number) => number): ProcessNumbers {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, figure(pid)]));
}

/** A process may end between two looks at it. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
