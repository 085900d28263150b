/** The configuration of the monitor, for its generated documentation and for those who start it. */
export { MONITOR_SPEC } from './config.ts';
/** Errors that the monitor raises. */
export { MONITOR_ERRORS } from './errors.ts';
/** The figures on its `/metrics`, for their generated table. */
export { FIGURES } from './figures/figure.ts';
