/** The configuration of the gateway, for its generated documentation and for those who start it. */
export { GATEWAY_SPEC } from './config.ts';
