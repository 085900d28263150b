import { configDefaults, defineConfig } from 'vitest/config';

/** They start what they need themselves, and take minutes. */
const PROOF = ['test/fault/campaign.test.ts', 'test/fault/monitor-faults.test.ts', 'test/simulation/**/*.test.ts'];

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
          exclude: [...configDefaults.exclude, ...PROOF],
          globalSetup: ['test/support/global-setup.ts'],
          // The stack, the services and the tests share the machine: one file at a time measures them fairly.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: { name: 'proof', include: PROOF, fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
      },
    ],
  },
});
