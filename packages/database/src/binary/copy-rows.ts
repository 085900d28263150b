import { quoteIdentifier } from '../query/identifiers.ts';
import type { Statement } from '../session.ts';
import { fields, writer } from './fields.ts';

/** A statement with the rows that it reads. */
export type CopyStatement = Statement & { readonly copy: Buffer };

/** Values of one column that stand elsewhere as bytes, by their row's place. */
export type PackedColumn = {
  readonly sizeOf: (at: number) => number;
  /** Puts the value where it is sent from. */
  readonly writeTo: (at: number, target: Buffer, start: number) => void;
};

/** Writes a row's fields, one a column and in their order. */
export type RowFields = typeof fields & { readonly packed: (column: PackedColumn, at: number) => void };

/** What rows for COPY are made of. */
export type CopyInput<Row> = {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  readonly write: (to: RowFields, row: Row, at: number) => void;
};

const to: RowFields = {
  ...fields,
  packed({ sizeOf, writeTo }, at) {
    const start = writer.skipRaw(sizeOf(at));
    writeTo(at, writer.bytes, start);
  },
};

/**
 * Rows for one table in the form that COPY reads, for `Session.pipeline` or `query`. The server writes
 * them a page at a time with one WAL record each, where INSERT writes a record for every row. Nothing is
 * left out on conflict; an enum goes as text.
 */
export function copyInto<Row>({ schema, table, columns, rows, write }: CopyInput<Row>): CopyStatement {
  const into = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  writer.beginRows();
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at];
    if (row === undefined) continue;
    writer.int16(columns.length);
    write(to, row, at);
  }
  return {
    name: `copy_${schema}_${table}`,
    text: `COPY ${into} (${columns.map(quoteIdentifier).join(', ')}) FROM STDIN (FORMAT binary)`,
    copy: writer.takeRows(),
  };
}

/** Rows that lack a number, and what puts it into them. */
export type UnnumberedCopy = { readonly statement: CopyStatement; readonly fill: (value: number) => void };

/** Rows with one more column in front: a whole number of 64 bits that all share and that is known only later. */
export function copyUnnumbered<Row>(column: string, input: CopyInput<Row>): UnnumberedCopy {
  const places = new Int32Array(input.rows.length);
  const statement = copyInto<Row>({
    ...input,
    columns: [column, ...input.columns],
    write(into, row, at) {
      into.int8(0);
      places[at] = writer.length - 8;
      input.write(into, row, at);
    },
  });
  const { copy } = statement;
  const view = new DataView(copy.buffer, copy.byteOffset, copy.length);
  const fill = (value: number) => {
    const whole = BigInt(value);
    for (const place of places) view.setBigInt64(place, whole);
  };
  return { statement, fill };
}
