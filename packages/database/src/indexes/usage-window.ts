import type { IndexReport } from './index-analysis.ts';
import type { CatalogIndex, NodeUsage } from './index-catalog.ts';

/** What was read within the time that is looked at. */
export type UsageWindow = {
  readonly observedMs: number;
  /** Scans of an index by node; null for a node that could not be asked. */
  readonly scans: Readonly<Record<string, ReadonlyMap<string, number> | null>>;
  /** Every node was asked, and has counted for long enough, while the index was there. */
  readonly isEnough: (index: CatalogIndex) => boolean;
};

type Asked = { readonly node: string; readonly usage: NodeUsage | null };

/** Since each node began to count, or since an earlier analysis. */
export function usageOver(
  nodes: readonly Asked[],
  options: {
    readonly since?: { readonly takenAt: Date; readonly indexes: readonly IndexReport[] };
    readonly indexes: readonly CatalogIndex[];
    readonly takenAt: Date;
    readonly enoughMs: number;
  },
): UsageWindow {
  const { since, indexes, takenAt, enoughMs } = options;
  const ages = nodes.map(({ usage }) => (usage === null ? 0 : takenAt.getTime() - usage.since.getTime()));
  const countedMs = Math.max(0, Math.min(...ages));
  const isComplete = nodes.every(({ usage }) => usage !== null);
  if (since === undefined) {
    const scans = Object.fromEntries(nodes.map(({ node, usage }) => [node, usage?.scans ?? null]));
    return { observedMs: countedMs, scans, isEnough: () => isComplete && countedMs >= enoughMs };
  }
  const elapsedMs = isComplete ? takenAt.getTime() - since.takenAt.getTime() : 0;
  const before = new Map(since.indexes.map((report) => [`${report.schema}.${report.name}`, report]));
  const earlier = (index: CatalogIndex) => before.get(`${index.schema}.${index.name}`);
  const scans = nodes.map(({ node, usage }) => {
    const counts = indexes.map(({ oid, ...index }) => {
      const now = usage?.scans.get(oid) ?? 0;
      return [oid, Math.max(0, now - (earlier({ oid, ...index })?.scans[node] ?? 0))] as const;
    });
    return [node, usage === null ? null : new Map(counts)] as const;
  });
  // Figures that begin anew in between, or a node that was not asked then, hide what was used before.
  const isUnbroken = (index: CatalogIndex) =>
    nodes.every(({ node, usage }) => {
      const then = earlier(index)?.scans[node];
      return then !== undefined && (usage?.scans.get(index.oid) ?? 0) >= then;
    });
  return {
    observedMs: elapsedMs,
    scans: Object.fromEntries(scans),
    isEnough: (index) => isComplete && elapsedMs >= enoughMs && isUnbroken(index),
  };
}
