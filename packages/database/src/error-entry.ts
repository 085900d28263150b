import type { ErrorEntry } from '@tradestream/runtime';

/** The kinds of failure that an application tells apart. */
export const DatabaseErrorType = {
  CONNECTION_ERROR: 'CONNECTION_ERROR',
  QUERY_ERROR: 'QUERY_ERROR',
  TRANSACTION_ERROR: 'TRANSACTION_ERROR',
  REPLICATION_ERROR: 'REPLICATION_ERROR',
} as const;
export type DatabaseErrorType = (typeof DatabaseErrorType)[keyof typeof DatabaseErrorType];

export type DatabaseErrorEntry = ErrorEntry & { readonly type: DatabaseErrorType };
