import { configDefaults, defineConfig } from 'vitest/config';

/** They start what they need themselves, and take minutes. */
const CAMPAIGN = ['test/fault/campaign.test.ts'];
/** The one waits for three quiet minutes, the other works that long: side by side, when the campaign is over. */
const VIGIL = ['test/fault/monitor-faults.test.ts', 'test/simulation/**/*.test.ts'];
/** Many times what any takes: a machine may be busy with other work. */
const PATIENT = { testTimeout: 120_000, hookTimeout: 120_000 } as const;

/** A failure is read in a log: both sides are shown whole. */
const WHOLE = { chaiConfig: { truncateThreshold: 0 } } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...WHOLE,
          name: 'unit',
          include: ['packages/**/src/**/*.test.ts', 'services/**/src/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          ...WHOLE,
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...CAMPAIGN, ...VIGIL],
          globalSetup: ['test/support/global-setup.ts'],
          // The stack, the services and the tests share the machine: one file at a time measures them fairly.
          fileParallelism: false,
          ...PATIENT,
        },
      },
      {
        test: { ...WHOLE, name: 'campaign', include: CAMPAIGN, maxWorkers: 1, sequence: { groupOrder: 1 }, ...PATIENT },
      },
      {
        test: { ...WHOLE, name: 'vigil', include: VIGIL, maxWorkers: 2, sequence: { groupOrder: 2 }, ...PATIENT },
      },
    ],
  },
});
