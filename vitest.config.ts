import { configDefaults, defineConfig } from 'vitest/config';

const CAMPAIGN = 'test/fault/campaign.test.ts';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/**/src/**/*.test.ts', 'services/**/src/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, CAMPAIGN],
          globalSetup: ['test/support/global-setup.ts'],
          // The stack, the services and the tests share the machine: one file at a time measures them fairly.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // On a stack of its own, which it harms; `npm test` runs it beside the others, for it mostly waits.
      { test: { name: 'campaign', include: [CAMPAIGN] } },
    ],
  },
});
