import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type MetricSpec<Label extends string = never> = {
  /** `tradestream_...`, base unit last, `_total` for a counter. */
  readonly name: string;
  readonly help: string;
  /** Names of bounded sets only; never an id. */
  readonly labels?: readonly Label[];
};

export type Labels<Label extends string> = Readonly<Record<Label, string | number>>;

export interface CounterMetric<Label extends string> {
  add(count: number, labels?: Labels<Label>): void;
}
export interface GaugeMetric<Label extends string> {
  set(value: number, labels?: Labels<Label>): void;
  /** Forgets one series, so that what is gone is absent and not stale. */
  remove(labels: Labels<Label>): void;
}
export interface HistogramMetric<Label extends string> {
  observe(value: number, labels?: Labels<Label>): void;
}

/** One process's metrics. Reading them touches memory alone. */
export interface Metrics {
  counter<Label extends string = never>(spec: MetricSpec<Label>): CounterMetric<Label>;
  gauge<Label extends string = never>(spec: MetricSpec<Label>): GaugeMetric<Label>;
  histogram<Label extends string = never>(
    spec: MetricSpec<Label> & { readonly buckets?: readonly number[] },
  ): HistogramMetric<Label>;
  /** Calls before each reading, for gauges of what is counted elsewhere. From memory alone; must not throw. */
  onCollect(update: () => void): void;
  /** Prometheus text exposition, version 0.0.4. */
  text(): Promise<string>;
}

const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Metrics labelled with the service's name, with those of the Node process. */
export function createMetrics(options: { readonly service: string }): Metrics {
  const registry = new Registry();
  const updates: (() => void)[] = [];
  registry.setDefaultLabels({ service: options.service });
  collectDefaultMetrics({ register: registry, prefix: 'tradestream_' });
  return {
    counter: (spec) => {
      const metric = new Counter({ ...promSpec(spec), registers: [registry] });
      return { add: (count, labels) => metric.inc({ ...labels }, count) };
    },
    gauge: (spec) => {
      const metric = new Gauge({ ...promSpec(spec), registers: [registry] });
      return {
        set: (value, labels) => metric.set({ ...labels }, value),
        remove: (labels) => metric.remove({ ...labels }),
      };
    },
    histogram: (spec) => {
      const metric = new Histogram({
        ...promSpec(spec),
        buckets: [...(spec.buckets ?? SECONDS_BUCKETS)],
        registers: [registry],
      });
      return { observe: (value, labels) => metric.observe({ ...labels }, value) };
    },
    onCollect: (update) => void updates.push(update),
    text: async () => {
      for (const update of updates) update();
      return await registry.metrics();
    },
  };
}

function promSpec(spec: MetricSpec<string>): { name: string; help: string; labelNames: string[] } {
  return { name: spec.name, help: spec.help, labelNames: [...(spec.labels ?? [])] };
}
