/** How rows made of events are joined with those of a table: new ones are added, standing ones are set. */
export type RowJoin = {
  /** Of the row that stands; the one that is made is `excluded`, as PostgreSQL calls it. */
  readonly alias: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** The rows that are made, in the order of the columns: `unnest($1::text[], ...)`. */
  readonly rows: string;
  readonly set: string;
  /** Which standing rows are set; the others are left alone. */
  readonly where: string;
};

export function upsertText({ alias, columns, key, rows, set, where }: RowJoin, table: string): string {
  return `INSERT INTO ${table} AS ${alias} (${columns.join(', ')}) SELECT * FROM ${rows}
    ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${set} WHERE ${where}`;
}

/**
 * The same for rows most of which stand. ON CONFLICT locks each row that it finds before it updates it, and
 * the lock is a WAL record that every standby replays; an update that finds the row writes one record.
 */
export function reviseText(join: RowJoin, table: string): string {
  const { alias, columns, key, rows, set, where } = join;
  const same = (a: string, b: string) => key.map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ');
  const standing = key.map((column) => `${alias}.${column}`).join(', ');
  return `WITH made AS MATERIALIZED (SELECT * FROM ${rows} AS made (${columns.join(', ')})),
    revised AS (
      UPDATE ${table} AS ${alias} SET ${set} FROM made AS excluded
      WHERE ${same(alias, 'excluded')} AND (${where}) RETURNING ${standing})
    ${upsertText({ ...join, rows: `made WHERE NOT EXISTS (SELECT FROM revised WHERE ${same('revised', 'made')})` }, table)}`;
}
