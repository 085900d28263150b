import type { HistoryAnswer } from '@tradestream/answers';
import { errorOf, type Logger } from '@tradestream/runtime';
import { FIGURES, type Figure, type FigureName } from '../figures/figure.ts';
import { keyOf } from '../figures/figure-gauges.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { Buckets, type Point } from './buckets.ts';

/** Points of each step, and how long they are kept: together they bound the table. */
const STEPS = [
  { seconds: 10, keptSeconds: 3 * 3_600 },
  { seconds: 60, keptSeconds: 24 * 3_600 },
  { seconds: 600, keptSeconds: null },
] as const;
const SERIES_MAX = 1_000;
/** Rows that wait while the database is away: about half an hour of all series. */
const WAITING_MAX = 100_000;
const PRUNE_MS = 600_000;

export type HistoryOptions = {
  readonly link: () => NodeLink | null;
  readonly retentionDays: number;
  readonly log: Logger;
};

type Row = Point & { readonly figure: Figure; readonly step: number };

/** Figures over time, in PostgreSQL. While that is away they wait here, up to a bound. */
export class History {
  readonly #options: HistoryOptions;
  readonly #buckets = STEPS.map(({ seconds }) => ({ seconds, buckets: new Buckets(seconds) }));
  readonly #series = new Map<string, number | null>();
  #waiting: Row[] = [];
  #writing: Promise<void> | null = null;
  #prunedMs = -Infinity;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Takes figures in; writes what is complete. Never throws. */
  take(figures: readonly Figure[], nowMs: number): void {
    for (const each of figures) {
      if (FIGURES[each.name as FigureName]?.kept !== true) continue;
      const key = keyOf(each);
      if (!this.#series.has(key)) {
        if (this.#series.size >= SERIES_MAX) continue;
        this.#series.set(key, null);
      }
      for (const { seconds, buckets } of this.#buckets) {
        const done = buckets.add(key, each.value, nowMs);
        if (done !== null) this.#waiting.push({ ...done, figure: each, step: seconds });
      }
    }
    if (this.#waiting.length > WAITING_MAX) this.#waiting = this.#waiting.slice(-WAITING_MAX);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** @throws {DatabaseError} */
  async read(metric: FigureName, fromMs: number, toMs: number): Promise<HistoryAnswer> {
    const seconds = (toMs - fromMs) / 1_000;
    const age = (Date.now() - fromMs) / 1_000;
    const step = STEPS.find((each) => seconds <= each.seconds * 1_100 && age <= (each.keptSeconds ?? Infinity));
    const stepSeconds = (step ?? STEPS[2]).seconds;
    const rows = await this.#options.link()?.query<{
      labels: Record<string, string>;
      points: [number, number, number][];
    }>({
      text: `SELECT s.labels, jsonb_agg(jsonb_build_array(extract(epoch FROM p.at), p.highest, p.mean) ORDER BY p.at) AS points
             FROM monitor.series AS s JOIN monitor.points AS p ON p.series_id = s.id
             WHERE s.metric = $1 AND p.step = $2 AND p.at >= to_timestamp($3) AND p.at < to_timestamp($4)
             GROUP BY s.id, s.labels ORDER BY s.labels`,
      values: [metric, stepSeconds, fromMs / 1_000, toMs / 1_000],
    });
    return { metric, stepSeconds, series: [...(rows ?? [])] };
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const link = this.#options.link();
    const rows = this.#waiting;
    if (link === null || rows.length === 0) return;
    try {
      await this.#nameSeries(link, rows);
      const ids = rows.map(({ figure }) => this.#series.get(keyOf(figure)) ?? null);
      await link.query({
        text: `INSERT INTO monitor.points (at, series_id, step, highest, mean)
               SELECT to_timestamp(at), id, step, highest, mean
               FROM unnest($1::float8[], $2::int[], $3::int[], $4::float8[], $5::float8[]) AS p (at, id, step, highest, mean)
               WHERE id IS NOT NULL ON CONFLICT DO NOTHING`,
        values: [
          rows.map(({ atSeconds }) => atSeconds),
          ids,
          rows.map(({ step }) => step),
          rows.map(({ highest }) => highest),
          rows.map(({ mean }) => mean),
        ],
      });
      this.#waiting = this.#waiting.slice(rows.length);
      await this.#prune(link);
    } catch (error) {
      this.#options.log.debug({ error: errorOf(error), waiting: this.#waiting.length }, 'history_not_written');
    }
  }

  async #nameSeries(link: NodeLink, rows: readonly Row[]): Promise<void> {
    const unnamed = new Map(
      rows.map(({ figure }) => [keyOf(figure), figure] as const).filter(([key]) => this.#series.get(key) === null),
    );
    if (unnamed.size === 0) return;
    const figures = [...unnamed.values()];
    const named = await link.query<{ id: number; metric: string; labels: Record<string, string> }>({
      text: `INSERT INTO monitor.series (metric, labels) SELECT metric, labels FROM unnest($1::text[], $2::jsonb[]) AS s (metric, labels)
             ON CONFLICT (metric, labels) DO UPDATE SET metric = excluded.metric RETURNING id, metric, labels`,
      values: [figures.map(({ name }) => name), figures.map(({ labels }) => JSON.stringify(labels))],
    });
    for (const { id, metric, labels } of named) this.#series.set(keyOf({ name: metric, labels }), id);
  }

  async #prune(link: NodeLink): Promise<void> {
    if (performance.now() - this.#prunedMs < PRUNE_MS) return;
    for (const { seconds, keptSeconds } of STEPS) {
      await link.query({
        text: `DELETE FROM monitor.points WHERE step = $1 AND at < now() - make_interval(secs => $2)`,
        values: [seconds, keptSeconds ?? this.#options.retentionDays * 86_400],
      });
    }
    // A series that has no point any more makes room for another.
    const gone = await link.query<{ metric: string; labels: Record<string, string> }>({
      text: `DELETE FROM monitor.series AS s WHERE NOT EXISTS (SELECT FROM monitor.points WHERE series_id = s.id)
             RETURNING metric, labels`,
    });
    for (const { metric, labels } of gone) this.#series.delete(keyOf({ name: metric, labels }));
    await link.query({
      text: `DELETE FROM monitor.alerts WHERE ends_at < now() - make_interval(days => $1)`,
      values: [this.#options.retentionDays],
    });
    this.#prunedMs = performance.now();
  }
}
