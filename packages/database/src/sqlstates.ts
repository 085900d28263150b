import type { DatabaseErrorEntry } from './errors.ts';

/** SQLSTATEs that a caller treats in a way of their own. */
export const SQLSTATES = {
  '08000': connection('connection failure'),
  '08003': connection('the connection does not exist'),
  '08006': connection('the connection failed'),
  '08001': connection('the client could not connect'),
  '08004': connection('the server refused the connection'),
  '57P01': connection('the server is shutting down, or an administrator ended the session'),
  '57P02': connection('the server ended every session after a crash'),
  '57P03': connection('the server is starting or stopping'),
  '57P05': connection('the session was idle for too long'),
  '25P03': connection('the transaction was idle for too long'),
  '53300': connection('the server has no connection free'),
  '53000': resources('the server lacks resources'),
  '53100': resources('the disk is full'),
  '53200': resources('the server is out of memory'),
  '57014': {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary: 'the statement was cancelled',
    advice: 'it took longer than its timeout, or someone cancelled it',
  },
  '40001': retryNow('could not serialize access'),
  '40P01': retryNow('chosen as the victim of a deadlock'),
  '55P03': retryNow('a lock was not free in time'),
  '25006': {
    type: 'REPLICATION_ERROR',
    retry: 'later',
    summary: 'the server is read only: it is no primary',
    advice: 'find the new primary and try there',
  },
  '25P02': {
    type: 'TRANSACTION_ERROR',
    retry: 'now',
    summary: 'the transaction is aborted',
    advice: 'a statement before this one failed: see its error',
  },
  '23505': {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'a unique key exists already',
    advice: 'someone was first: load it and decide again',
  },
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

function never(summary: string): DatabaseErrorEntry {
  return {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary,
    advice: 'mend the statement or its values: trying again cannot help',
  };
}
