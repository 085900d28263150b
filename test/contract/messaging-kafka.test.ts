import { openKafka } from '@tradestream/messaging';
import { createLogger } from '@tradestream/runtime';
import { describe, inject } from 'vitest';
import { messagingLaws } from './messaging-laws.ts';

const log = createLogger({ service: 'messaging-laws', level: 'silent' });

describe('the log on Kafka', () => {
  messagingLaws(async () => openKafka({ brokers: inject('endpoints').kafkaBrokers.split(','), clientId: 'laws', log }));
});
