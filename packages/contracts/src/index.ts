export { decodeCommand, encodeCommand } from './avro/command-codec.ts';
export type { CommandMessage } from './avro/command-message.ts';
export {
  decodeEvent,
  type EventContent,
  type EventNumbers,
  EventPack,
  type EventPlace,
  encodeEvent,
  type FramedEvents,
  type ReadValues,
} from './avro/event-codec.ts';
export { FRAME_BYTES, frame, readFrame } from './avro/wire-frame.ts';
export { parseWriterSchema, type WriterSchema } from './avro/writer-schema.ts';
export { commandToJson, type ParsedCommand, parseCommandJson } from './command-json.ts';
export { formatTime, parseTime } from './command-time.ts';
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
export { GROUP_SETTINGS, LOG_SETTINGS } from './log-settings.ts';
export { payloadDigest, payloadHash } from './payload-hash.ts';
export { ownSchemaIds, type StoredSchema } from './registry/own-schemas.ts';
export { openSchemas, type SchemaIds, type Schemas } from './registry/schemas.ts';
export { type WatchRegistryOptions, watchRegistry } from './registry/watch-registry.ts';
export { decodeToken, encodeToken, mergeTokens, type Token } from './token.ts';
export { subjectOf, TOPICS, type Topics, topicsWithPrefix } from './topics.ts';
