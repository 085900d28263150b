import type { ReplicationAnswer } from '@tradestream/answers';
import type { Reading } from '../sources/sampler.ts';
import type { NodeSample } from './sample-node.ts';
import { WalClock } from './wal-clock.ts';

type Node = ReplicationAnswer['nodes'][number];
type Known = { readonly reading: Reading<NodeSample> | null; readonly failure: string };

export type ReplicationBookOptions = {
  readonly names: readonly string[];
  readonly lagSecondsMax: number;
};

/** What is known of every node, and how far each is behind the one that writes. */
export class ReplicationBook {
  readonly #options: ReplicationBookOptions;
  readonly #known: Map<string, Known>;
  readonly #clock = new WalClock();
  #primaryName: string | null = null;

  constructor(options: ReplicationBookOptions) {
    this.#options = options;
    this.#known = new Map(options.names.map((name) => [name, { reading: null, failure: 'not asked yet' }]));
  }

  /** The node that last said that it is no standby; null before one did. */
  get primaryName(): string | null {
    return this.#primaryName;
  }

  /** A replica that is well; null when none is. */
  get healthyReplicaName(): string | null {
    const { nodes } = this.answer(Date.now());
    return nodes.find(({ role, healthy }) => role === 'replica' && healthy)?.name ?? null;
  }

  take(name: string, reading: Reading<NodeSample>): void {
    this.#known.set(name, { reading, failure: '' });
    if (reading.value.standby) return;
    this.#primaryName = name;
    this.#clock.mark(reading.value.position, reading.atMs);
  }

  fail(name: string, failure: string): void {
    this.#known.set(name, { reading: this.#known.get(name)?.reading ?? null, failure });
  }

  answer(nowMs: number): ReplicationAnswer {
    const primary = this.#primaryName === null ? null : (this.#known.get(this.#primaryName) ?? null);
    const nodes = [...this.#known].map(([name, known]) => this.#node(name, known, { primary, nowMs }));
    return { nodes, slots: [...(primary?.reading?.value.slots ?? [])] };
  }

  #node(name: string, { reading, failure }: Known, at: { primary: Known | null; nowMs: number }): Node {
    const sample = reading?.value ?? null;
    if (sample === null || failure !== '') {
      const role = sample === null ? 'unknown' : sample.standby ? 'replica' : 'primary';
      return { ...UNKNOWN, name, role, problem: failure, lagSeconds: this.#staleLag(sample, at.nowMs) };
    }
    const { timeline, conflicts } = sample;
    if (!sample.standby) {
      return { ...UNKNOWN, name, role: 'primary', lagBytes: 0, lagSeconds: 0, timeline, conflicts, healthy: true };
    }
    const primary = at.primary?.reading?.value ?? null;
    const standby = primary?.standbys.find((each) => each.name === sample.standbyName) ?? null;
    const lagSeconds = this.#clock.secondsBehind(sample.position, reading?.atMs ?? at.nowMs);
    const problem = this.#problemOf(sample, lagSeconds, primary);
    return {
      name,
      role: 'replica',
      syncState: standby?.syncState ?? null,
      lagBytes: primary === null ? null : Math.max(0, primary.position - sample.position),
      lagSeconds: lagSeconds === null ? null : Math.round(lagSeconds * 1_000) / 1_000,
      healthy: problem === '',
      problem,
      timeline,
      replayPaused: sample.paused,
      streaming: sample.receiver === 'streaming',
      conflicts,
    };
  }

  #problemOf(sample: NodeSample, lagSeconds: number | null, primary: NodeSample | null): string {
    if (sample.paused === true) return 'replay is paused';
    if (sample.receiver === null) return 'its WAL receiver does not run';
    if (sample.receiver !== 'streaming') return `its WAL receiver is ${sample.receiver}`;
    if (primary !== null && sample.timeline !== null && primary.timeline !== null && sample.timeline < primary.timeline)
      return `it follows timeline ${sample.timeline}, the primary writes ${primary.timeline}`;
    if (lagSeconds !== null && lagSeconds > this.#options.lagSecondsMax)
      return `it is ${Math.round(lagSeconds)} s behind`;
    return '';
  }

  /** A standby that cannot be asked is at least as far behind as where it was seen last. */
  #staleLag(sample: NodeSample | null, nowMs: number): number | null {
    return sample?.standby === true ? this.#clock.secondsBehind(sample.position, nowMs) : null;
  }
}

const UNKNOWN: Omit<Node, 'name' | 'role'> = {
  syncState: null,
  lagBytes: null,
  lagSeconds: null,
  healthy: false,
  problem: '',
  timeline: null,
  replayPaused: null,
  streaming: null,
  conflicts: null,
};
