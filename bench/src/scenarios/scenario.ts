import type { Logger } from '@tradestream/runtime';
import type { ServiceName } from '@tradestream/stack';
import type { Topology } from './topology.ts';

export type ScenarioOptions = {
  readonly log: Logger;
  readonly logFolder: string;
  /** All four unless told otherwise. */
  readonly services: readonly ServiceName[];
  readonly profileFolder: string | null;
  /** Both unless told otherwise. */
  readonly topologies: readonly Topology[];
  /** 300,000 unless told otherwise, for a quick look. */
  readonly commandCount: number;
  /** Shows a line of what is being done. */
  readonly note: (text: string) => void;
};

/** What a scenario measured, as JSON and as lines of a table. */
export type Report = {
  readonly json: Readonly<Record<string, unknown>>;
  readonly rows: readonly (readonly [label: string, value: string])[];
};

export type Scenario = (options: ScenarioOptions) => Promise<Report>;
