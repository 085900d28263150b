import { expect, test } from 'vitest';
import { generateAvroTypes, staleAvroTypes } from '../../scripts/generate-avro-types.ts';

test('the generated types are what the schemas say', () => {
  expect(generateAvroTypes().map((file) => file.path)).toEqual([
    'packages/contracts/src/generated/trade-command.ts',
    'packages/contracts/src/generated/trade-event.ts',
  ]);
  expect(staleAvroTypes()).toEqual([]);
});
