export { makeAccessTokens } from './endpoints/access-tokens.ts';
export {
  type EndpointsFile,
  endpointsFilePath,
  readEndpoints,
  removeEndpoints,
  writeEndpoints,
} from './endpoints/endpoints-file.ts';
export { endpointsOfService, type ServiceEndpoints } from './endpoints/service-endpoints.ts';
export { STACK_ERRORS, StackError } from './errors.ts';
export { FRUGAL_NODE } from './frugal-node.ts';
export { acquireFileLock, holderPid } from './host/file-lock.ts';
export { openStack } from './open-stack.ts';
export { createProgressReporter, type ProgressReporter } from './progress-reporter.ts';
export { createScratchDatabase, type ScratchDatabase } from './scratch-database.ts';
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
