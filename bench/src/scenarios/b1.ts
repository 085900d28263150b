import { BASELINE_LOAD } from '../load.ts';
import { denominatorSql } from '../peers/denominators.ts';
import { type Comparison, compareWithDenominators } from './compare.ts';
import { comparisonRows } from './comparison-rows.ts';
import type { Report, ScenarioOptions } from './scenario.ts';
import type { Topology } from './topology.ts';

/** Drains a backlog with everything on, beside raw SQL and the naive worker, on both topologies. */
export async function runB1(options: ScenarioOptions): Promise<Report> {
  const measured: Partial<Record<Topology, Comparison>> = {};
  for (const topology of options.topologies) {
    measured[topology] = await compareWithDenominators({ ...options, topology, load: BASELINE_LOAD });
  }
  const { default: inDefault, alone } = measured;
  return {
    json: {
      scenario: 'B1',
      commands: options.commandCount,
      ...inDefault,
      ...(alone === undefined ? {} : { alone }),
      sql: denominatorSql(),
    },
    rows: [
      ...(inDefault === undefined ? [] : comparisonRows('default stack', inDefault)),
      ...(alone === undefined ? [] : comparisonRows('primary alone', alone)),
    ],
  };
}
