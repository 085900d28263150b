import { describe, expect, test } from 'vitest';
import type { Figure } from '../figures/figure.ts';
import { AlertEngine } from './alert-engine.ts';
import type { Rule } from './rule.ts';

const LAGGING: Rule = {
  name: 'ReplicaLagging',
  severity: 'warning',
  metric: 'tradestream_replication_lag_seconds',
  is: 'above',
  value: 5,
  clear: 2,
  forSeconds: 4,
  keepSeconds: 6,
  summary: 'Node {node} is {value} s behind',
  runbook: 'replica-lagging',
};

const NODE_DOWN: Rule = {
  ...LAGGING,
  name: 'NodeDown',
  metric: 'tradestream_node_up',
  is: 'below',
  value: 1,
  clear: 1,
};

const lag = (node: string, value: number): Figure => ({
  name: 'tradestream_replication_lag_seconds',
  labels: { node },
  value,
});
const namesOf = (alerts: readonly { readonly labels: Readonly<Record<string, string>> }[]) =>
  alerts.map(({ labels }) => labels['node']);

describe('the life of an alert', () => {
  test('it fires once the condition has held for its time, and only once', () => {
    const engine = new AlertEngine({ rules: [LAGGING] });
    expect(engine.evaluate([lag('a', 9)], 0).fired).toEqual([]);
    expect(engine.evaluate([lag('a', 9)], 3_999).fired).toEqual([]);
    const { fired } = engine.evaluate([lag('a', 9.126)], 4_000);
    expect(fired).toMatchObject([
      {
        name: 'ReplicaLagging',
        state: 'firing',
        summary: 'Node a is 9.13 s behind',
        runbook: 'docs/operations/replica-lagging.md',
        startsAt: '1970-01-01T00:00:04.000Z',
        labels: { node: 'a' },
      },
    ]);
    expect(engine.evaluate([lag('a', 10)], 5_000).fired).toEqual([]);
  });

  test('a condition that ends before its time fires nothing', () => {
    const engine = new AlertEngine({ rules: [LAGGING] });
    engine.evaluate([lag('a', 9)], 0);
    engine.evaluate([lag('a', 1)], 2_000);
    expect(engine.evaluate([lag('a', 9)], 4_000).fired).toEqual([]);
  });

  test('time in which nothing was evaluated counts for no condition', () => {
    const engine = new AlertEngine({ rules: [LAGGING], stepMsMax: 1_000 });
    engine.evaluate([lag('a', 9)], 0);
    // The monitor stood still for a minute: the figure is as old.
    expect(engine.evaluate([lag('a', 9)], 60_000).fired).toEqual([]);
    expect(engine.evaluate([lag('a', 9)], 61_000).fired).toEqual([]);
    expect(engine.evaluate([lag('a', 9)], 62_000).fired).toEqual([]);
    expect(engine.evaluate([lag('a', 9)], 63_000).fired).toHaveLength(1);
  });

  test('between the two borders nothing changes, and it resolves when it was gone for its time', () => {
    const engine = new AlertEngine({ rules: [LAGGING] });
    engine.evaluate([lag('a', 9)], 0);
    engine.evaluate([lag('a', 9)], 4_000);
    expect(engine.evaluate([lag('a', 3)], 60_000).resolved).toEqual([]);
    expect(engine.firing).toMatchObject([{ summary: 'Node a is 9 s behind' }]);
    expect(engine.evaluate([lag('a', 1)], 70_000).resolved).toEqual([]);
    expect(engine.evaluate([lag('a', 9)], 74_000)).toEqual({ fired: [], resolved: [] });
    expect(engine.evaluate([lag('a', 1)], 80_000).resolved).toEqual([]);
    const { resolved } = engine.evaluate([lag('a', 1)], 86_000);
    expect(resolved).toMatchObject([{ state: 'resolved', endsAt: '1970-01-01T00:01:26.000Z' }]);
    expect(engine.firing).toEqual([]);
  });

  test('each series has an alert of its own', () => {
    const engine = new AlertEngine({ rules: [{ ...LAGGING, forSeconds: 0 }] });
    expect(namesOf(engine.evaluate([lag('a', 9), lag('b', 1), lag('c', 8)], 0).fired)).toEqual(['a', 'c']);
  });

  test('a series that is gone keeps its alert for a minute', () => {
    const engine = new AlertEngine({ rules: [{ ...LAGGING, forSeconds: 0 }] });
    engine.evaluate([lag('a', 9)], 0);
    expect(engine.evaluate([], 1_000).resolved).toEqual([]);
    expect(engine.evaluate([], 60_999).resolved).toEqual([]);
    expect(namesOf(engine.evaluate([], 61_000).resolved)).toEqual(['a']);
  });

  test('absence is a condition like any other', () => {
    const engine = new AlertEngine({ rules: [{ ...LAGGING, is: 'absent', forSeconds: 2, keepSeconds: 0 }] });
    expect(engine.evaluate([lag('a', 0)], 0).fired).toEqual([]);
    expect(engine.evaluate([], 1_000).fired).toEqual([]);
    expect(engine.evaluate([], 3_000).fired).toHaveLength(1);
    expect(engine.evaluate([lag('a', 0)], 4_000).resolved).toHaveLength(1);
  });

  test('an alert that only repeats another does not fire while that one does, nor until what it did has had time to pass', () => {
    const cause: Rule = { ...NODE_DOWN, forSeconds: 0, keepSeconds: 0 };
    const engine = new AlertEngine({ rules: [cause, { ...LAGGING, forSeconds: 0, inhibitedBy: ['NodeDown'] }] });
    const down: Figure = { name: 'tradestream_node_up', labels: { node: 'a' }, value: 0 };
    expect(engine.evaluate([down], 0).fired.map(({ name }) => name)).toEqual(['NodeDown']);
    expect(engine.evaluate([down, lag('a', 9)], 1_000).fired).toEqual([]);
    expect(engine.evaluate([{ ...down, value: 1 }, lag('a', 9)], 2_000).fired).toEqual([]);
    expect(engine.evaluate([{ ...down, value: 1 }, lag('a', 9)], 11_999).fired).toEqual([]);
    expect(engine.evaluate([{ ...down, value: 1 }, lag('a', 9)], 12_000).fired).toHaveLength(1);
  });

  test('it waits for a cause that may be about to fire, and is told when that was none', () => {
    const engine = new AlertEngine({ rules: [NODE_DOWN, { ...LAGGING, forSeconds: 0, inhibitedBy: ['NodeDown'] }] });
    const up = (value: number): Figure => ({ name: 'tradestream_node_up', labels: { node: 'a' }, value });
    expect(engine.evaluate([up(0), lag('a', 9)], 0).fired).toEqual([]);
    expect(engine.evaluate([up(0), lag('a', 9)], 3_999).fired).toEqual([]);
    expect(engine.evaluate([up(1), lag('a', 9)], 4_000).fired.map(({ name }) => name)).toEqual(['ReplicaLagging']);
  });

  test('an alert of another node inhibits nothing', () => {
    const rules = [
      { ...NODE_DOWN, forSeconds: 0 },
      { ...LAGGING, forSeconds: 0, inhibitedBy: ['NodeDown'] },
    ];
    const engine = new AlertEngine({ rules });
    const down: Figure = { name: 'tradestream_node_up', labels: { node: 'a' }, value: 0 };
    engine.evaluate([down], 0);
    expect(namesOf(engine.evaluate([down, lag('a', 9), lag('b', 9)], 1_000).fired)).toEqual(['b']);
  });

  test('what fired before a new start goes on and is not told again', () => {
    const before = new AlertEngine({ rules: [{ ...LAGGING, forSeconds: 0 }] });
    const { fired } = before.evaluate([lag('a', 9)], 0);
    const after = new AlertEngine({ rules: [{ ...LAGGING, forSeconds: 0 }], firing: fired });
    expect(after.evaluate([lag('a', 9)], 60_000)).toEqual({ fired: [], resolved: [] });
    expect(after.firing).toHaveLength(1);
  });
});
