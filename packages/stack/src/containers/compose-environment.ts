import type { PortPlan } from '../parts/port-plan.ts';
import type { StackState } from '../parts/stack-state.ts';
import { PART_NAMES, SERVICE_NAMES } from '../stack.ts';

/** The variables of docker-compose.yml: a port for each part and a password for each role. */
export function composeEnvironment(ports: PortPlan, state: StackState): Readonly<Record<string, string>> {
  const { passwords } = state;
  const roles = ['replicator', 'registry', 'redis', ...SERVICE_NAMES] as const;
  return {
    TRADESTREAM_PASSWORD: passwords.owner,
    ...Object.fromEntries(PART_NAMES.map((part) => [`${variable(part)}_PORT`, String(ports[part])])),
    ...Object.fromEntries(roles.map((role) => [`TRADESTREAM_${variable(role)}_PASSWORD`, passwords[role]])),
  };
}

function variable(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
