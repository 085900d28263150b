import type { AlertReceiver } from './alert-receiver.ts';
import { eventually } from './eventually.ts';

export type Fault = {
  /** One after the other: what is broken, and the rules that name it. */
  readonly harms: readonly { readonly alerts: readonly string[]; readonly harm: () => Promise<void> }[];
  /** Rules that may name what it does to others. */
  readonly also?: readonly string[];
  readonly heal: () => Promise<void>;
};

/** The aim is 15 s, printed; the bound leaves room for a loaded machine. */
const NAMED_MS = 90_000;
const HEALED_MS = 90_000;

/** What a receiver is told while things are harmed and healed one after the other; whatever else it is told is a false alarm. */
export class AlertPhases {
  /** From the beginning of the harm that an alert names until a receiver was told. */
  readonly tookMs: Record<string, number> = {};
  readonly falseAlarms: string[] = [];
  /** For `tradestream verify --deep --faults`. */
  readonly journal: {
    readonly fault: string;
    readonly alert: string;
    readonly from: string;
    readonly until: string;
  }[] = [];
  readonly #receiver: AlertReceiver;
  #judged = 0;

  constructor(receiver: AlertReceiver) {
    this.#receiver = receiver;
  }

  countOf(alertname: string, status: string): number {
    return this.#receiver.told.filter((each) => each.alertname === alertname && each.status === status).length;
  }

  /** Does harm, waits until each alert was told, heals, and waits until all that was told is over. */
  async named({ harms, also = [], heal }: Fault): Promise<void> {
    this.judge([]);
    const alerts = harms.flatMap((each) => each.alerts);
    const toldBefore = this.#receiver.told.length;
    const from = new Date().toISOString();
    const startedMs = new Map<string, number>();
    try {
      for (const { alerts: names, harm } of harms) {
        for (const name of names) startedMs.set(name, performance.now());
        await harm();
      }
      for (const [name, atMs] of startedMs) {
        const toldMs = await eventually(() => this.#firstTold(name, toldBefore), { withinMs: NAMED_MS });
        this.tookMs[name] = Math.round(toldMs - atMs);
      }
    } finally {
      await heal();
    }
    for (const name of [...alerts, ...also])
      await eventually(() => this.countOf(name, 'resolved') === this.countOf(name, 'firing'), { withinMs: HEALED_MS });
    this.judge([...alerts, ...also]);
    const until = new Date().toISOString();
    for (const alert of alerts) this.journal.push({ fault: `what raises ${alert}`, alert, from, until });
  }

  #firstTold(name: string, index: number): number {
    const later = this.#receiver.told.slice(index);
    const first = later.find(({ alertname, status }) => alertname === name && status === 'firing');
    if (first !== undefined) return first.atMs;
    const told = later.map(({ alertname, status }) => `${alertname} ${status}`);
    throw new Error(`${name} was not told; told were ${told.join(', ')}`);
  }

  /** What has fired since the last time, and is not expected, is a false alarm. */
  judge(expected: readonly string[]): void {
    const { told } = this.#receiver;
    const fired = told.slice(this.#judged).filter(({ status }) => status === 'firing');
    this.#judged = told.length;
    for (const { alertname, labels } of fired)
      if (!expected.includes(alertname)) this.falseAlarms.push(`${alertname} ${JSON.stringify(labels)}`);
  }
}
