export { type CommandMessage, decodeCommand, encodeCommand } from './avro/command-codec.ts';
export {
  decodeEvent,
  type EventContent,
  type EventPlace,
  encodeEvent,
  encodeEventAt,
  encodeEventHead,
  encodeEventTail,
} from './avro/event-codec.ts';
export { frame, readFrame } from './avro/wire-frame.ts';
export type { WriterSchema } from './avro/writer-schema.ts';
export { CONTRACT_ERRORS, ContractError } from './errors.ts';
export { commandHeaders, deadLetterHeaders, eventHeaders, eventId, type HeaderValues, headerText } from './headers.ts';
export {
  fileCommandId,
  NAMESPACE,
  newCommandId,
  normaliseUuid,
  type RecordOrigin,
  type ResolvedId,
  recordCommandId,
  resolveCommandId,
  tradeCommandId,
} from './ids.ts';
export { payloadHash } from './payload-hash.ts';
export { decodeToken, encodeToken, mergeTokens, type Token } from './token.ts';
export { subjectOf, TOPICS, type Topics, topicsWithPrefix } from './topics.ts';
