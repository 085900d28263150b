export type ReadPreference = 'primary' | 'secondary' | 'nearest';

export type ReadCandidate = {
  readonly name: string;
  readonly isPrimary: boolean;
  /** Reachable, of this cluster, within its lag bound. */
  readonly healthy: boolean;
  /** Statements under way. */
  readonly inFlight: number;
  /** Of a round trip, smoothed, milliseconds. */
  readonly latencyMs: number;
};

/**
 * Where to read, best first; the primary is always the last resort. `secondary` takes the replica with the
 * least in flight, `nearest` the node, the primary too, whose answer is to be expected first. Equals take turns by chance.
 */
export function chooseReaders<Candidate extends ReadCandidate>(
  candidates: readonly Candidate[],
  preference: ReadPreference,
  random: () => number,
): readonly Candidate[] {
  const primary = candidates.find((candidate) => candidate.isPrimary);
  const isNearest = preference === 'nearest';
  const ranked: { readonly candidate: Candidate; readonly cost: number; readonly chance: number }[] = [];
  for (const candidate of candidates) {
    if (preference === 'primary' || !candidate.healthy || (candidate.isPrimary && !isNearest)) continue;
    const { inFlight, latencyMs } = candidate;
    ranked.push({ candidate, cost: isNearest ? latencyMs * (inFlight + 1) : inFlight, chance: random() });
  }
  ranked.sort((one, other) => one.cost - other.cost || one.chance - other.chance);
  const chosen = ranked.map(({ candidate }) => candidate);
  if (primary !== undefined && !chosen.includes(primary)) chosen.push(primary);
  return chosen;
}
