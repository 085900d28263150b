/** The configuration of the worker, for its generated documentation and for those who start it. */
export { WORKER_SPEC } from './config.ts';
/** Errors that the worker raises. */
export { WORKER_ERRORS } from './errors.ts';
