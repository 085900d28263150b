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
export function chooseReaders(
  candidates: readonly ReadCandidate[],
  preference: ReadPreference,
  random: () => number,
): readonly string[] {
  const primary = candidates.filter((candidate) => candidate.isPrimary).map((candidate) => candidate.name);
  if (preference === 'primary') return primary;
  const usable = candidates.filter(
    (candidate) => candidate.healthy && (preference === 'nearest' || !candidate.isPrimary),
  );
  const cost = (candidate: ReadCandidate) =>
    preference === 'nearest' ? candidate.latencyMs * (candidate.inFlight + 1) : candidate.inFlight;
  const ranked = usable
    .map((candidate) => ({ name: candidate.name, cost: cost(candidate), chance: random() }))
    .toSorted((one, other) => one.cost - other.cost || one.chance - other.chance)
    .map((candidate) => candidate.name);
  return [...ranked, ...primary.filter((name) => !ranked.includes(name))];
}
