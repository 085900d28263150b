import { errorOf } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';

/**
 * What a failed exchange with the broker means:
 * `rebalance` the group asks its members to join again · `lost` the group no longer knows this
 * member · `coordinator` it warms up or has moved: look for it again after a pause, the connection is
 * fine · `retry` connection or leader: connect anew after a pause · `fatal` the same request will be
 * refused for ever.
 */
export type Failure = 'rebalance' | 'lost' | 'coordinator' | 'retry' | 'fatal';

const LOST = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID', 'MEMBER_ID_REQUIRED']);

const COORDINATOR = new Set(['GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS', 'NOT_COORDINATOR_FOR_GROUP']);

const FATAL = new Set([
  'CLUSTER_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'ILLEGAL_SASL_STATE',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_CONFIG',
  'INVALID_GROUP_ID',
  'INVALID_PARTITIONS',
  'INVALID_RECORD',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_REQUEST',
  'INVALID_REQUIRED_ACKS',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'MESSAGE_TOO_LARGE',
  'NON_EMPTY_GROUP',
  'OFFSET_OUT_OF_RANGE',
  'POLICY_VIOLATION',
  'RECORD_LIST_TOO_LARGE',
  'SASL_AUTHENTICATION_FAILED',
  'SECURITY_DISABLED',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_SASL_MECHANISM',
  'UNSUPPORTED_VERSION',
]);

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof MessagingError) return thrown.retry === 'never' ? 'fatal' : 'retry';
  const type = protocolTypeOf(thrown);
  if (type === 'REBALANCE_IN_PROGRESS') return 'rebalance';
  if (type !== undefined && LOST.has(type)) return 'lost';
  if (type !== undefined && COORDINATOR.has(type)) return 'coordinator';
  if (hasName(thrown, 'KafkaJSGroupCoordinatorNotFound')) return 'coordinator';
  if (type !== undefined && FATAL.has(type)) return 'fatal';
  return hasName(thrown, 'KafkaJSSASLAuthenticationError') ? 'fatal' : 'retry';
}

/** The broker's name for what went wrong, wherever kafkajs has wrapped it. */
export function protocolTypeOf(thrown: unknown): string | undefined {
  return protocolTypesOf(thrown)[0];
}

/** The same where a request named several topics or groups and kafkajs lists a refusal for each. */
export function protocolTypesOf(thrown: unknown, depth = 0): readonly string[] {
  if (typeof thrown !== 'object' || thrown === null || depth > 5) return [];
  if ('type' in thrown && typeof thrown.type === 'string') return [thrown.type];
  const parts = [
    ...('errors' in thrown && Array.isArray(thrown.errors) ? thrown.errors : []),
    ...('groups' in thrown && Array.isArray(thrown.groups) ? thrown.groups : []),
    ...('error' in thrown ? [thrown.error] : []),
    ...('cause' in thrown ? [thrown.cause] : []),
  ];
  return parts.flatMap((part: unknown) => protocolTypesOf(part, depth + 1));
}

/** A broker's refusal, or its silence, as the typed error that callers see. */
export function messagingErrorOf(thrown: unknown, context: Readonly<Record<string, unknown>>): MessagingError {
  if (thrown instanceof MessagingError) return thrown;
  const cause = errorOf(thrown);
  const type = protocolTypeOf(thrown);
  const detail = type ?? cause.message;
  const unknown = type === 'UNKNOWN_TOPIC_OR_PARTITION' || hasName(thrown, 'KafkaJSTopicMetadataNotLoaded');
  if (unknown) return new MessagingError('MSG_UNKNOWN_TOPIC', { cause, context });
  if (type === 'OFFSET_OUT_OF_RANGE') return new MessagingError('MSG_OFFSET_OUT_OF_RANGE', { cause, context });
  return new MessagingError(failureOf(thrown) === 'fatal' ? 'MSG_REFUSED' : 'MSG_UNREACHABLE', {
    cause,
    detail,
    context,
  });
}

function hasName(thrown: unknown, name: string): boolean {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if (error.name === name) return true;
  }
  return false;
}
