import type { PipelineAnswer } from '@tradestream/answers';
import type { Series } from '../sources/scrape.ts';
import { Rates } from './rates.ts';
import { ServicePools } from './service-pools.ts';

type Service = PipelineAnswer['services'][number];
type FromServices = Pick<PipelineAnswer, 'services' | 'batches' | 'pools' | 'pausedPartitions'> & {
  readonly rates: Pick<PipelineAnswer['rates'], 'commands' | 'rejections' | 'retries' | 'errors'>;
};

const COUNTERS = {
  commands: { metric: 'tradestream_commands_total', label: 'outcome' },
  rejections: { metric: 'tradestream_rejections_total', label: 'reason' },
  retries: { metric: 'tradestream_batch_retries_total', label: 'code' },
  errors: { metric: 'tradestream_database_errors_total', label: 'type' },
} as const;
type Counter = keyof typeof COUNTERS;
/** The guide's four types: each is there, at 0 as well, once a service counts its errors. */
const ERROR_TYPES = ['CONNECTION_ERROR', 'QUERY_ERROR', 'TRANSACTION_ERROR', 'REPLICATION_ERROR'] as const;
/** Twenty seconds. */
const READINGS = 9;

/** What the services say of themselves, put together over all of them. */
export class ServiceBook {
  readonly #rates = new Rates(READINGS);
  readonly #means = new Rates(READINGS);
  readonly #pools = new ServicePools();
  #answer: FromServices = {
    services: [],
    batches: { commandsMean: null, secondsMean: null },
    pools: [],
    pausedPartitions: null,
    rates: { commands: {}, rejections: {}, retries: {}, errors: {} },
  };

  get answer(): FromServices {
    return this.#answer;
  }

  take(readings: readonly { readonly service: Service; readonly series: readonly Series[] }[], atMs: number): void {
    const all = readings.flatMap(({ service, series }) => series.map((each) => ({ service: service.name, ...each })));
    const rates: Record<Counter, Record<string, number>> = {
      commands: {},
      rejections: {},
      retries: {},
      // A type without errors is 0 only where somebody counts them.
      errors: all.some(({ name }) => name === COUNTERS.errors.metric)
        ? Object.fromEntries(ERROR_TYPES.map((type) => [type, 0]))
        : {},
    };
    for (const [kind, { metric, label }] of Object.entries(COUNTERS) as [Counter, (typeof COUNTERS)[Counter]][]) {
      for (const { service, labels, value } of all.filter(({ name }) => name === metric)) {
        const key = labels[label] ?? '';
        const rate = this.#rates.perSecond(`${service}/${metric}/${JSON.stringify(labels)}`, value, atMs);
        rates[kind][key] = (rates[kind][key] ?? 0) + (rate ?? 0);
      }
    }
    this.#answer = {
      services: readings.map(({ service }) => service),
      batches: {
        commandsMean: this.#mean(all, 'tradestream_batch_commands', atMs),
        secondsMean: this.#mean(all, 'tradestream_batch_seconds', atMs),
      },
      pools: readings.flatMap(({ service, series }) => this.#pools.take(service.name, series, atMs)),
      rates,
      pausedPartitions: sumOf(all, 'tradestream_worker_paused'),
    };
  }

  /** Mean of a histogram's observations between the last readings, over all services. */
  #mean(all: readonly (Series & { readonly service: string })[], metric: string, atMs: number): number | null {
    const rateOf = (suffix: string) =>
      all
        .filter(({ name }) => name === `${metric}${suffix}`)
        .map(({ service, value }) => this.#means.perSecond(`${service}/${metric}${suffix}`, value, atMs) ?? 0)
        .reduce((sum, rate) => sum + rate, 0);
    const [sum, count] = [rateOf('_sum'), rateOf('_count')];
    return count === 0 ? null : sum / count;
  }
}

/** Null where no service shows the metric. */
function sumOf(all: readonly Series[], metric: string): number | null {
  const values = all.filter(({ name }) => name === metric).map(({ value }) => value);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}
