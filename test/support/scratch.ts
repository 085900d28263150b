import { randomBytes } from 'node:crypto';
import { createScratchDatabase, type Endpoints, type ScratchDatabase } from '@tradestream/stack';

export type { ScratchDatabase };

/** A database of the test's own, also on the replicas: `await using database = await createDatabase(inject('endpoints'), 'worker')`. */
export async function createDatabase(endpoints: Endpoints, label: string): Promise<ScratchDatabase> {
  return await createScratchDatabase(endpoints, label);
}

/** For topics and groups that no other test file uses: `worker-1f0a9c2e-`. */
export function uniquePrefix(label: string): string {
  return `${label}-${randomBytes(4).toString('hex')}-`;
}
