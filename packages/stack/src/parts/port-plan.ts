import { chooseFreePorts } from '../host/choose-ports.ts';
import { NODE_NAMES, type NodeName, PART_NAMES, type PartName } from '../stack.ts';

/** A port for every part, and one more for Kafka's controller. */
export type PortPlan = Readonly<Record<PartName | 'controller', number>>;

/** The fixed ports, and free ones for the rest. @throws {StackError} STACK_PORT_TAKEN */
export async function planPorts(fixed: Partial<Readonly<Record<PartName, number>>>): Promise<PortPlan> {
  const names = [...PART_NAMES, 'controller'] as const;
  const free = await chooseFreePorts(names.length);
  return Object.fromEntries(
    names.map((name, index) => [name, (name === 'controller' ? undefined : fixed[name]) ?? free[index]]),
  ) as PortPlan; // every name is there
}

/** The wanted parts and those that they cannot do without: the registry and standbys need the primary. */
export function completeParts(wanted: readonly PartName[]): readonly PartName[] {
  const needsPrimary = wanted.some((part) => part === 'registry' || part.startsWith('replica-'));
  return PART_NAMES.filter((part) => wanted.includes(part) || (part === 'primary' && needsPrimary));
}

export function nodesOf(parts: readonly PartName[]): readonly NodeName[] {
  return NODE_NAMES.filter((name) => parts.includes(name));
}
