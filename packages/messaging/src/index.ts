export { MESSAGING_ERRORS, MessagingError } from './errors.ts';
export type { JobTimer } from './jobs/job-timer.ts';
export { createMemoryJobQueue, openMemoryJobTimer } from './jobs/memory-job-timer.ts';
export { openRedisJobTimer } from './jobs/redis-job-timer.ts';
export type { KafkaOptions } from './kafka/kafka-options.ts';
export { openKafka } from './kafka/open-kafka.ts';
export { createMemoryLog } from './memory/memory-log.ts';
export { partitionOf } from './partition-of.ts';
export type {
  GroupMember,
  GroupSummary,
  LogAdmin,
  LogReader,
  LogRecord,
  MessageLog,
  OutgoingRecord,
  PartitionRange,
  Producer,
  RecordBatch,
  RecordHeaders,
  RecordPlace,
  SubscribeOptions,
  Subscription,
  SubscriptionHandler,
} from './ports.ts';
