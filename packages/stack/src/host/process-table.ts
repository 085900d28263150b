import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * What makes a process provably the same one: its id, and when it started in ticks since boot. An
 * id alone is given again to a stranger.
 */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: number };

/** The kernel's boot and the pid namespace in which a pid has its meaning. */
export type ProcessWorld = { readonly bootId: string; readonly pidNamespace: string };

type ProcessRow = ProcessIdentity & { readonly parentPid: number; readonly state: string };

export function readProcessWorld(): ProcessWorld {
  return {
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    pidNamespace: readlinkSync('/proc/self/ns/pid'),
  };
}

/** Null when there is no such process, or nothing but its entry is left (a zombie). */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const row = readRow(pid);
  return row === null || row.state === 'Z' ? null : { pid, startTicks: row.startTicks };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTicks === identity.startTicks;
}

/**
 * The process and all below it. PostgreSQL gives each backend a session of its own, so a signal to
 * a process group does not reach them.
 */
export function processTree(root: ProcessIdentity): readonly ProcessIdentity[] {
  if (!isAlive(root)) return [];
  const rows = readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map((name) => readRow(Number(name)))
    .filter((row) => row !== null && row.state !== 'Z');
  const tree: ProcessIdentity[] = [root];
  for (let index = 0; index < tree.length; index += 1) {
    for (const row of rows) {
      if (row !== null && row.parentPid === tree[index]?.pid) tree.push({ pid: row.pid, startTicks: row.startTicks });
    }
  }
  return tree;
}

/** Signals the process if it is still the same one. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

/** Fields 3 (state), 4 (parent) and 22 (start) of /proc/PID/stat; the name before them may hold spaces and brackets. */
function readRow(pid: number): ProcessRow | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, state: fields[0] ?? '', parentPid: Number(fields[1]), startTicks: Number(fields[19]) };
  } catch {
    return null;
  }
}
