import { createLogger } from '@tradestream/runtime';
import { expect, test } from 'vitest';
import type { Figure } from '../figures/figure.ts';
import type { Alert } from './alert.ts';
import { AlertBook } from './alert-book.ts';
import type { StoredAlert } from './alert-store.ts';
import type { Rule } from './rule.ts';

const DOWN: Rule = {
  name: 'ReplicaDown',
  severity: 'warning',
  metric: 'tradestream_node_up',
  is: 'below',
  value: 1,
  forSeconds: 0,
  keepSeconds: 0,
  summary: 'Node {node} does not answer',
  runbook: 'replica-down',
};
const log = createLogger({ service: 'alert-book', level: 'silent' });

/** One process of the monitor: who was told what, and what it left in the database. */
class Process {
  readonly told: Readonly<Record<'a' | 'b', string[]>> = { a: [], b: [] };
  readonly #taken: Readonly<Record<'a' | 'b', (readonly Alert[])[]>> = { a: [], b: [] };
  readonly #stored: Map<string, StoredAlert>;
  readonly book: AlertBook;

  constructor(before: Process | null = null) {
    this.#stored = new Map(before?.stored.map((each) => [keyOf(each), each]));
    this.book = new AlertBook({
      rules: [DOWN],
      store: { save: (each) => void this.#stored.set(keyOf(each), each) },
      receivers: (['a', 'b'] as const).map((name) => ({
        name,
        notify: (alerts) => {
          this.told[name].push(...alerts.map(({ labels, state }) => `${labels['node']} ${state}`));
          this.#taken[name].push(alerts);
        },
      })),
      log,
    });
    if (before !== null) this.book.restore(before.stored);
  }

  get stored(): readonly StoredAlert[] {
    return [...this.#stored.values()];
  }

  nodes(up: Readonly<Record<string, number>>, nowMs: number): void {
    const figures = Object.entries(up).map(
      ([node, value]): Figure => ({ name: 'tradestream_node_up', labels: { node }, value }),
    );
    this.book.evaluate(figures, nowMs);
  }

  /** The receiver answers to the first so many that it was told so far. */
  takes(receiver: 'a' | 'b', count = Number.POSITIVE_INFINITY): void {
    for (const alerts of this.#taken[receiver].splice(0, count)) this.book.delivered(receiver, alerts);
  }
}

const keyOf = ({ alert }: StoredAlert) => `${alert.fingerprint}/${alert.startsAt}`;

test('a receiver that was away hears after a new start what it missed, and the other nothing again', () => {
  const first = new Process();
  first.nodes({ x: 0, y: 0 }, 0);
  first.takes('a');
  first.nodes({ x: 1, y: 0 }, 1_000);
  first.takes('a');
  expect(first.told.a).toEqual(['x firing', 'y firing', 'x resolved']);
  const second = new Process(first);
  expect(second.told).toEqual({ a: [], b: ['x firing', 'y firing', 'x resolved'] });
  second.takes('b');
  second.nodes({ x: 1, y: 1 }, 2_000);
  expect(second.told).toEqual({ a: ['y resolved'], b: ['x firing', 'y firing', 'x resolved', 'y resolved'] });
  second.takes('a');
  second.takes('b');
  expect(new Process(second).told).toEqual({ a: [], b: [] });
});

test('that it fired is taken after it has ended: it stays ended', () => {
  const first = new Process();
  first.nodes({ x: 0 }, 0);
  first.nodes({ x: 1 }, 1_000);
  first.takes('a', 1);
  expect(first.stored).toMatchObject([
    { alert: { state: 'resolved' }, due: ['a', 'b'], toldFiring: ['a'], toldResolved: [] },
  ]);
});

test('a silenced alert is told to nobody, not even by the next process, until its silence ends', () => {
  const silence = { id: '1', matchers: { node: 'x' }, until: new Date(10_000).toISOString() };
  const made = { createdAt: new Date(0).toISOString(), createdBy: 'test', why: 'test' };
  const first = new Process();
  first.book.silences = [{ ...silence, ...made }];
  first.nodes({ x: 0, z: 0 }, 0);
  expect(first.told.a).toEqual(['z firing']);
  const second = new Process(first);
  second.book.silences = first.book.silences;
  second.takes('a');
  second.nodes({ x: 0, z: 0 }, 9_000);
  expect(second.told).toEqual({ a: ['z firing'], b: ['z firing'] });
  second.nodes({ x: 0, z: 0 }, 10_001);
  expect(second.told.a).toEqual(['z firing', 'x firing']);
});

test('how many alerts of each rule fire is a figure, 0 as well', () => {
  const { book } = new Process();
  const expected = (value: number) => [
    { name: 'tradestream_alerts_firing', labels: { name: 'ReplicaDown', severity: 'warning' }, value },
  ];
  expect(book.figures()).toEqual(expected(0));
  book.evaluate([{ name: 'tradestream_node_up', labels: { node: 'x' }, value: 0 }], 0);
  expect(book.figures()).toEqual(expected(1));
});
