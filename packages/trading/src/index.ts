export {
  ceilMultiply18,
  divideHalfUp18,
  floorMultiply18,
  formatAmount,
  isAmount,
  LIMIT,
  parseAmount,
  UNIT,
} from './amount.ts';
export { checkCommand, commandKey, type Malformed } from './check-command.ts';
export { commandOf } from './command-of.ts';
export type * from './commands.ts';
export { type Decision, decide, requiredHold } from './decide.ts';
export type * from './events.ts';
export { evolve } from './evolve.ts';
export { InMemoryState } from './in-memory-state.ts';
export { REASONS, type Reason } from './reasons.ts';
export type * from './state.ts';
export { type Pair, pairOf } from './symbol.ts';
