/** What must hold, by the name under which a contradiction of it is reported. */
export type Invariant =
  | 'conservation'
  | 'no negative'
  | 'sequence'
  | 'receipts'
  | 'history'
  | 'state'
  | 'views'
  | 'one outcome'
  | 'topic';

/** Two places that do not agree. Thrown where it is found: what follows on it cannot be checked. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
  readonly invariant: Invariant;

  constructor(invariant: Invariant, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}

/** @throws {Contradiction} unless it holds; `describe` is asked only then */
export function expectHolds(invariant: Invariant, holds: boolean, describe: () => string): void {
  if (!holds) throw new Contradiction(invariant, describe());
}
