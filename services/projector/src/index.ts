/** The configuration of the projector, for its generated documentation and for those who start it. */
export { PROJECTOR_SPEC } from './config.ts';
/** Errors that the projector raises. */
export { PROJECTOR_ERRORS } from './errors.ts';
