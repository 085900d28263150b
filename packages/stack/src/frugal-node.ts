import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const COMPILED = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.cache', 'compiled');

/** Threads that collect garbage beside the main one compete with it: on two processors four of them hold it up. */
const HELPERS = Math.min(4, availableParallelism());

/**
 * How a service's process is started: small generations, and memory given back promptly. Under load it
 * then holds less than two thirds at the same rate; V8 and glibc by themselves keep several times of what is in
 * use. How much a heap may grow before it is searched is a choice between memory and processor time
 * ([decision 19](../../../docs/decisions/0019-what-the-collector-does-not-look-into.md)). What survives while
 * batches are large V8 would from then on make in the old generation at once, also when it lives for
 * milliseconds: without that guess a backlog is applied 11 to 40 % faster, and the old generation is
 * searched a fifth as often ([decision 16](../../../docs/decisions/0016-what-is-made-old.md)). Where there is no
 * glibc its variables mean nothing. What an earlier process compiled is used again: without the compiler a
 * process holds 30 MB less and starts in half the time.
 */
export const FRUGAL_NODE = {
  flags: [
    '--max-semi-space-size=8',
    '--heap-growing-percent=50',
    '--no-allocation-site-pretenuring',
    `--v8-pool-size=${HELPERS}`,
  ],
  env: {
    MALLOC_ARENA_MAX: '1',
    MALLOC_MMAP_THRESHOLD_: String(128 * 1024),
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? COMPILED,
  },
} as const;
