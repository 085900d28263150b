import type { Random } from './random.ts';

/** What a seed chooses of its world: its size, its pace, and what goes wrong in it. */
export type Profile = {
  readonly partitions: number;
  readonly commands: number;
  /** Whether there are commands that always fail. */
  readonly cursed: boolean;
  /** The commands are sent over this time. */
  readonly spanMs: number;
  /** Nothing goes wrong from here on: whatever was begun must come to its end. */
  readonly healedAtMs: number;
  readonly batchCommandsMax: number;
  readonly aheadCommandsMin: number;
  readonly cacheEntriesMax: number;
  readonly relayEventsMax: number;
  readonly projectRecordsMax: number;
  readonly pieceMax: number;
  readonly hopMs: number;
  readonly standbyMs: number;
  /** Chance that a statement pauses with a lock it has just taken. */
  readonly pauses: number;
  /** Chance that a message takes many times its time. */
  readonly spikes: number;
  readonly sessionTimeoutMs: number;
  /** Chances at each step. */
  readonly chances: {
    readonly cutBeforeStatement: number;
    readonly cutBeforeCommit: number;
    readonly loseAnswers: number;
    readonly loseRequest: number;
    readonly loseAnswer: number;
    readonly crash: number;
  };
  /** Faults that come at a time of their own. */
  readonly timed: readonly { readonly atMs: number; readonly fault: TimedFault }[];
  /** Null where nobody asks for anything. */
  readonly operators: OperatorProfile | null;
  /** Null where the log keeps all its commands. */
  readonly archive: ArchiveProfile | null;
  /** When somebody reads what he has the receipt of. */
  readonly readsAtMs: readonly number[];
};

/** The log loses its oldest commands, their receipts move to the archive, and copies of them come again. */
export type ArchiveProfile = {
  readonly runs: readonly { readonly atMs: number; readonly isTwice: boolean }[];
  readonly batchEvents: number;
  readonly repeats: number;
};

/** What operators want done with parked records while everything else goes on. */
export type OperatorProfile = {
  /** What always fails is mended then. */
  readonly curedAtMs: number;
  readonly presses: readonly Press[];
  /** Workers look for intents this often. */
  readonly lookEveryMs: number;
  readonly releaseRecordsMax: number;
  readonly keyWaitingMax: number;
};

export type Press = {
  readonly atMs: number;
  readonly verb: 'redrive' | 'discard' | 'edit';
  readonly aim: 'all' | 'failed' | 'one';
  /** Two operators press at once. */
  readonly isTwice: boolean;
};

/** What some worlds have besides; a planted bug may want it in all of its own. */
export const EXTRAS = ['operators', 'archive', 'readers'] as const;
export type Extra = (typeof EXTRAS)[number];

export const TIMED_FAULTS = [
  'kill worker',
  'kill projector',
  'stop worker',
  'freeze worker',
  'freeze projector',
  'expel worker',
  'expel projector',
  'restart server',
  'promote standby',
  'hold standbys',
  'cancel wait',
  'cut sessions',
  'expire events',
] as const;

export type TimedFault = (typeof TIMED_FAULTS)[number];

const TIMED_MAX = 5;
const PRESSES_MAX = 5;
const RUNS_MAX = 3;
const READS = 6;
/** What was sent last takes a while. */
const READS_SPREAD_MS = 50;
/** Chance of each extra. */
const SOME = 0.12;

export function chooseProfile(random: Random): Profile {
  const spanMs = random.pick([20, 100, 400]);
  const healedAtMs = spanMs * random.pick([1, 2, 4]);
  const rate = random.pick([0, 0.002, 0.01, 0.03]);
  /** Each kind is away in some seeds, so that it does not hide what others would show. */
  const some = (most: number) => (random.chance(0.4) ? most * rate : 0);
  const kinds = TIMED_FAULTS.filter(() => random.chance(0.4));
  const count = kinds.length === 0 ? 0 : random.below(TIMED_MAX + 1);
  return {
    partitions: random.pick([2, 3]),
    commands: random.between(12, 26),
    cursed: random.chance(0.15),
    spanMs,
    healedAtMs,
    batchCommandsMax: random.pick([1, 3, 8, 50]),
    aheadCommandsMin: random.pick([1, 2, 6]),
    cacheEntriesMax: 1_000,
    relayEventsMax: random.pick([2, 10, 100]),
    projectRecordsMax: random.pick([1, 4, 50]),
    pieceMax: random.pick([1, 4, 50]),
    hopMs: random.pick([0.2, 1, 4]),
    standbyMs: random.pick([0.5, 4, 25]),
    pauses: random.pick([0, 0, 0.05]),
    spikes: random.pick([0, 0.01, 0.1]),
    sessionTimeoutMs: random.pick([60, 300]),
    chances: {
      cutBeforeStatement: some(0.3),
      cutBeforeCommit: some(3),
      loseAnswers: some(2),
      loseRequest: some(1),
      loseAnswer: some(2),
      crash: some(0.5),
    },
    timed: Array.from({ length: count }, () => ({
      atMs: random.fraction() * healedAtMs,
      fault: kinds[random.below(kinds.length)] ?? 'cut sessions',
    })),
    operators: null,
    archive: null,
    readsAtMs: [],
  };
}

/** Chosen by numbers of their own, so that worlds without extras are what they were. */
export function withExtras(profile: Profile, random: Random, always: readonly Extra[]): Profile {
  const has = Object.fromEntries(EXTRAS.map((extra) => [extra, random.chance(SOME) || always.includes(extra)]));
  return {
    ...profile,
    ...(has['operators'] === true ? { cursed: true, operators: chooseOperators(profile, random) } : {}),
    ...(has['archive'] === true ? { archive: chooseArchive(profile, random), timed: moved(profile, random) } : {}),
    ...(has['readers'] === true ? { readsAtMs: chooseReads(profile, random) } : {}),
  };
}

function chooseArchive({ healedAtMs }: Profile, random: Random): ArchiveProfile {
  return {
    runs: Array.from({ length: random.between(1, RUNS_MAX) }, () => ({
      atMs: healedAtMs * (0.3 + random.fraction() * 0.7) + random.below(40),
      isTwice: random.chance(0.3),
    })),
    batchEvents: random.pick([1, 3, 100]),
    repeats: random.between(2, 8),
  };
}

function chooseReads({ spanMs }: Profile, random: Random): readonly number[] {
  return Array.from({ length: READS }, () => (spanMs + READS_SPREAD_MS) * random.fraction());
}

/** Whoever has seen a command is not the only one that meets its copies. */
function moved({ timed, healedAtMs }: Profile, random: Random): Profile['timed'] {
  const faults = [random.pick<TimedFault>(['expel worker', 'kill worker', 'stop worker']), 'expel worker' as const];
  return [...timed, ...faults.map((fault) => ({ atMs: healedAtMs * random.fraction(), fault }))];
}

function chooseOperators({ healedAtMs }: Profile, random: Random): OperatorProfile {
  return {
    curedAtMs: healedAtMs * random.pick([0.4, 0.8, 1]) + random.below(60),
    presses: Array.from({ length: random.between(1, PRESSES_MAX) }, () => ({
      atMs: random.fraction() * healedAtMs,
      verb: random.pick(['redrive', 'redrive', 'redrive', 'discard', 'edit']),
      aim: random.pick(['all', 'failed', 'one']),
      isTwice: random.chance(0.4),
    })),
    lookEveryMs: random.pick([20, 60, 150]),
    releaseRecordsMax: random.pick([1, 2, 500]),
    keyWaitingMax: random.pick([1, 3, 10_000]),
  };
}
