export type * from './commands.ts';
export type * from './events.ts';
export { REASONS, type Reason } from './reasons.ts';
export type * from './state.ts';
