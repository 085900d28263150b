import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { eventually } from '../support/eventually.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { findProgram, startAlertmanager } from '../support/prometheus-tools.ts';

const WITHIN_MS = 60_000;
const MONITOR_URL = 'https://monitor.example';

type Shown = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: { readonly state: string };
  readonly generatorURL: string;
};

const alertmanager = findProgram('alertmanager');
const promtool = findProgram('promtool');

// Go programs: `go install github.com/prometheus/alertmanager/cmd/alertmanager@v0.28.1` (later versions need their
// own build for the page), `go install github.com/prometheus/prometheus/cmd/promtool@latest`.
test.skipIf(alertmanager === null)(
  'a real Alertmanager takes the alerts, tells them in its groups with the page that says what to do, and that they are over',
  async () => {
    if (alertmanager === null) return;
    await using hook = new AlertReceiver();
    await hook.start();
    await using manager = await startAlertmanager(alertmanager, hook.url);
    await using world = await openMonitorWorld(inject('endpoints'), 'monitor-alertmanager', 1);
    await using _monitor = await monitorOf(world, {
      TRADESTREAM_MONITOR_ALERTMANAGER_URL: manager.url,
      TRADESTREAM_MONITOR_RECEIVERS_ALLOWED: manager.place,
      TRADESTREAM_MONITOR_EXTERNAL_URL: MONITOR_URL,
    });
    const told = (name: string, status: string) =>
      hook.told.some((each) => each.alertname === name && each.status === status);
    const gone = ['WorkerGone', 'ProjectorGone'];
    await eventually(() => gone.every((name) => told(name, 'firing')), { withinMs: WITHIN_MS });
    // Of one severity, and so in one notification.
    const body = JSON.parse(hook.bodies[0] ?? '') as {
      groupLabels: object;
      alerts: { labels: { alertname: string } }[];
    }; // its webhook
    expect(body.groupLabels).toEqual({ severity: 'critical' });
    expect(body.alerts.map(({ labels }) => labels.alertname).toSorted()).toEqual(gone.toSorted());
    const shown = (await (await fetch(`${manager.url}/api/v2/alerts`)).json()) as readonly Shown[]; // its API
    expect(shown.find(({ labels }) => labels['alertname'] === 'WorkerGone')).toMatchObject({
      status: { state: 'active' },
      labels: { severity: 'critical', role: 'worker' },
      annotations: { runbook_url: `${MONITOR_URL}/docs/operations/worker-gone.md` },
      generatorURL: MONITOR_URL,
    });
    world.startWorker();
    await eventually(() => told('WorkerGone', 'resolved'), { withinMs: WITHIN_MS });
    expect(told('ProjectorGone', 'resolved')).toBe(false);
  },
  120_000,
);

test.skipIf(promtool === null)('Prometheus reads the rules that are shipped', async () => {
  if (promtool === null) return;
  const { stdout } = await promisify(execFile)(promtool, ['check', 'rules', 'docs/monitoring/prometheus-rules.yml']);
  expect(stdout).toContain('SUCCESS');
});
