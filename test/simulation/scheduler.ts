import { setImmediate } from 'node:timers';
import type { Random } from './random.ts';

/** A process of the simulation. One that is dead hears nothing any more, one that is frozen hears it later. */
export class Actor {
  readonly name: string;
  alive = true;
  frozenUntilMs = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** Something that will happen to an actor. */
export type Task = {
  atMs: number;
  readonly order: number;
  readonly actor: Actor;
  readonly label: string;
  run: (() => void) | null;
};

const FNV_PRIME = 16_777_619;
const FIRST_HASH = 0x811c9dc5;

/**
 * The only source of what happens next. Whatever an await waits for is a task here, so that one seed
 * has one order of everything, which `trace` sums up. Between two tasks every promise that can go on
 * has gone on.
 */
export class Scheduler {
  readonly random: Random;
  nowMs = 0;
  steps = 0;
  /** Whose turn it is: timers that are set now are this actor's. */
  current: Actor;
  /** Told before each task; may end its actor. */
  beforeTask: ((task: Task) => void) | null = null;
  readonly #outside = new Actor('outside');
  readonly #heap: Task[] = [];
  readonly #lines: string[] | null;
  #order = 0;
  #hash = FIRST_HASH;

  constructor(random: Random, options: { readonly keepLines?: boolean } = {}) {
    this.random = random;
    this.current = this.#outside;
    this.#lines = options.keepLines === true ? [] : null;
  }

  /** What happened so far, as a number: the same for the same seed. */
  get trace(): string {
    return `${this.steps.toString(16)}-${(this.#hash >>> 0).toString(16)}`;
  }

  /** What happened so far, line by line, when it was asked for. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** When the next task is due, if it is not put off; infinite when there is none. */
  get nextAtMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  after(actor: Actor, delayMs: number, label: string, run: () => void): Task {
    this.#order += 1;
    const task: Task = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order, actor, label, run };
    this.#push(task);
    return task;
  }

  cancel(task: Task): void {
    task.run = null;
  }

  /** Adds what has happened to the trace. */
  note(text: string): void {
    let hash = this.#hash;
    for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
    this.#hash = Math.imul(hash ^ (this.nowMs * 1_000), FNV_PRIME);
    this.#lines?.push(`${this.nowMs.toFixed(3)} ${text}`);
  }

  /** Runs tasks until `isOver` says so, nothing is left or a limit is reached; resolves with what ended it. */
  async run(isOver: () => boolean, limits: { readonly untilMs: number; readonly stepsMax: number }) {
    return await new Promise<'over' | 'idle' | 'late'>((resolve, reject) => {
      const turn = () => {
        try {
          if (isOver()) return resolve('over');
          const task = this.#next();
          if (task === null) return resolve('idle');
          if (task.atMs > limits.untilMs || this.steps > limits.stepsMax) return resolve('late');
          this.#take(task);
        } catch (error) {
          return reject(error);
        }
        setImmediate(turn);
      };
      setImmediate(turn);
    });
  }

  #take(task: Task): void {
    this.nowMs = Math.max(this.nowMs, task.atMs);
    this.steps += 1;
    this.beforeTask?.(task);
    if (!task.actor.alive || task.run === null) return;
    this.note(`${task.actor.name} ${task.label}`);
    this.current = task.actor;
    task.run();
  }

  /** The next task of an actor that can hear it. */
  #next(): Task | null {
    for (;;) {
      const task = this.#pop();
      if (task === undefined) return null;
      if (task.run === null || !task.actor.alive) continue;
      if (task.actor.frozenUntilMs <= Math.max(this.nowMs, task.atMs)) return task;
      task.atMs = task.actor.frozenUntilMs;
      this.#push(task);
    }
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !precedes(task, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = task;
  }

  #pop(): Task | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let child = heap[down];
      if (child === undefined) break;
      const right = heap[down + 1];
      if (right !== undefined && precedes(right, child)) {
        child = right;
        down += 1;
      }
      if (!precedes(child, last)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
    return first;
  }
}

function precedes(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
