import type { Logger } from '@tradestream/runtime';
import { openStack, PART_NAMES, type Stack } from '@tradestream/stack';

/** The default stack, quorum of two synchronous replicas and one asynchronous; or the primary alone. */
export const TOPOLOGIES = ['default', 'alone'] as const;
export type Topology = (typeof TOPOLOGIES)[number];

const ALONE_PARTS = PART_NAMES.filter((part) => !part.startsWith('replica-'));

export async function openTopology(topology: Topology, log: Logger): Promise<Stack> {
  // Always a stack of its own: figures of machines that someone else uses say nothing.
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] };
  return await openStack({ log, mode: 'embedded', env, ...(topology === 'alone' ? { parts: ALONE_PARTS } : {}) });
}
