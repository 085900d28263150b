/** Names of the three topics of one installation. */
export type Topics = {
  readonly commands: string;
  readonly events: string;
  readonly deadLetters: string;
};

/** The names without a prefix. */
export const TOPICS: Topics = topicsWithPrefix('');

/** The names with `prefix` before each, for installations and tests that share a cluster. */
export function topicsWithPrefix(prefix: string): Topics {
  return {
    commands: `${prefix}trade-commands`,
    events: `${prefix}trade-events`,
    deadLetters: `${prefix}trade-commands.dlq`,
  };
}

/** The registry subject of a topic's values. */
export function subjectOf(topic: string): string {
  return `${topic}-value`;
}
