import { BASELINE_LOAD } from '../load.ts';
import { denominatorSql } from '../peers/denominators.ts';
import { compareWithDenominators } from './compare.ts';
import { comparisonRows } from './comparison-rows.ts';
import type { Report, ScenarioOptions } from './scenario.ts';

const ZIPF = { ...BASELINE_LOAD, zipf: 1 };

/** The same as B1 on the default stack with users drawn by Zipf's law, beside the uniform load in each round. */
export async function runB2(options: ScenarioOptions): Promise<Report> {
  const comparison = await compareWithDenominators({
    ...options,
    topology: 'default',
    load: ZIPF,
    besides: BASELINE_LOAD,
  });
  const { rate, uniformRate = 0 } = comparison;
  const ratioToUniform = Math.round((rate / uniformRate) * 100) / 100;
  return {
    json: {
      scenario: 'B2',
      commands: options.commandCount,
      exponent: ZIPF.zipf,
      ratioToUniform,
      ...comparison,
      sql: denominatorSql(),
    },
    rows: [
      ...comparisonRows('Zipf 1.0, default stack', comparison),
      ['  uniform, commands/s', `${uniformRate}; Zipf is ${ratioToUniform} of it`],
    ],
  };
}
