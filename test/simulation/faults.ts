import type { Life } from './nodes.ts';
import type { TimedFault } from './profile.ts';
import type { Wiring } from './wiring.ts';

/** What the faults of a world act on. */
export interface Victims {
  /** Those that live, workers or projectors. */
  living(kind: 'worker' | 'projector'): readonly Life[];
  kill(life: Life): void;
  stop(life: Life): void;
}

/** Lets go wrong what the profile says, until the world is to heal. */
export function plantFaults(wiring: Wiring, victims: Victims): void {
  const { scheduler, server, log, profile } = wiring;
  const { random } = scheduler;
  const { chances, healedAtMs } = profile;
  const may = (chance: number) => scheduler.nowMs < healedAtMs && random.chance(chance);
  server.faults = {
    cutsBefore: (statement) => may(statement === 'COMMIT' ? chances.cutBeforeCommit : chances.cutBeforeStatement),
    losesAnswers: () => may(chances.loseAnswers),
  };
  log.faults = { losesRequest: () => may(chances.loseRequest), losesAnswer: () => may(chances.loseAnswer) };
  if (chances.crash > 0) {
    scheduler.beforeTask = ({ actor }) => {
      if (!may(chances.crash)) return;
      const life = [...victims.living('worker'), ...victims.living('projector')].find((each) => each.actor === actor);
      if (life !== undefined) victims.kill(life);
    };
  }
  for (const { atMs, fault } of profile.timed) {
    scheduler.after(server.actor, atMs, fault, () => strike(fault, wiring, victims));
  }
}

function strike(fault: TimedFault, wiring: Wiring, victims: Victims): void {
  const { server, scheduler, profile } = wiring;
  const { random } = scheduler;
  const any = (kind: 'worker' | 'projector') => victims.living(kind)[random.below(victims.living(kind).length)];
  const downMs = random.pick([1, 20, 100]);
  switch (fault) {
    case 'kill worker':
    case 'kill projector':
      return withLife(any(fault === 'kill worker' ? 'worker' : 'projector'), (life) => victims.kill(life));
    case 'stop worker':
      return withLife(any('worker'), (life) => victims.stop(life));
    case 'freeze worker':
    case 'freeze projector':
      return withLife(any(fault === 'freeze worker' ? 'worker' : 'projector'), (life) => freeze(life, wiring));
    case 'expel worker':
    case 'expel projector':
      return withLife(any(fault === 'expel worker' ? 'worker' : 'projector'), (life) => expel(life, wiring, downMs));
    case 'restart server':
      return server.restart(downMs);
    case 'promote standby':
      return server.promote(downMs);
    case 'hold standbys':
      return server.holdStandbys(random.pick([50, 700, 2_000]));
    case 'cancel wait':
      return cancelWaits(wiring, profile.standbyMs);
    case 'expire events':
      return expireEvents(wiring);
    case 'cut sessions':
      for (const backend of server.backends) if (random.chance(0.5)) server.terminate(backend);
  }
}

function withLife(life: Life | undefined, run: (life: Life) => void): void {
  if (life !== undefined) run(life);
}

/** Stopped and continued: when it lasts, the group goes on without it, and its sessions stay open. */
function freeze(life: Life, wiring: Wiring): void {
  const { scheduler, profile } = wiring;
  const { sessionTimeoutMs } = profile;
  const ms = sessionTimeoutMs * scheduler.random.pick([0.3, 2, 4]);
  life.actor.frozenUntilMs = Math.max(life.actor.frozenUntilMs, scheduler.nowMs + ms);
  if (ms > sessionTimeoutMs) {
    scheduler.after(wiring.log.actor, sessionTimeoutMs, 'session timeout', () => expel(life, wiring, ms));
  }
}

/** The group takes it for dead, while it goes on. */
function expel({ actor, member }: Life, { scheduler }: Wiring, backAfterMs: number): void {
  member?.expel();
  scheduler.after(actor, backAfterMs, 'finds out', () => member?.join());
}

/**
 * The topic forgets its oldest events, whoever has yet to read them; the last one stays. Of a topic that
 * is empty before it was read a projection hears only with the next event.
 */
function expireEvents({ admin, log, topics, profile, scheduler }: Wiring): void {
  const before = new Map<number, number>();
  for (let partition = 0; partition < profile.partitions; partition += 1) {
    before.set(partition, scheduler.random.below(Math.max(1, log.endOf(topics.events, partition))));
  }
  void admin.deleteRecords(topics.events, before);
}

/** As soon as a commit waits for the standbys. */
function cancelWaits({ server, scheduler }: Wiring, withinMs: number): void {
  server.holdStandbys(withinMs * 4);
  scheduler.after(server.actor, withinMs * 3, 'cancel wait', () => server.cancelWait());
}
