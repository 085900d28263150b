import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DatabaseErrorHandler } from './error-handler.ts';
import { HealthChecker } from './health/health-checker.ts';
import { DatabaseMetrics } from './metrics/database-metrics.ts';
import { resolvePool } from './pool/pool-config.ts';
import { resolveReplication } from './replication/replication-config.ts';
import { resolveTransaction } from './transaction/transaction-config.ts';

/** What resolves a section's settings, and the types that declare them. */
const SECTIONS = {
  Pool: {
    declared: { 'pool/pool-config.ts': ['PoolOptions', 'ConnectionPoolConfig', 'PoolConfig'] },
    resolve: resolvePool,
  },
  Replication: {
    declared: {
      'replication/replication-config.ts': ['ReplicationOptions', 'ReplicationConfig'],
      'manager/manager-config.ts': ['ReplicationSettings'],
    },
    resolve: (given: object) => resolveReplication(given, true),
  },
  Transactions: {
    declared: { 'transaction/transaction-config.ts': ['TransactionConfig', 'RetryPolicy'] },
    resolve: (given: object) => resolveTransaction(given),
  },
  'Long running transactions': {
    declared: { 'transaction/long-running.ts': ['LongRunningPolicy'] },
    resolve: null,
  },
  Metrics: {
    declared: { 'metrics/database-metrics.ts': ['DatabaseMetricsConfig', 'AlertThresholds'] },
    resolve: (given: object) => void new DatabaseMetrics(given).close(),
  },
  Health: {
    declared: { 'health/health-checker.ts': ['HealthCheckerConfig'] },
    resolve: (given: object) => void new HealthChecker(given).close(),
  },
  Errors: {
    declared: { 'error-handler.ts': ['DatabaseErrorHandlerConfig'] },
    resolve: (given: object) => void new DatabaseErrorHandler(given),
  },
} as const;

const PAGE = readFileSync(new URL('../../../docs/toolkit/settings.md', import.meta.url), 'utf8');
/** Any number does: below 0 they are as 0. */
const UNCHECKED: ReadonlySet<string> = new Set(
  ['retryPolicy.budget', 'settleTimeout'].concat(
    ['connectionUsage', 'queryLatency', 'errorRate', 'replicationLag'].map((name) => `alertThresholds.${name}`),
  ),
);
const NUMBER = /^\d{1,3}( \d{3})*$/;

type Row = { readonly names: readonly string[]; readonly minimum: string; readonly fallback: string };

function rowsOf(section: string): readonly Row[] {
  const [, text = ''] = PAGE.split(`\n## ${section}\n`);
  const [part = ''] = text.split('\n## ');
  return part
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, names = '', , minimum = '', , fallback = ''] = line.split('|').map((cell) => cell.trim());
      return { names: [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name), minimum, fallback };
    });
}

/** Names of the fields of a type, as its source has them, those of an object inside it after a dot. */
function fieldsOf(file: string, type: string): readonly string[] {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8');
  const [, body = ''] = new RegExp(`(?:type|interface) ${type}\\b[^{;]*\\{([^]*?)\\n\\}`).exec(source) ?? [];
  const fields: string[] = [];
  let outer = '';
  for (const line of body.split('\n')) {
    const [, indent = '', name = '', rest = ''] = /^( +)(?:readonly )?(\w+)\??: (.*)$/.exec(line) ?? [];
    if (name === '') continue;
    if (indent.length === 2) outer = rest === '{' ? `${name}.` : '';
    if (indent.length === 2 && rest === '{') continue;
    fields.push(indent.length === 2 ? name : outer + name);
  }
  return fields;
}

/** Fields that are objects with fields of their own stand under their own names. */
const INNER: Readonly<Record<string, string>> = { RetryPolicy: 'retryPolicy.', AlertThresholds: 'alertThresholds.' };
const OUTER = new Set(['retryPolicy', 'alertThresholds', 'healthCheck']);

test.each(Object.entries(SECTIONS))(
  '%s: the page names every setting that the code has, and no other',
  (section, { declared }) => {
    const inCode = Object.entries(declared).flatMap(([file, types]) =>
      types.flatMap((type: string) => fieldsOf(file, type).map((field) => `${INNER[type] ?? ''}${field}`)),
    );
    const onPage = rowsOf(section).flatMap(({ names }) => names);
    expect(inCode.length).toBeGreaterThan(0);
    expect(new Set(onPage)).toEqual(new Set(inCode.filter((name) => !OUTER.has(name))));
  },
);

const nested = (name: string, value: unknown): object => {
  const [outer = '', inner] = name.split('.');
  return { [outer]: inner === undefined ? value : { [inner]: value } };
};
const numberOf = (text: string) => Number(text.replaceAll(' ', ''));
const resolved = (section: keyof typeof SECTIONS, given: object) => SECTIONS[section].resolve?.(given);

const defaults = (['Pool', 'Replication', 'Transactions'] as const).flatMap((section) =>
  rowsOf(section).flatMap(({ names: [name = ''], fallback }) =>
    NUMBER.test(fallback) || ['true', 'false'].includes(fallback) ? [[section, name, fallback] as const] : [],
  ),
);

test.each(defaults.filter(([, name]) => name !== 'enabled'))(
  '%s: %s is %s unless it is given',
  (section, name, text) => {
    const [outer = '', inner = ''] = name.split('.');
    const settings = resolved(section, {}) as unknown as Record<string, Record<string, unknown>>;
    const value = inner === '' ? settings[outer] : settings[outer]?.[inner];
    expect(value).toBe(NUMBER.test(text) ? numberOf(text) : text === 'true');
  },
);

const minimums = (['Pool', 'Replication', 'Transactions', 'Metrics', 'Health'] as const).flatMap((section) =>
  rowsOf(section).flatMap(({ names: [name = ''], minimum }) =>
    NUMBER.test(minimum) && !UNCHECKED.has(name) ? [[section, name, numberOf(minimum)] as const] : [],
  ),
);

test.each(minimums)('%s: %s may be %i and not less', (section, name, minimum) => {
  const around = name === 'maxSize' ? { minSize: 0 } : {};
  resolved(section, { ...around, ...nested(name, minimum) });
  expect(() => resolved(section, { ...around, ...nested(name, minimum - 1) })).toThrow(
    expect.objectContaining({
      code: 'DB_CONFIG_INVALID',
      message: expect.stringContaining(name.split('.').at(-1) ?? ''),
    }),
  );
});
