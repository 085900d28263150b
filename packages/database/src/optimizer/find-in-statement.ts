import { findInConditions } from './find-conditions.ts';
import type { Finding } from './query-analysis.ts';
import type { ParsedStatement } from './statement.ts';
import { type Body, bodyOf, isBody, isParameter, itemsOf, lastNameOf, textField, visit } from './syntax.ts';

/** Rows skipped by an OFFSET that nobody notices. */
const OFFSET_FREE_MAX = 100;

type Plain = Pick<Finding, 'rule' | 'severity' | 'message'> & Partial<Finding>;

/** What the text alone shows. */
export function findInStatement(statement: ParsedStatement): readonly Finding[] {
  const { tree } = statement;
  const found: Plain[] = [...unboundedWrites(tree)];
  const seen = new Set<unknown>();
  for (const { select, isMembership } of selectsOf(tree)) {
    if (seen.has(select)) continue;
    seen.add(select);
    if (!isMembership) found.push(...stars(select, statement.tables));
    found.push(...offsets(select), ...randomOrder(select), ...cartesian(select));
  }
  return [
    ...found.map((each) => ({ table: null, columns: [], rewritable: false, ...each })),
    ...findInConditions(tree),
  ];
}

/** Each SELECT; those of EXISTS, whose columns nobody reads, are marked. */
function selectsOf(tree: unknown): readonly { readonly select: Body; readonly isMembership: boolean }[] {
  const ofExists = new Set<Body>();
  const selects: { select: Body; isMembership: boolean }[] = [];
  visit(tree, (kind, body) => {
    const inside = kind === 'SubLink' && body['subLinkType'] === 'EXISTS_SUBLINK' ? body['subselect'] : undefined;
    const select = bodyOf(inside, 'SelectStmt');
    if (select !== null) ofExists.add(select);
    if (kind === 'SelectStmt') selects.push({ select: body, isMembership: ofExists.has(body) });
    return undefined;
  });
  return selects;
}

/** `*` over a table; over a subquery or a CTE, which name their columns themselves, it does no harm. */
function stars(select: Body, known: readonly string[]): readonly Plain[] {
  const tables = tablesOf(select['fromClause']).filter(({ name }) => known.includes(name));
  const starred = itemsOf(select['targetList']).flatMap((target) => {
    const reference = bodyOf(bodyOf(target, 'ResTarget')?.['val'], 'ColumnRef');
    const fields = itemsOf(reference?.['fields']);
    if (bodyOf(fields.at(-1), 'A_Star') === null) return [];
    const qualifier = lastNameOf(fields.slice(0, -1));
    return tables.filter(({ name, alias }) => qualifier === '' || qualifier === alias || qualifier === name);
  });
  const [first] = starred;
  if (first === undefined) return [];
  return [
    {
      rule: 'select-star',
      severity: 'notice',
      message: `* reads and sends every column of ${first.name}, and breaks when one is added`,
      table: first.name,
    },
  ];
}

type Table = { readonly name: string; readonly alias: string };

function tablesOf(from: unknown): readonly Table[] {
  return itemsOf(from).flatMap((item) => {
    const join = bodyOf(item, 'JoinExpr');
    if (join !== null) return tablesOf([join['larg'], join['rarg']]);
    const table = bodyOf(item, 'RangeVar');
    if (table === null) return [];
    const name = textField(table, 'relname');
    return [{ name, alias: isBody(table['alias']) ? textField(table['alias'], 'aliasname') : name }];
  });
}

function offsets(select: Body): readonly Plain[] {
  const offset = select['limitOffset'];
  const constant = bodyOf(bodyOf(offset, 'A_Const'), 'ival');
  const rows = constant === null ? null : Number(constant['ival'] ?? 0);
  const isFree = rows === null ? !isParameter(bodyOf(offset, 'TypeCast')?.['arg'] ?? offset) : rows <= OFFSET_FREE_MAX;
  if (isFree) return [];
  const which = rows === null ? 'the rows that OFFSET skips' : `${rows} rows`;
  return [
    {
      rule: 'offset-pagination',
      severity: 'warning',
      message: `${which} are read and thrown away for each page, and rows that come or go shift the pages`,
    },
  ];
}

function randomOrder(select: Body): readonly Plain[] {
  const isRandom = itemsOf(select['sortClause']).some(
    (key) => lastNameOf(bodyOf(bodyOf(key, 'SortBy')?.['node'], 'FuncCall')?.['funcname']) === 'random',
  );
  if (!isRandom) return [];
  return [
    { rule: 'random-order', severity: 'warning', message: 'every row is read and sorted to choose some at random' },
  ];
}

function cartesian(select: Body): readonly Plain[] {
  const from = itemsOf(select['fromClause']);
  const isTable = (item: unknown) => bodyOf(item, 'RangeVar') !== null;
  if (from.length < 2 || !from.every(isTable) || select['whereClause'] !== undefined) return [];
  const names = tablesOf(from).map(({ name }) => name);
  return [
    {
      rule: 'cartesian-product',
      severity: 'warning',
      message: `nothing joins ${names.join(' and ')}: each row of one is paired with each of the other`,
    },
  ];
}

function unboundedWrites(tree: unknown): readonly Plain[] {
  const found: Plain[] = [];
  visit(tree, (kind, body) => {
    const isWrite = kind === 'UpdateStmt' || kind === 'DeleteStmt';
    if (isWrite && body['whereClause'] === undefined && isBody(body['relation'])) {
      const table = textField(body['relation'], 'relname');
      const message = `${kind === 'UpdateStmt' ? 'UPDATE' : 'DELETE'} has no WHERE: it changes every row of ${table}`;
      found.push({ rule: 'unbounded-write', severity: 'warning', message, table });
    }
    return undefined;
  });
  return found;
}
