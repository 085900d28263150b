export { makeAccessTokens } from './access-tokens.ts';
export { STACK_ERRORS, StackError } from './errors.ts';
export { openStack } from './open-stack.ts';
export { createScratchDatabase, type ScratchDatabase } from './scratch-database.ts';
export { endpointsOfService, type ServiceEndpoints } from './service-endpoints.ts';
export {
  type AccessTokens,
  type Endpoints,
  NODE_NAMES,
  type NodeName,
  PART_NAMES,
  type PartName,
  REPLICA_NAMES,
  type ReplicaName,
  SERVICE_NAMES,
  type ServiceName,
  type Stack,
  type StackMode,
  type StackOptions,
  type StackProgress,
} from './stack.ts';
