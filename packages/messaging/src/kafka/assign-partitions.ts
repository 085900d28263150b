/**
 * Partitions in turn to the members that read their topic, members by id: what kafkajs'
 * RoundRobinAssigner does, so that members of both kinds can share a group.
 */
export function assignPartitions(
  members: readonly { readonly memberId: string; readonly topics: readonly string[] }[],
  partitionsOf: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, Readonly<Record<string, number[]>>> {
  const assigned = new Map<string, Record<string, number[]>>(members.map(({ memberId }) => [memberId, {}]));
  for (const [topic, partitions] of partitionsOf) {
    const readers = members
      .filter(({ topics }) => topics.includes(topic))
      .map(({ memberId }) => memberId)
      .sort();
    partitions.forEach((partition, index) => {
      const topics = assigned.get(readers[index % readers.length] ?? '');
      if (topics === undefined) return;
      topics[topic] = [...(topics[topic] ?? []), partition];
    });
  }
  return assigned;
}
