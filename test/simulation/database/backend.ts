import type { SessionOptions } from '@tradestream/database';
import type { Task } from '../scheduler.ts';
import type { ClientEnd, Request } from './ends.ts';
import type { StatementHost } from './statement.ts';
import type { Transaction } from './table.ts';

/** What all sessions of a server share. */
export interface ServerState {
  readonly timeline: number;
  readonly scheduler: { readonly nowMs: number };
  nextBatch(): number;
  endBlockersOf(pid: number, applicationName: string): readonly number[];
}

/** The server's end of a connection. */
export class Backend implements StatementHost {
  readonly pid: number;
  readonly applicationName: string;
  readonly session: ClientEnd;
  /** Its commits wait for no standby. */
  readonly isLocal: boolean;
  readonly queue: Request[] = [];
  /** Open since BEGIN. */
  tx: Transaction | null = null;
  /** Of a statement outside of any transaction, while it waits. */
  single: Transaction | null = null;
  /** What holds the first statement of the queue up: a lock, or the standbys. */
  waitsFor: Transaction | 'standbys' | 'its turn' | null = null;
  waitsAtTakenKey = false;
  lockTimer: Task | null = null;
  lastBatch = 0;
  isGone = false;
  readonly #server: ServerState;

  constructor(server: ServerState, session: ClientEnd, options: SessionOptions) {
    this.#server = server;
    this.session = session;
    this.pid = session.backendPid;
    this.applicationName = options.applicationName;
    this.isLocal = options.settings?.['synchronous_commit'] === 'local';
  }

  get timeline(): number {
    return this.#server.timeline;
  }

  get nowMs(): number {
    return this.#server.scheduler.nowMs;
  }

  nextBatch(): number {
    this.lastBatch = this.#server.nextBatch();
    return this.lastBatch;
  }

  /** Takes the rest of a pipeline out of the queue. */
  leaveOut(pipeline: symbol | null): readonly Request[] {
    if (pipeline === null) return [];
    const others = this.queue.findIndex((request) => request.pipeline !== pipeline);
    return this.queue.splice(0, others === -1 ? this.queue.length : others);
  }

  endBlockersOf(pid: number, applicationName: string): readonly number[] {
    return this.#server.endBlockersOf(pid, applicationName);
  }
}
