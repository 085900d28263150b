import type { PipelineAnswer } from '@tradestream/answers';
import type { Series } from '../sources/scrape.ts';
import { Rates } from './rates.ts';

type Pool = PipelineAnswer['pools'][number];

/** Ten seconds: what happened once is over when a rule has waited longer than they last. */
const READINGS = 5;

/** What each service says of its own database: a service that says nothing of it is left out. */
export class ServicePools {
  readonly #rates = new Rates(READINGS);

  take(service: string, series: readonly Series[], atMs: number): readonly Pool[] {
    const own = Map.groupBy(series, ({ name }) => name);
    const valueOf = (name: string) => own.get(name)?.[0]?.value ?? null;
    const rateOf = (name: string, value = valueOf(name), label = '') =>
      value === null ? null : this.#rates.perSecond(`${service}/${name}/${label}`, value, atMs);
    if (!series.some(({ name }) => name.startsWith('tradestream_pool_'))) return [];
    const errors = (own.get('tradestream_database_errors_total') ?? []).map(({ name, labels, value }) => {
      const type = labels['type'] ?? '';
      return [type, rateOf(name, value, type) ?? 0] as const;
    });
    const failed = errors.reduce((sum, [, rate]) => sum + rate, 0);
    const statements = rateOf('tradestream_database_statements_total');
    const slow = rateOf('tradestream_database_slow_statements_total');
    const waits = rateOf('tradestream_pool_wait_seconds_count') ?? 0;
    const waitSeconds = rateOf('tradestream_pool_wait_seconds_sum') ?? 0;
    return [
      {
        service,
        connections: valueOf('tradestream_pool_connections'),
        inUse: valueOf('tradestream_pool_in_use'),
        waiting: valueOf('tradestream_pool_waiting'),
        waitSecondsMean: waits === 0 ? null : waitSeconds / waits,
        statements,
        errors: Object.fromEntries(errors),
        errorRatio: shareOf(failed, statements),
        slowRatio: shareOf(slow ?? 0, statements),
      },
    ];
  }
}

/** A failure to connect is one without a statement: the share is never above 1. */
function shareOf(part: number, whole: number | null): number | null {
  if (whole === null) return null;
  return part === 0 ? 0 : part / Math.max(part, whole);
}
