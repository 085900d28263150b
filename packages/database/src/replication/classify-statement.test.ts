import { expect, test } from 'vitest';
import { changesCatalog, classifyStatement, type NameCatalog } from './classify-statement.ts';
import { relationsOf, surveyStatement } from './parse-statement.ts';

const CATALOG: NameCatalog = {
  isSafeFunction: (name) => ['count', 'lower', 'now', 'coalesce'].includes(name),
  isSafeOperator: (name) => name !== '~~>',
  isSafeRelation: (name) => name !== 'view_with_nextval',
};

test.each([
  ['SELECT * FROM trades WHERE symbol = $1', 'read'],
  ['TABLE trades', 'read'],
  ['VALUES (1), (2)', 'read'],
  ['WITH a AS (SELECT count(*) FROM trades) SELECT * FROM a', 'read'],
  ['SELECT lower(symbol), now() FROM trades', 'read'],
  ['SELECT pg_catalog.lower(symbol) FROM trades', 'read'],
  ['EXPLAIN SELECT * FROM trades', 'read'],
  [`SELECT 'FOR UPDATE', 'nextval(1)' FROM trades -- DELETE`, 'read'],
  ['SELECT * FROM trades FOR UPDATE', 'write'],
  ['SELECT * FROM (SELECT * FROM trades FOR SHARE) AS t', 'write'],
  [`SELECT nextval('ids')`, 'write'],
  [`SELECT * FROM trades WHERE id = (SELECT nextval('ids'))`, 'write'],
  ['SELECT unknown_function(1)', 'write'],
  ['SELECT a ~~> b FROM trades', 'write'],
  ['SELECT * FROM view_with_nextval', 'write'],
  ['WITH gone AS (DELETE FROM trades RETURNING *) SELECT * FROM gone', 'write'],
  ['WITH put AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM put', 'write'],
  ['SELECT * INTO copy FROM trades', 'write'],
  ['EXPLAIN ANALYZE DELETE FROM trades', 'write'],
  ['INSERT INTO trades VALUES (1)', 'write'],
  ['MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE', 'write'],
  ['CREATE TABLE t (id int)', 'write'],
  ['SELECT 1; SELECT 2', 'write'],
  ['SELECT 1; COMMIT', 'control'],
  ['BEGIN', 'control'],
  ['SAVEPOINT a', 'control'],
  ['SHOW server_version', 'write'],
  ['SET search_path = a', 'control'],
  ['LISTEN news', 'control'],
  ['LOCK TABLE trades', 'write'],
  ['this is no sql', 'write'],
  ['', 'write'],
])('%s is a %s', (text, kind) => {
  expect(classifyStatement(surveyStatement(text), CATALOG).kind).toBe(kind);
});

test('what the catalog may not know yet is doubtful', () => {
  expect(classifyStatement(surveyStatement('SELECT made_just_now()'), CATALOG).doubtful).toBe(true);
  expect(classifyStatement(surveyStatement('DELETE FROM trades'), CATALOG).doubtful).toBe(false);
});

test('the tables of a statement are named without its own names', () => {
  expect(relationsOf('WITH a AS (SELECT 1) UPDATE accounts SET x = 1 FROM a, app.users u')).toEqual([
    'accounts',
    'users',
  ]);
  expect(relationsOf('not sql')).toEqual([]);
});

test('only definitions change the catalog', () => {
  expect(changesCatalog(surveyStatement('CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1$$'))).toBe(true);
  expect(changesCatalog(surveyStatement('CREATE VIEW v AS SELECT 1'))).toBe(true);
  expect(changesCatalog(surveyStatement('SELECT 1'))).toBe(false);
});
