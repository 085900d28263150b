import 'pg';

// pg 8.23 has these; its published types do not name them yet.
declare module 'pg' {
  interface ClientConfig {
    /** Sends statements without waiting for the answers of those before. */
    pipeline?: boolean;
  }
  interface Client {
    readonly connection: Connection;
    readonly processID: number | null;
    readonly secretKey: number | null;
  }
  interface Connection {
    /** Texts of named statements that the server has, by name. */
    readonly parsedStatements: Readonly<Record<string, string>>;
    /** Texts of named statements that were sent to be parsed and are not answered, by name. */
    readonly submittedNamedStatements: Record<string, string>;
  }
  interface Query {
    name: string | undefined;
    text: string;
    values: readonly unknown[] | undefined;
    /** Sends Parse where the server does not have the statement, Bind and Describe, and then calls `_getRows`. */
    prepare(connection: Connection): void;
    _getRows(connection: Connection): void;
    handleRowDescription(message: { readonly fields: unknown }): void;
    handleDataRow(message: { readonly fields: unknown }): void;
    handleCommandComplete(message: { readonly text: string }): void;
    handleEmptyQuery(): void;
    handleCopyInResponse(connection: Connection): void;
    handleError(error: Error, connection: Connection): void;
    handleReadyForQuery(): void;
  }
  interface Result<R> {
    addFields(fields: unknown): void;
    parseRow(fields: unknown): R;
    addRow(row: R): void;
    addCommandComplete(message: { readonly text: string }): void;
  }
}
