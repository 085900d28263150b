const ALTERS = [
  /^\s*set\s+(?!local\b|transaction\b|constraints\b)/i,
  /^\s*(?:reset|listen|unlisten|prepare|deallocate|discard|load)\b/i,
  /^\s*create\s+(?:temp|temporary)\b/i,
  /^\s*declare\b[^;]*\bwith\s+hold\b/i,
  /\b(?:set_config|pg_advisory_lock|pg_advisory_lock_shared|pg_try_advisory_lock|pg_try_advisory_lock_shared)\s*\(/i,
] as const;

/** Whether a statement leaves something in its session that the next borrower would meet. */
export function altersSession(text: string): boolean {
  return ALTERS.some((pattern) => pattern.test(text));
}
