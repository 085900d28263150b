import { createMemoryLog } from '@tradestream/messaging';
import { describe } from 'vitest';
import { messagingLaws } from './messaging-laws.ts';

describe('the in-memory log', () => {
  messagingLaws(async () => createMemoryLog());
});
