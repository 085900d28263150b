import { createLogger } from '@tradestream/runtime';
import { createProgressReporter, type Endpoints, openStack, type PartName, type Stack } from '@tradestream/stack';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the stack that the whole run shares. What harms it belongs on a stack of the test's own. */
    readonly endpoints: Endpoints;
    readonly stackPids: Readonly<Partial<Record<PartName, number>>>;
  }
}

let stack: Stack | null = null;

/** One stack for the whole run; a test file takes a database, topics and groups of its own on it. */
export async function setup(project: TestProject): Promise<void> {
  const reporter = createProgressReporter(process.stderr);
  const log = createLogger({ service: 'test-stack', level: 'warn' });
  stack = await openStack({ log, onProgress: reporter.onProgress }).finally(reporter.stop);
  project.provide('endpoints', stack.endpoints);
  project.provide('stackPids', stack.pids);
}

export async function teardown(): Promise<void> {
  await stack?.close();
}
