import type { Statement } from '@tradestream/database';
import type { Actor, Scheduler } from '../scheduler.ts';

/** A statement on its way, or COMMIT where there is none; answered by exactly one of the two. */
export type Request = {
  readonly statement: Statement | null;
  /** Statements that were sent together have the same: behind one that fails the others are left out. */
  readonly pipeline: symbol | null;
  readonly answer: (rows: readonly object[], command: string, isAlone: boolean) => void;
  readonly fail: (error: Error) => void;
};

/** Ways of the driver that a planted bug gives up. */
export type SessionManners = {
  readonly commitIsNotAwaited?: boolean;
  readonly alonePasses?: boolean;
  readonly unknownPasses?: boolean;
};

/** Milliseconds, drawn anew each time: of a message one way, and until the standbys have what was written. */
/** How long messages take, and how often a statement pauses at a lock. */
export type Latencies = {
  readonly pauses: () => boolean;
  readonly hop: () => number;
  readonly standby: () => number;
};

/** What may go wrong with a connection; a connection that one of them answers true for is cut there. */
export type ServerFaults = {
  readonly cutsBefore: (statement: string) => boolean;
  readonly losesAnswers: () => boolean;
};

/** The server, as a session's client has it. */
export interface ServerEnd {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly manners: SessionManners;
  hop(): number;
}

/** The client, as its session on the server has it. */
export interface ClientEnd {
  readonly backendPid: number;
  readonly actor: Actor;
  /** Answers that the server has sent reach this end, one behind the other. */
  hear(answers: readonly (() => void)[]): void;
  /** The server or the network has ended the connection. */
  cutOff(delayMs: number): void;
}

/** Where a session's statements go. */
export type SessionLink = {
  readonly receive: (packet: readonly Request[]) => void;
  readonly hangUp: () => void;
};

export function nameOf({ statement }: Request): string {
  return statement === null ? 'COMMIT' : (statement.name ?? statement.text.trimStart().slice(0, 40));
}
