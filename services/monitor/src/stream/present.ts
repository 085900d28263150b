import type { AlertAnswer, HealthAnswer, LagAnswer, PipelineAnswer, ReplicationAnswer } from '@tradestream/answers';

/** What routes and pages answer from: memory. */
export type Answers = {
  readonly lag: () => LagAnswer | null;
  readonly replicationAnswer: () => ReplicationAnswer;
  readonly health: () => HealthAnswer;
  readonly pipeline: () => PipelineAnswer;
};

/** All that a page shows of now. */
export type Present = {
  readonly lag: LagAnswer | null;
  readonly replication: ReplicationAnswer;
  readonly pipeline: PipelineAnswer;
  readonly health: HealthAnswer;
  readonly alerts: readonly AlertAnswer[];
};

export function presentOf(watch: Answers, alerts: { readonly answer: () => readonly AlertAnswer[] }): Present {
  return {
    lag: watch.lag(),
    replication: watch.replicationAnswer(),
    pipeline: watch.pipeline(),
    health: watch.health(),
    alerts: alerts.answer(),
  };
}
