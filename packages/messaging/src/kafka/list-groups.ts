import type { GroupSummary } from '../ports.ts';
import type { KafkaClient } from './kafka-client.ts';
import { createErrorFromCode } from './kafkajs-internals.ts';
import { LIST_GROUPS, listGroupsRequest } from './wire/list-groups.ts';

/** The groups of every node, sorted; null when a node is too old to say how its groups speak. */
export async function listGroups(client: KafkaClient): Promise<readonly GroupSummary[] | null> {
  const nodes = await client.nodes();
  const listed: GroupSummary[] = [];
  for (const nodeId of nodes) {
    if ((await client.versionMax(nodeId, LIST_GROUPS.apiKey)) < LIST_GROUPS.apiVersion) return null;
    const { errorCode, groups } = await client.send(nodeId, listGroupsRequest());
    if (errorCode !== 0) throw createErrorFromCode(errorCode);
    for (const { group, protocolType, state, type } of groups) {
      listed.push({ group, protocolType, state, protocol: type });
    }
  }
  return listed.sort((left, right) => (left.group < right.group ? -1 : 1));
}
