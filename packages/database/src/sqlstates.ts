import type { DatabaseErrorEntry } from './error-entry.ts';

/** SQLSTATEs by what a caller does about them; those not listed have the entry of their class. */
export const SQLSTATES = {
  '01000': {
    type: 'REPLICATION_ERROR',
    retry: 'settle',
    summary: 'the server warned',
    advice: 'on COMMIT: it is perhaps on no standby yet',
  },
  '08000': connection('connection failure'),
  '08001': connection('the client could not connect'),
  '08003': connection('the connection does not exist'),
  '08004': connection('the server refused the connection'),
  '08006': connection('the connection failed'),
  '08007': {
    type: 'TRANSACTION_ERROR',
    retry: 'settle',
    summary: 'the connection failed and the outcome of the transaction is not known',
    advice: 'find out whether it happened before doing it again',
  },
  '08P01': connection('the protocol was violated'),
  '0A000': never('the server does not support this'),
  '21000': never('a subquery gave more rows than one, or a row was to be changed twice'),
  '22000': never('a value is not acceptable to the server'),
  '22001': never('a text is too long for its column'),
  '22003': never('a number is out of range'),
  '22004': never('a null is not allowed here'),
  '22007': never('a date or time has no valid form'),
  '22008': never('a date or time is out of range'),
  '22012': never('division by zero'),
  '22021': never('a character is not in the encoding'),
  '22023': never('a parameter has no valid value'),
  '22P02': never('a text has no valid form for its type'),
  '22P03': never('a binary value has no valid form'),
  '22P04': never('rows for COPY have no valid form'),
  '22P05': never('a character has no equivalent in the encoding'),
  '23000': never('a constraint refuses the row'),
  '23001': never('rows that refer to this one keep it from being changed'),
  '23502': never('a value is null where none may be'),
  '23503': never('a row that is referred to does not exist, or still is referred to'),
  '23505': {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'a unique key exists already',
    advice: 'someone was first: load it and decide again',
  },
  '23514': never('a check refuses the row'),
  '23P01': never('an exclusion constraint refuses the row'),
  '25001': transaction('a transaction is under way and may not be'),
  '25006': {
    type: 'REPLICATION_ERROR',
    retry: 'later',
    summary: 'the server is read only: it is no primary',
    advice: 'find the new primary and try there',
  },
  '25P01': transaction('no transaction is under way'),
  '25P02': {
    type: 'TRANSACTION_ERROR',
    retry: 'now',
    summary: 'the transaction is aborted',
    advice: 'a statement before this one failed: see its error',
  },
  '25P03': connection('the transaction was idle for too long'),
  '25P04': {
    type: 'TRANSACTION_ERROR',
    retry: 'later',
    summary: 'the transaction took longer than the server allows',
    advice: 'look for locks and slow statements; see transaction_timeout',
  },
  '26000': {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary: 'the prepared statement does not exist',
    advice: 'a pooler between has moved the session: use unnamed statements',
  },
  '28000': refused('the role may not log in'),
  '28P01': refused('the password is wrong'),
  '2BP01': never('other objects depend on this one'),
  '34000': never('the cursor does not exist'),
  '3B001': transaction('the savepoint does not exist'),
  '3D000': refused('the database does not exist'),
  '3F000': never('the schema does not exist'),
  '40000': retryNow('the transaction was rolled back by the server'),
  '40001': retryNow('could not serialize access'),
  '40002': never('a constraint refuses the transaction at its commit'),
  '40003': {
    type: 'TRANSACTION_ERROR',
    retry: 'settle',
    summary: 'the outcome of the statement is not known',
    advice: 'find out whether it happened before doing it again',
  },
  '40P01': retryNow('chosen as the victim of a deadlock'),
  '42501': never('the role has not the privilege'),
  '42601': never('the statement is not valid SQL'),
  '42602': never('a name is not valid'),
  '42622': never('a name is too long'),
  '42701': never('a column exists already'),
  '42702': never('a column is named that several tables have'),
  '42703': never('the column does not exist'),
  '42704': never('the object does not exist'),
  '42710': never('the object exists already'),
  '42725': never('several functions fit the call'),
  '42803': never('a column stands outside its grouping'),
  '42804': never('types do not fit'),
  '42809': never('the object is of another kind'),
  '42883': never('no function or operator fits the arguments'),
  '42P01': never('the table does not exist'),
  '42P02': never('the parameter does not exist'),
  '42P04': never('the database exists already'),
  '42P06': never('the schema exists already'),
  '42P07': never('the table exists already'),
  '42P10': never('a column is referred to that cannot be here, or no unique index fits ON CONFLICT'),
  '42P18': never('the type of a parameter cannot be told'),
  '44000': never('the row does not satisfy the view'),
  '53000': resources('the server lacks resources'),
  '53100': resources('the disk is full'),
  '53200': resources('the server is out of memory'),
  '53300': connection('the server has no connection free'),
  '53400': resources('a limit of the configuration is exceeded'),
  '54000': never('a limit of the server is exceeded'),
  '54001': never('the statement is too complex'),
  '54011': never('too many columns'),
  '54023': never('too many arguments'),
  '55000': {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary: 'the object is not in a state for this',
    advice: 'a server in recovery says so of what a primary alone can do; else see the message',
  },
  '55006': {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary: 'the object is in use',
    advice: 'see who uses it; it is tried again',
  },
  '55P02': never('the setting cannot be changed now'),
  '55P03': retryNow('a lock was not free in time'),
  '57000': connection('an operator intervened'),
  '57014': {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary: 'the statement was cancelled',
    advice: 'it took longer than its timeout, or someone cancelled it',
  },
  '57P01': connection('the server is shutting down, or an administrator ended the session'),
  '57P02': connection('the server ended every session after a crash'),
  '57P03': connection('the server is starting or stopping'),
  '57P04': refused('the database was dropped'),
  '57P05': connection('the session was idle for too long'),
  '58000': resources('the server met an error outside itself'),
  '58030': resources('the server met an input or output error'),
  '58P01': resources('the server misses a file'),
  '72000': {
    type: 'TRANSACTION_ERROR',
    retry: 'now',
    summary: 'the snapshot is too old',
    advice: 'the whole transaction is tried again, and should be shorter',
  },
  P0001: never('a function raised an error'),
  XX000: {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary: 'the server met an internal error',
    advice: 'see the server log',
  },
  XX001: never('data are corrupted'),
  XX002: never('an index is corrupted'),
  TS001: {
    type: 'TRANSACTION_ERROR',
    retry: 'never',
    summary: 'another owner has claimed the partition',
    advice: 'leave the group and join again; claim only from a new assignment',
  },
  TS002: {
    type: 'TRANSACTION_ERROR',
    retry: 'settle',
    summary: 'the partition is not where its owner believed',
    advice: 'claim it again, which says where it is',
  },
  TS003: {
    type: 'TRANSACTION_ERROR',
    retry: 'now',
    summary: 'a kept value is not the one in the database',
    advice: 'load it afresh and decide again',
  },
} as const satisfies Readonly<Record<string, DatabaseErrorEntry>>;

/** The entry of a SQLSTATE: its own, or that of its class. What nobody knows is tried again later. */
export function sqlstateEntry(code: string): DatabaseErrorEntry {
  return isListed(code) ? SQLSTATES[code] : entryOfClass(code);
}

function isListed(code: string): code is keyof typeof SQLSTATES {
  return Object.hasOwn(SQLSTATES, code);
}

function entryOfClass(code: string): DatabaseErrorEntry {
  switch (code.slice(0, 2)) {
    case '08':
      return connection('connection failure');
    case '22':
      return never('a value is not acceptable to the server');
    case '23':
      return never('a constraint refuses the row');
    case '28':
      return refused('the role may not log in');
    case '42':
      return never('the statement names what is not there, or may not be used');
    case '54':
      return never('a limit of the server is exceeded');
    case '53':
      return resources('the server lacks resources');
    case '40':
      return retryNow('the transaction was rolled back by the server');
    default:
      return {
        type: 'QUERY_ERROR',
        retry: 'later',
        summary: `the server answered with SQLSTATE ${code}`,
        advice: 'see the server log',
      };
  }
}

function connection(summary: string): DatabaseErrorEntry {
  return { type: 'CONNECTION_ERROR', retry: 'later', summary, advice: 'connect again, with pauses' };
}

function refused(summary: string): DatabaseErrorEntry {
  return {
    type: 'CONNECTION_ERROR',
    retry: 'never',
    summary,
    advice: 'mend role, password or database name: connecting again cannot help',
  };
}

function resources(summary: string): DatabaseErrorEntry {
  return {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary,
    advice: 'free resources on the server; the work is tried again',
  };
}

function retryNow(summary: string): DatabaseErrorEntry {
  return { type: 'TRANSACTION_ERROR', retry: 'now', summary, advice: 'the whole transaction is tried again' };
}

function transaction(summary: string): DatabaseErrorEntry {
  return {
    type: 'TRANSACTION_ERROR',
    retry: 'never',
    summary,
    advice: 'mend the order of the statements: trying again cannot help',
  };
}

function never(summary: string): DatabaseErrorEntry {
  return {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary,
    advice: 'mend the statement or its values: trying again cannot help',
  };
}
