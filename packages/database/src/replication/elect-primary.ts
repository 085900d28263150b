/** What one look at a node told; null where it could not be looked at. */
export type NodeClaim = {
  readonly name: string;
  readonly systemIdentifier: string;
  readonly inRecovery: boolean;
  /** Of a standby that of the log it receives; null when it may not be seen. */
  readonly timeline: number | null;
};

/** What was learnt so far; a newer timeline is never forgotten, also when its primary is gone. */
export type ClusterMemory = {
  readonly systemIdentifier: string | null;
  readonly timeline: number;
  readonly primary: string | null;
};

export type QuarantineReason = 'another cluster' | 'older timeline' | 'second primary';

export type Election = {
  readonly primary: string | null;
  readonly quarantined: ReadonlyMap<string, QuarantineReason>;
  readonly memory: ClusterMemory;
};

export const NOTHING_KNOWN: ClusterMemory = { systemIdentifier: null, timeline: 0, primary: null };

/**
 * Who is primary: of those that say so, the one with the newest timeline that anybody has seen, in the
 * cluster that most nodes are of. Of two with the same timeline the present one stays; where none of them
 * was it, none is: a guess would write to both.
 */
export function electPrimary(claims: readonly NodeClaim[], memory: ClusterMemory): Election {
  const quarantined = new Map<string, QuarantineReason>();
  const systemIdentifier = memory.systemIdentifier ?? mostCommon(claims.map((claim) => claim.systemIdentifier));
  const members = claims.filter((claim) => claim.systemIdentifier === systemIdentifier);
  for (const claim of claims) if (!members.includes(claim)) quarantined.set(claim.name, 'another cluster');
  const timeline = Math.max(memory.timeline, ...members.map((claim) => claim.timeline ?? 0));
  for (const { name, timeline: own } of members) {
    if (own !== null && own < timeline) quarantined.set(name, 'older timeline');
  }
  const claimants = members.filter(({ name, inRecovery }) => !inRecovery && !quarantined.has(name));
  const [first, ...others] = claimants;
  const chosen = others.length === 0 ? first : claimants.find(({ name }) => name === memory.primary);
  for (const claim of claimants) if (claim !== chosen) quarantined.set(claim.name, 'second primary');
  const primary = chosen?.name ?? null;
  return { primary, quarantined, memory: { systemIdentifier, timeline, primary: primary ?? memory.primary } };
}

/** The first of those that appear most. */
function mostCommon(values: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best: string | null = null;
  for (const [value, count] of counts) if (count > (counts.get(best ?? '') ?? 0)) best = value;
  return best;
}
