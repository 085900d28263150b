import type { HealthAnswer, LagAnswer, ReplicationAnswer } from '@tradestream/answers';
import type { ReadinessPart } from '@tradestream/runtime';

/** The installation in one answer: what is not well, and whether commands are still applied. */
export function healthOf(
  lag: LagAnswer | null,
  { nodes }: ReplicationAnswer,
  sources: readonly ReadinessPart[],
): HealthAnswer {
  const checks = [
    ...sources.map(({ part, ok, detail }) => ({ name: part, ok, detail })),
    ...nodes.map(({ name, healthy, problem }) => ({ name: `node ${name}`, ok: healthy, detail: problem })),
    ...[...(lag?.groups ?? []), ...(lag?.database ?? [])].map(({ group, verdict, totalLag }) => ({
      name: `group ${group}`,
      ok: verdict === 'OK',
      detail: verdict === 'OK' ? '' : `${verdict}, ${totalLag ?? 'unknown'} records behind`,
    })),
  ];
  const isDown = checks.some(({ name, ok }) => !ok && VITAL.has(name));
  return { status: isDown ? 'down' : checks.every(({ ok }) => ok) ? 'ok' : 'degraded', checks };
}

const VITAL: ReadonlySet<string> = new Set(['broker', 'node primary']);
