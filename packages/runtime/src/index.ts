export {
  AppError,
  type AppErrorOptions,
  Bug,
  type ErrorEntry,
  type ErrorTable,
  errorOf,
  invariant,
  type RetryClass,
} from './app-error.ts';
