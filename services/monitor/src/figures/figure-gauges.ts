import type { GaugeMetric, Metrics } from '@tradestream/runtime';
import { FIGURES, type Figure, type FigureName } from './figure.ts';

/** Series of one name on `/metrics`; what goes beyond is left out, so that a cluster of any size can be scraped. */
const SERIES_MAX = 5_000;

/** Shows figures on `/metrics`. A series that is not there any more is removed, not left standing. */
export class FigureGauges {
  readonly #gauges: ReadonlyMap<string, GaugeMetric<string>>;
  #shown = new Map<string, Figure>();

  constructor(metrics: Metrics) {
    this.#gauges = new Map(
      (Object.keys(FIGURES) as FigureName[]).map((name) => [name, metrics.gauge<string>({ name, ...FIGURES[name] })]),
    );
  }

  show(figures: readonly Figure[]): void {
    const counts = new Map<string, number>();
    const shown = new Map<string, Figure>();
    for (const each of figures) {
      const count = (counts.get(each.name) ?? 0) + 1;
      counts.set(each.name, count);
      if (count > SERIES_MAX) continue;
      this.#gauges.get(each.name)?.set(each.value, each.labels);
      shown.set(keyOf(each), each);
    }
    for (const [key, { name, labels }] of this.#shown) {
      if (!shown.has(key)) this.#gauges.get(name)?.remove(labels);
    }
    this.#shown = shown;
  }
}

/** The same for the same name and labels, whatever the order of the labels. */
export function keyOf({ name, labels }: Pick<Figure, 'name' | 'labels'>): string {
  const pairs = Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1));
  return `${name}${JSON.stringify(pairs)}`;
}
