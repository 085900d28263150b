import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FIGURES, type FigureName } from '../figures/figure.ts';
import { grafanaDashboard } from './grafana-dashboard.ts';
import { RULES } from './rules.ts';

type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
};

const SHIPPED = 'docs/monitoring/grafana-dashboard.json';
const dashboard = JSON.parse(readFileSync(SHIPPED, 'utf8')) as { readonly panels: readonly Panel[] }; // Grafana's model
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = panels.flatMap((panel) => panel.targets ?? []);
/** Words of PromQL that are no metric. */
const FUNCTIONS = new Set(['sum', 'max', 'count', 'vector', 'or', 'by', 'topic']);
const metricsOf = (expr: string) =>
  [...expr.matchAll(/[a-z_]+/g)].map(([word]) => word).filter((word) => !FUNCTIONS.has(word));

describe('the shipped Grafana dashboard', () => {
  test('is this one', () => {
    expect(dashboard).toEqual(grafanaDashboard());
  });

  test('asks only for metrics that are exported, and names only labels that they have', () => {
    for (const { expr, legendFormat } of targets) {
      const metrics = metricsOf(expr);
      expect(metrics.length, expr).toBeGreaterThan(0);
      for (const metric of metrics) {
        expect(Object.keys(FIGURES), expr).toContain(metric);
        const labels: readonly string[] = FIGURES[metric as FigureName].labels; // one of them, as was just seen
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(labels, expr).toContain(label);
      }
    }
  });

  test('shows whatever a rule judges, or what it is made from', () => {
    const shown = new Set(targets.flatMap(({ expr }) => metricsOf(expr)));
    const unseen = new Set(RULES.map(({ metric }) => metric).filter((metric) => !shown.has(metric)));
    expect([...unseen].toSorted()).toEqual([]);
  });

  test('has panels that do not lie on one another, each with an id, a data source and queries of its own', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)}/${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x >= 0 && x + w <= 24)).toBe(true);
    for (const panel of panels) {
      expect(panel.datasource?.uid).toBe('${datasource}');
      const refIds = (panel.targets ?? []).map(({ refId }) => refId);
      expect(refIds.length, panel.title).toBeGreaterThan(0);
      expect(new Set(refIds).size, panel.title).toBe(refIds.length);
    }
  });
});
