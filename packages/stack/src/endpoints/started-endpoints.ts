import type { PortPlan } from '../parts/port-plan.ts';
import { registryUrl } from '../parts/registry-part.ts';
import type { StackState } from '../parts/stack-state.ts';
import { type Endpoints, type NodeName, type PartName, SERVICE_NAMES, type ServiceName } from '../stack.ts';

/** Of parts on this machine, with the roles that the present primary and standbys have. */
export function startedEndpoints(of: {
  readonly parts: readonly PartName[];
  readonly ports: PortPlan;
  readonly state: StackState;
  readonly primary: NodeName;
  readonly standbys: readonly NodeName[];
}): Endpoints {
  const { parts, ports, state, primary, standbys } = of;
  const ifPart = (part: PartName, url: string) => (parts.includes(part) ? url : '');
  const serviceUrls = SERVICE_NAMES.map((name) => [
    name,
    ifPart('primary', nodeUrl(`tradestream_${name}`, state.passwords[name], ports[primary])),
  ]);
  return {
    kafkaBrokers: ifPart('kafka', `127.0.0.1:${ports.kafka}`),
    schemaRegistryUrl: ifPart('registry', registryUrl(ports.registry)),
    databaseUrl: ifPart('primary', ownerUrl(state, ports[primary])),
    replicaUrls: Object.fromEntries(standbys.map((name) => [name, ownerUrl(state, ports[name])])),
    redisUrl: ifPart('redis', `redis://:${state.passwords.redis}@127.0.0.1:${ports.redis}`),
    serviceUrls: Object.fromEntries(serviceUrls) as Record<ServiceName, string>, // every service is there
  };
}

export function ownerUrl(state: StackState, port: number): string {
  return nodeUrl('tradestream', state.passwords.owner, port);
}

function nodeUrl(user: string, password: string, port: number): string {
  return `postgresql://${user}:${password}@127.0.0.1:${port}/tradestream`;
}
