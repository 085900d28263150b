import type { Observed } from './observed.ts';

/** The managers of this process that are open: what metrics and health checks without a source look at. */
const managers = new Set<Observed>();

export function openManagers(): readonly Observed[] {
  return [...managers];
}

export function noteOpened(manager: Observed): void {
  managers.add(manager);
}

export function noteClosed(manager: Observed): void {
  managers.delete(manager);
}
