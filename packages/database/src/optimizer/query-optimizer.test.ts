import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../errors.ts';
import { QueryOptimizer } from './query-optimizer.ts';

const optimizer = new QueryOptimizer();

test('the optimizer of the guide answers at once', () => {
  const queryOptimizer = new QueryOptimizer({
    maxQueryLength: 1000,
    enableCache: true,
    cacheTimeout: 3600,
    analyzeComplexQueries: true,
  });
  const analysis = queryOptimizer.analyze('SELECT * FROM trades WHERE lower(symbol) = ?');
  expect(analysis).toMatchObject({
    statement: 'select',
    tables: ['trades'],
    complexity: { level: 'simple', tables: 1, predicates: 1 },
    plan: null,
    skipped: false,
  });
  expect(queryOptimizer.suggest(analysis).suggestions.map(({ rule }) => rule)).toEqual(['select-star', 'non-sargable']);
  expect(queryOptimizer.optimize('SELECT id FROM trades WHERE id = ? OR id = ? OR id = ?')).toBe(
    'SELECT id FROM trades WHERE id IN ($1, $2, $3)',
  );
});

describe('what it writes otherwise', () => {
  test.each([
    ['SELECT 1 FROM t WHERE a = 1 OR a = 2 OR a = -3', 'SELECT 1 FROM t WHERE a IN (1, 2, -3)'],
    [
      `SELECT 'é' FROM t WHERE (t.a = 'ü' OR t.a = 'b' OR t.a = 'c') AND b`,
      `SELECT 'é' FROM t WHERE (t.a IN ('ü', 'b', 'c')) AND b`,
    ],
    ['SELECT 1 FROM t WHERE a > $1 OR (a = $1 AND b > $2)', 'SELECT 1 FROM t WHERE (a, b) > ($1, $2)'],
    ['SELECT 1 FROM t WHERE a < 5 OR a = 5 AND b <= 6', 'SELECT 1 FROM t WHERE (a, b) <= (5, 6)'],
    [
      'SELECT 1 FROM t WHERE (SELECT count(*) FROM u WHERE u.t = t.id) > 0',
      'SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t = t.id)',
    ],
    [
      'SELECT 1 FROM t WHERE (SELECT count(*) FROM u) = 0 AND a',
      'SELECT 1 FROM t WHERE (NOT EXISTS (SELECT 1 FROM u)) AND a',
    ],
    [
      'SELECT 1 FROM t WHERE a IN (SELECT DISTINCT b FROM u ORDER BY b)',
      'SELECT 1 FROM t WHERE a IN (SELECT b FROM u)',
    ],
    [
      'SELECT 1 FROM t WHERE a IN (SELECT b FROM u UNION SELECT c FROM v)',
      'SELECT 1 FROM t WHERE a IN (SELECT b FROM u UNION ALL SELECT c FROM v)',
    ],
    ['SELECT DISTINCT a, count(*) FROM t GROUP BY a', 'SELECT a, count(*) FROM t GROUP BY a'],
    ['SELECT DISTINCT a FROM t UNION SELECT DISTINCT b FROM u', 'SELECT a FROM t UNION SELECT b FROM u'],
    [
      'SELECT 1 FROM t WHERE EXISTS (SELECT DISTINCT 1 FROM u WHERE u.a = 1 OR u.a = 2 OR u.a = 3 ORDER BY 1)',
      'SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a IN (1, 2, 3))',
    ],
  ])('%s', (query, better) => {
    expect(optimizer.optimize(query)).toBe(better);
    expect(optimizer.rewrite(query).changes.length).toBeGreaterThan(0);
    expect(optimizer.suggest(optimizer.analyze(query)).rewritten).toBe(better);
    expect(optimizer.rewrite(better)).toEqual({ text: better, changes: [] });
  });
});

describe('what it leaves as it is', () => {
  test.each([
    'SELECT 1 FROM t WHERE a = 1 OR a = 2',
    'SELECT 1 FROM t WHERE a = ?',
    'SELECT 1 FROM t WHERE a = 1 OR b = 2 OR a = 3',
    'SELECT 1 FROM t WHERE a = 1 OR a = NULL OR a = 3',
    `SELECT 1 FROM t WHERE a = 1 OR a = '2' OR a = 3`,
    'SELECT 1 FROM t WHERE a = 1 OR a = 2 OR a > 3',
    'SELECT 1 FROM t WHERE random() = 1 OR random() = 2 OR random() = 3',
    'SELECT 1 FROM t WHERE NOT a = 1 OR a = 2 OR a = 3',
    'SELECT 1 FROM t WHERE a > 1 OR (a = 2 AND b > 3)',
    'SELECT 1 FROM t WHERE a > 1 OR (a = 1 AND b < 3)',
    'SELECT 1 FROM t WHERE a >= 1 OR (a = 1 AND b > 3)',
    'SELECT 1 FROM t WHERE (SELECT count(*) FROM u GROUP BY a) > 0',
    'SELECT 1 FROM t WHERE (SELECT count(a) FROM u) > 0',
    'SELECT 1 FROM t WHERE (SELECT count(*) FROM u) > 1',
    'SELECT 1 FROM t WHERE a IN (SELECT DISTINCT b FROM u ORDER BY b LIMIT 3)',
    'SELECT 1 FROM t WHERE a IN (SELECT DISTINCT ON (b) c FROM u ORDER BY b, c)',
    'SELECT 1 FROM t WHERE a IN (SELECT b FROM u EXCEPT SELECT c FROM v)',
    'SELECT 1 FROM t WHERE a IN (SELECT b FROM u UNION SELECT c FROM v EXCEPT SELECT d FROM w)',
    'SELECT ARRAY(SELECT DISTINCT a FROM t ORDER BY a)',
    'SELECT DISTINCT a, count(*) FROM t GROUP BY a, b',
    'SELECT DISTINCT a, unnest(b) FROM t GROUP BY a, b',
    'SELECT DISTINCT ON (a) a, count(*) FROM t GROUP BY a',
    'SELECT DISTINCT a FROM t UNION ALL SELECT DISTINCT b FROM u',
    '(SELECT DISTINCT a FROM t LIMIT 3) UNION SELECT b FROM u',
    `SELECT data ? 'key' FROM t`,
  ])('%s', (query) => {
    expect(optimizer.optimize(query)).toBe(query);
  });
});

test('what is too long, or no statement, is refused by type', () => {
  const short = new QueryOptimizer({ maxQueryLength: 20 });
  expect(() => short.analyze('SELECT a, b, c, d FROM t')).toThrow(
    expect.objectContaining({ code: 'DB_QUERY_TOO_LONG', type: 'QUERY_ERROR' }),
  );
  expect(() => short.optimize('SELECT a, b, c, d FROM t')).toThrow(DatabaseError);
  for (const text of ['SELEC 1', 'SELECT 1; SELECT 2', '']) {
    expect(() => optimizer.analyze(text)).toThrow(expect.objectContaining({ code: '42601' }));
  }
  for (const wrong of [{ maxQueryLength: 0 }, { cacheTimeout: 0.5 }, { largeTableRows: -1 }]) {
    expect(() => new QueryOptimizer(wrong)).toThrow(expect.objectContaining({ code: 'DB_CONFIG_INVALID' }));
  }
});

test('explain wants a database', async () => {
  await expect(optimizer.explain('SELECT 1')).rejects.toMatchObject({ code: 'DB_CONFIG_INVALID' });
  await expect(optimizer.findRepeated()).rejects.toMatchObject({ code: 'DB_CONFIG_INVALID' });
});

test('an analysis is kept for its time, and not without the cache', () => {
  let nowMs = 0;
  const keeping = new QueryOptimizer({ cacheTimeout: 60, now: () => nowMs });
  const first = keeping.analyze('SELECT 1');
  nowMs = 59_999;
  expect(keeping.analyze('SELECT 1')).toBe(first);
  nowMs = 60_000;
  const second = keeping.analyze('SELECT 1');
  expect(second).not.toBe(first);
  keeping.clearCache();
  expect(keeping.analyze('SELECT 1')).not.toBe(second);
  const fresh = new QueryOptimizer({ enableCache: false });
  expect(fresh.analyze('SELECT 1')).not.toBe(fresh.analyze('SELECT 1'));
});

test('a complex statement is only measured when no more is wanted', () => {
  const query = `WITH a AS (SELECT * FROM t WHERE x = 1), b AS (SELECT * FROM u JOIN v ON u.i = v.i WHERE y = 2)
    SELECT *, sum(q) OVER (), count(*) FROM a JOIN b ON a.i = b.i JOIN c ON c.i = b.i WHERE EXISTS (SELECT 1 FROM d WHERE d.i = a.i)
    UNION SELECT * FROM e WHERE z = 3`;
  expect(optimizer.analyze(query)).toMatchObject({ complexity: { level: 'complex' }, skipped: false });
  expect(optimizer.analyze(query).findings.length).toBeGreaterThan(0);
  const brief = new QueryOptimizer({ analyzeComplexQueries: false });
  const analysis = brief.analyze(query);
  expect(analysis).toMatchObject({ complexity: { level: 'complex' }, skipped: true, findings: [] });
  expect(brief.suggest(analysis)).toEqual({ suggestions: [], indexes: [], rewritten: null });
  expect(brief.analyze('SELECT * FROM t')).toMatchObject({ skipped: false, findings: [{ rule: 'select-star' }] });
});

test('statements that differ in constants have one fingerprint', () => {
  const one = optimizer.analyze('SELECT a FROM t WHERE a = 1').fingerprint;
  expect(optimizer.analyze('select a from t where a = 22').fingerprint).toBe(one);
  expect(optimizer.analyze('SELECT b FROM t WHERE a = 1').fingerprint).not.toBe(one);
});
