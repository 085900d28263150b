import { sqlParser } from '../parser/sql-parser.ts';

/** The body of a node of the parse tree, as the parser gives it: absent fields have their default. */
export type Body = Readonly<Record<string, unknown>>;

/** A piece of the text, in bytes of its UTF-8 form, as the parser counts. */
export type Token = { readonly text: string; readonly start: number; readonly end: number };

export function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body of a node when it is of this kind: `{A_Expr: {...}}`. */
export function bodyOf(node: unknown, kind: string): Body | null {
  const body = isBody(node) ? node[kind] : undefined;
  return isBody(body) ? body : null;
}

export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Names in a list of String nodes: of a column, a function, an operator. */
export function namesOf(value: unknown): readonly string[] {
  return itemsOf(value).flatMap((item) => {
    const text = bodyOf(item, 'String')?.['sval'];
    return typeof text === 'string' ? [text] : [];
  });
}

export function lastNameOf(value: unknown): string {
  return namesOf(value).at(-1) ?? '';
}

export function textField(body: Body, field: string): string {
  const value = body[field];
  return typeof value === 'string' ? value : '';
}

export function locationOf(body: Body): number {
  const value = body['location'];
  return typeof value === 'number' ? value : 0;
}

/** Calls for each node in the tree, parents first; `false` keeps it out of that node's inside. */
export function visit(tree: unknown, see: (kind: string, body: Body) => boolean | undefined): void {
  if (Array.isArray(tree)) {
    for (const each of tree) visit(each, see);
    return;
  }
  if (!isBody(tree)) return;
  for (const [key, inside] of Object.entries(tree)) {
    const kind = kindOf(key, inside);
    if (isBody(inside) && kind !== null && see(kind, inside) === false) continue;
    visit(inside, see);
  }
}

/** Most nodes stand below their kind; the arms of a set operation and the target of a write do not. */
function kindOf(key: string, inside: unknown): string | null {
  if (/^[A-Z]/.test(key)) return key;
  if (!isBody(inside)) return null;
  if (key === 'relation' && inside['relname'] !== undefined) return 'RangeVar';
  return (key === 'larg' || key === 'rarg') && inside['op'] !== undefined ? 'SelectStmt' : null;
}

/** All nodes of a kind. */
export function allOf(tree: unknown, kind: string): readonly Body[] {
  const found: Body[] = [];
  visit(tree, (each, body) => {
    if (each === kind) found.push(body);
    return undefined;
  });
  return found;
}

/** A column's name without its table, when the node is a plain reference to one. */
export function columnOf(node: unknown): string | null {
  const reference = bodyOf(node, 'ColumnRef');
  if (reference === null) return null;
  const names = namesOf(reference['fields']);
  return names.length === itemsOf(reference['fields']).length ? (names.at(-1) ?? null) : null;
}

export function isParameter(node: unknown): boolean {
  return bodyOf(node, 'ParamRef') !== null;
}

/** A constant or a parameter, also with a cast of its own. */
export function isValue(node: unknown): boolean {
  const cast = bodyOf(node, 'TypeCast');
  if (cast !== null) return isValue(cast['arg']);
  return bodyOf(node, 'A_Const') !== null || isParameter(node);
}

/** The parts of a condition that must all hold. */
export function conjunctsOf(condition: unknown): readonly unknown[] {
  const both = bodyOf(condition, 'BoolExpr');
  if (both?.['boolop'] !== 'AND_EXPR') return condition === undefined ? [] : [condition];
  return itemsOf(both['args']).flatMap((part) => conjunctsOf(part));
}

/** An expression as the server shows it in plans and catalogs; null for what only plans can say. */
export function parseExpression(text: string): unknown {
  const parser = sqlParser();
  try {
    const select = bodyOf(parser.parseSync(`SELECT ${text}`).stmts?.[0]?.stmt, 'SelectStmt');
    return bodyOf(itemsOf(select?.['targetList'])[0], 'ResTarget')?.['val'] ?? null;
  } catch {
    return null; // `hashed SubPlan 1` and the like
  }
}

/** The tokens of a text, comments left out. */
export function tokensOf(text: string): readonly Token[] {
  return sqlParser()
    .scanSync(text)
    .tokens.filter(({ tokenName }) => tokenName !== 'SQL_COMMENT' && tokenName !== 'C_COMMENT')
    .map(({ start, end, text: piece }) => ({ start, end, text: piece }));
}

/** The tree without places, so that two pieces of text that mean the same are the same. */
export function shapeOf(tree: unknown): string {
  return JSON.stringify(tree, (key, value: unknown) => (key === 'location' ? undefined : value));
}
