import { errorOf } from '@tradestream/runtime';
import { type Connection, Query, Result, types } from 'pg';
import type { Rows, Statement } from '../session.ts';

/** Answers in the statements' order; `failure` is of the statement behind them. */
type Outcome = { readonly rows: readonly Rows<object>[]; readonly failure: Error | null };

const COPY_DONE = Buffer.from('c\0\0\0\u0004');

type Describing = { readonly fields: unknown };
type Completing = { readonly text: string };

/**
 * Statements that travel together, with one Sync behind the last: the server runs them in order,
 * leaves out what stands behind one that failed, and says all of its answers at once. The driver's
 * queries have a Sync each: of a batch of twelve statements each side then writes, wakes and reads
 * twelve times.
 */
export class StatementPipeline extends Query {
  readonly outcome: Promise<Outcome>;
  readonly #statements: readonly Statement[];
  readonly #answers: Rows<object>[] = [];
  #result = new Result<Record<string, unknown>>('object', types);
  #settle: (outcome: Outcome) => void = () => undefined;
  #unreadable: Error | null = null;
  #isSettled = false;

  constructor(statements: readonly Statement[]) {
    super({ text: '' });
    this.#statements = statements;
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  override submit = (connection: Connection): void => {
    connection.stream.cork();
    for (const statement of this.#statements) {
      this.#turnTo(statement);
      if (isNameOfAnother(connection, statement)) this.#finish(new Error(`${statement.name} names another statement`));
      else this.prepare(connection);
      if (this.#isSettled) {
        // It cannot be sent. What stands before it was not sent yet and must not be committed alone.
        connection.stream.destroy();
        return;
      }
      if (statement.copy !== undefined) sendRows(connection, statement.copy);
    }
    connection.sync();
    // Not at once: the COMMIT that is sent behind it travels along.
    process.nextTick(() => connection.stream.uncork());
    this.#turnTo(this.#statements[0]);
  };

  /** What `prepare` ends a statement with; the Sync is sent once. */
  override _getRows(connection: Connection): void {
    connection.execute({ portal: '' }, true);
  }

  override handleRowDescription({ fields }: Describing): void {
    this.#result.addFields(fields);
  }

  override handleDataRow({ fields }: Describing): void {
    try {
      this.#result.addRow(this.#result.parseRow(fields));
    } catch (error) {
      this.#unreadable ??= errorOf(error);
    }
  }

  override handleCommandComplete(message: Completing): void {
    this.#result.addCommandComplete(message);
    this.#answered(this.#result.command);
  }

  /** A text without a statement has no command to be complete. */
  override handleEmptyQuery(): void {
    this.#answered('');
  }

  /** The rows are on their way. Without any the server takes what follows for rows, and never answers. */
  override handleCopyInResponse(connection: Connection): void {
    if (this.#statements[this.#answers.length]?.copy === undefined) connection.stream.destroy();
  }

  override handleError(error: Error, connection: Connection): void {
    // Sent to be parsed, and left out: whoever uses the name next has to send the text again.
    for (const { name } of this.#statements.slice(this.#answers.length)) {
      if (name !== undefined) delete connection.submittedNamedStatements[name];
    }
    this.#finish(error);
  }

  override handleReadyForQuery(): void {
    this.#finish(this.#unreadable);
  }

  #answered(command: string): void {
    const { rows, rowCount } = this.#result;
    this.#answers.push({ rows, rowCount: rowCount ?? 0, command });
    this.#result = new Result('object', types);
    // The driver notes by name and text what the server has parsed.
    this.#turnTo(this.#statements[this.#answers.length]);
  }

  #turnTo(statement: Statement | undefined): void {
    this.name = statement?.name;
    this.text = statement?.text ?? '';
    this.values = statement?.values;
  }

  #finish(failure: Error | null): void {
    this.#isSettled = true;
    this.#settle({ rows: this.#answers, failure });
  }
}

/**
 * Rows for the COPY before them, without waiting to be asked for: a server that has refused it, or never
 * came to it, leaves them out.
 */
function sendRows({ stream }: Connection, rows: Buffer): void {
  const head = Buffer.from('d\0\0\0\0');
  head.writeInt32BE(rows.length + 4, 1);
  for (const piece of [head, rows, COPY_DONE]) stream.write(piece);
}

/** The server would run the statement that it has under this name, whatever the text. */
function isNameOfAnother({ parsedStatements, submittedNamedStatements }: Connection, statement: Statement): boolean {
  const { name, text } = statement;
  if (name === undefined) return false;
  const known = parsedStatements[name] ?? submittedNamedStatements[name];
  return known !== undefined && known !== text;
}
