import { fileURLToPath } from 'node:url';
import { errorOf, sleep } from '@tradestream/runtime';
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers';
import { StackError } from '../errors.ts';
import { isKafkaReady } from '../parts/kafka-probe.ts';
import { completeParts, nodesOf, planPorts } from '../parts/port-plan.ts';
import { isRegistryReady, registryUrl } from '../parts/registry-part.ts';
import { makeStackState } from '../parts/stack-state.ts';
import type { PartName, Stack, StackOptions } from '../stack.ts';
import type { GivenEndpoints } from '../stack-mode.ts';
import { composeEnvironment } from './compose-environment.ts';
import { ContainerStack } from './container-stack.ts';

const PROJECT_FOLDER = fileURLToPath(new URL('../../../..', import.meta.url));
const START_MS = 180_000;
const SERVING_MS = 60_000;
const POLL_MS = 200;

/**
 * Starts docker-compose.yml with ports and passwords of this run. The containers end with this
 * process: testcontainers brings a watchdog of its own.
 */
export async function openContainers(
  options: StackOptions,
  wanted: readonly PartName[],
  given: GivenEndpoints,
): Promise<Stack> {
  if (options.dataDir !== undefined) {
    throw new StackError('STACK_CONTAINERS_FAILED', { detail: 'a data folder is for the embedded stack alone' });
  }
  const parts = completeParts(wanted);
  const ports = await planPorts(options.ports ?? {});
  const state = makeStackState();
  for (const part of parts) options.onProgress?.({ part, state: 'starting' });
  let started: StartedDockerComposeEnvironment;
  try {
    started = await new DockerComposeEnvironment(PROJECT_FOLDER, 'docker-compose.yml')
      .withEnvironment({ ...composeEnvironment(ports, state) })
      .withDefaultWaitStrategy(Wait.forListeningPorts())
      .withStartupTimeout(START_MS)
      .up([...parts]);
  } catch (cause) {
    throw new StackError('STACK_CONTAINERS_FAILED', { cause, detail: errorOf(cause).message });
  }
  const stack = new ContainerStack({ parts, ports, state, given, started, nodes: nodesOf(parts) });
  try {
    if (parts.includes('kafka')) await waitUntil('kafka', () => isKafkaReady(ports.kafka), options.signal);
    if (parts.includes('registry')) {
      await waitUntil('registry', () => isRegistryReady(registryUrl(ports.registry)), options.signal);
    }
    if (parts.includes('primary')) await stack.waitForStreaming(options.signal);
  } catch (error) {
    await stack.close();
    throw error;
  }
  for (const part of parts) options.onProgress?.({ part, state: 'ready' });
  return stack;
}

async function waitUntil(
  part: PartName,
  check: () => Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + SERVING_MS;
  while (!(await check())) {
    if (performance.now() > deadline)
      throw new StackError('STACK_PART_FAILED', { context: { part }, detail: 'does not serve' });
    await sleep(POLL_MS, signal);
  }
}
