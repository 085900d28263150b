import CliTable from 'cli-table3';

export type OutputFormat = 'table' | 'json';

/** A column of a table: its title, and the field of the row that it shows. */
export type Column = { readonly title: string; readonly field: string; readonly align?: 'right' };

type Row = Readonly<Record<string, unknown>>;

/**
 * Where a command writes: data to standard output in the chosen form, everything else to standard
 * error. Colours only on a terminal and never with NO_COLOR.
 */
export class Terminal {
  readonly format: OutputFormat;
  readonly hasColor: boolean;
  /** Progress bars are drawn: somebody watches, and standard output is not what they read. */
  readonly hasBars: boolean;

  constructor(format: OutputFormat, env: NodeJS.ProcessEnv = process.env) {
    this.format = format;
    this.hasColor = process.stdout.isTTY === true && (env['NO_COLOR'] ?? '') === '';
    this.hasBars = process.stderr.isTTY === true;
  }

  /** A list: a table, or one JSON object a line. */
  list(rows: readonly Row[], columns: readonly Column[]): void {
    if (this.format === 'json') {
      for (const row of rows) this.#data(JSON.stringify(row));
    } else {
      this.#data(this.#table(rows, columns));
    }
  }

  /** One object: its fields one below the other, or one line of JSON. */
  object(value: Row): void {
    if (this.format === 'json') this.#data(JSON.stringify(value));
    else {
      const rows = Object.entries(value).map(([field, content]) => ({ field, content: textOf(content) }));
      this.#data(
        this.#table(rows, [
          { title: '', field: 'field' },
          { title: '', field: 'content' },
        ]),
      );
    }
  }

  /** A line for the reader, on standard error. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  #data(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  #table(rows: readonly Row[], columns: readonly Column[]): string {
    const hasHead = columns.some((column) => column.title !== '');
    const table = new CliTable({
      ...(hasHead ? { head: columns.map((column) => column.title) } : {}),
      colAligns: columns.map((column) => column.align ?? 'left'),
      chars: PLAIN_BORDERS,
      style: { head: this.hasColor ? ['bold'] : [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 },
    });
    for (const row of rows) table.push(columns.map((column) => textOf(row[column.field])));
    return table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n');
  }
}

/** No frame: columns that `awk` and the eye both find. */
const PLAIN_BORDERS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'bigint') return value.toString();
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Values come from producers: a control character in one must not reach the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}');
}
