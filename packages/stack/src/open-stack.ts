import { openEmbedded } from './embedded/open-embedded.ts';
import { GivenStack } from './given/given-stack.ts';
import { PART_NAMES, type Stack, type StackOptions } from './stack.ts';
import { chooseMode, choosePartsToStart, readGivenEndpoints } from './stack-mode.ts';

/**
 * Starts the parts and resolves when all of them serve: the standbys stream, Kafka coordinates
 * groups, the registry has its default compatibility. Endpoints in the environment win: those parts
 * are not started. Several stacks may run beside one another.
 *
 * The stack is ended by `close`, and by its watchdog when this process is gone in whatever way; what
 * both could not end, the next start of this user ends.
 * @throws {StackError} STACK_PLATFORM_UNSUPPORTED, STACK_JAVA_MISSING, STACK_MAVEN_MISSING,
 * STACK_TOOL_MISSING, STACK_DISK_LOW, STACK_FETCH_FAILED, STACK_FETCH_BUSY, STACK_CHECKSUM_MISMATCH,
 * STACK_PART_FAILED, STACK_PORT_TAKEN, STACK_DATA_FOLDER_BUSY, STACK_FOLDER_CLOSED,
 * STACK_USER_MISSING, STACK_ENDPOINTS_INVALID, STACK_CONTAINERS_FAILED
 */
export async function openStack(options: StackOptions): Promise<Stack> {
  const env = options.env ?? process.env;
  const given = readGivenEndpoints(env);
  const toStart = choosePartsToStart(options.parts ?? PART_NAMES, given);
  const mode = options.mode ?? chooseMode(env, toStart);
  switch (mode) {
    case 'given':
      return new GivenStack(given);
    case 'embedded':
      return await openEmbedded(options, toStart, given);
    case 'containers': {
      // Loaded here alone: it brings a hundred packages that the other modes have no use for.
      const { openContainers } = await import('./containers/open-containers.ts');
      return await openContainers(options, toStart, given);
    }
  }
}
