import type { AlertReceiver } from './alert-receiver.ts';
import { eventually } from './eventually.ts';

export type Fault = {
  /** Rules that name it. */
  readonly alerts: readonly string[];
  /** Rules that may name what it does to others. */
  readonly also?: readonly string[];
  readonly harm: () => Promise<void>;
  readonly heal: () => Promise<void>;
};

/** The aim is 15 s, printed; the bound leaves room for a loaded machine. */
const NAMED_MS = 45_000;
const HEALED_MS = 60_000;

/** What a receiver is told while things are harmed and healed one after the other; whatever else it is told is a false alarm. */
export class AlertPhases {
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
  async named({ alerts, also = [], harm, heal }: Fault): Promise<void> {
    this.judge([]);
    const before = new Map(alerts.map((name) => [name, this.countOf(name, 'firing')]));
    const startedMs = performance.now();
    const from = new Date().toISOString();
    await harm();
    try {
      for (const name of alerts) {
        await eventually(() => this.countOf(name, 'firing') > (before.get(name) ?? 0), { withinMs: NAMED_MS }).catch(
          () => {
            const told = this.#receiver.told.map(({ alertname, status }) => `${alertname} ${status}`);
            throw new Error(`${name} was not told; told were ${told.join(', ')}`);
          },
        );
        this.tookMs[name] = Math.round(performance.now() - startedMs);
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

  /** What has fired since the last time, and is not expected, is a false alarm. */
  judge(expected: readonly string[]): void {
    const { told } = this.#receiver;
    const fired = told.slice(this.#judged).filter(({ status }) => status === 'firing');
    this.#judged = told.length;
    for (const { alertname, labels } of fired)
      if (!expected.includes(alertname)) this.falseAlarms.push(`${alertname} ${JSON.stringify(labels)}`);
  }
}
