export type FailedSeed = { readonly seed: number; readonly trace: string; readonly failures: readonly string[] };

export type SeedsReport = {
  readonly seeds: number;
  /** Things that happened, one after the other, over all worlds. */
  readonly steps: number;
  readonly commands: number;
  readonly failed: readonly FailedSeed[];
  /** The traces of the worlds, by their seeds in order. */
  readonly traces: readonly string[];
};

/** What a thread is asked for; `bug` is planted in the collaborators of each world. */
export type Stretch = { readonly from: number; readonly count: number; readonly bug: string | null };
