import { endpointsOfService } from '@tradestream/stack';
import { expect, inject, test } from 'vitest';
import { createDatabase } from '../support/scratch.ts';

test('a database of the test itself is on the primary and on every replica', async () => {
  const endpoints = inject('endpoints');
  await using database = await createDatabase(endpoints, 'shared');
  expect(Object.keys(database.replicaUrls)).toEqual(['replica-1', 'replica-2', 'replica-3']);
  expect(new URL(database.url).pathname).toBe(`/${database.name}`);
  expect(endpointsOfService(database.endpoints, 'gateway').replicaUrls['replica-1']).toContain('tradestream_gateway');
});
