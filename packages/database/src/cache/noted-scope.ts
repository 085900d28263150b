import type { QueryResult } from '../connection.ts';
import type { StatementInput } from '../placeholders.ts';
import type { TransactionScope } from '../transaction/transaction.ts';

/** The same scope, which writes down the text of each statement. */
export function noteStatements(scope: TransactionScope, texts: Set<string>): TransactionScope {
  return {
    backendPid: scope.backendPid,
    node: scope.node,
    execute<Row extends object>(input: StatementInput, values?: readonly unknown[]): Promise<QueryResult<Row>> {
      texts.add(typeof input === 'string' ? input : input.text);
      return scope.execute<Row>(input, values);
    },
    savepoint: (work) => scope.savepoint((inner) => work(noteStatements(inner, texts))),
    createSavepoint: (name) => scope.createSavepoint(name),
    rollbackTo: (name) => scope.rollbackTo(name),
    releaseSavepoint: (name) => scope.releaseSavepoint(name),
  };
}
