import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FIGURES } from '../figures/figure.ts';
import { AlertEngine } from './alert-engine.ts';
import { prometheusRules } from './prometheus-rules.ts';
import type { Rule } from './rule.ts';
import { RULES } from './rules.ts';

describe('the rules', () => {
  test('each has a name of its own and a page that says what to do and names it', () => {
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
    for (const { name, runbook } of RULES) {
      const page = `docs/operations/${runbook}.md`;
      expect(existsSync(page), page).toBe(true);
      expect(readFileSync(page, 'utf8'), page).toContain(name);
    }
  });

  test('each reads a figure by labels that the figure has', () => {
    for (const { name, metric, where = {}, summary } of RULES) {
      const labels: readonly string[] = FIGURES[metric].labels;
      const named = [...summary.matchAll(/\{(\w+)\}/g)]
        .map(([, label = '']) => label)
        .filter((each) => each !== 'value' && each !== 'percent');
      for (const label of [...Object.keys(where), ...named]) expect(labels, `${name} ${label}`).toContain(label);
    }
  });

  test('what clears a rule lies on its quiet side', () => {
    const isWrong = ({ is, value, clear = value }: Rule) =>
      (is === 'above' && clear > value) || (is === 'below' && clear < value);
    expect(RULES.filter(isWrong).map(({ name }) => name)).toEqual([]);
  });

  test('one is inhibited by rules that there are', () => {
    const names = RULES.map(({ name }) => name);
    for (const { inhibitedBy = [] } of RULES) for (const cause of inhibitedBy) expect(names).toContain(cause);
  });

  test('events that cannot leave are told after six hours, with what stands against it, and not for one that comes round late', () => {
    const engine = new AlertEngine({ rules: RULES.filter(({ name }) => name === 'RetentionBlocked') });
    const blocked = (value: number) => [
      { name: 'tradestream_retention_blocked_seconds', labels: { by: 'kept version of a projection' }, value },
    ];
    expect(engine.evaluate([], 0).fired).toEqual([]);
    expect(engine.evaluate(blocked(30_000), 0).fired).toEqual([]);
    expect(engine.evaluate([], 600_000).fired).toEqual([]);
    expect(engine.evaluate(blocked(21_000), 3_600_000).fired).toEqual([]);
    expect(engine.evaluate(blocked(22_000), 4_600_000).fired).toEqual([]);
    expect(engine.evaluate(blocked(22_900), 5_500_000).fired).toMatchObject([
      { name: 'RetentionBlocked', summary: expect.stringContaining('22900 s: kept version of a projection') },
    ]);
    expect(engine.evaluate(blocked(20_000), 5_600_000).resolved).toEqual([]);
    engine.evaluate([], 6_000_000);
    expect(engine.evaluate([], 6_100_000).resolved).toHaveLength(1);
  });

  test('the shipped Prometheus rules are these', () => {
    expect(readFileSync('docs/monitoring/prometheus-rules.yml', 'utf8')).toBe(prometheusRules(RULES));
  });
});
