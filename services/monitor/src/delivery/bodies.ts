import { createHmac } from 'node:crypto';
import type { Alert } from '../alerts/alert.ts';

/** Time that Alertmanager keeps an alert after it was last told of it; it is told again more often than that, ms. */
const KEPT_MS = 180_000;
const NO_END = '0001-01-01T00:00:00Z';

/** Alerts of one name that changed together, in the form that Alertmanager gives its webhooks. */
export function webhookBody(alerts: readonly Alert[], externalUrl: string): string {
  const [first] = alerts;
  const items = alerts.map((alert) => ({
    status: alert.state,
    labels: labelsOf(alert),
    annotations: annotationsOf(alert, externalUrl),
    startsAt: alert.startsAt,
    endsAt: alert.endsAt ?? NO_END,
    generatorURL: externalUrl,
    fingerprint: alert.fingerprint,
  }));
  const groupLabels = { alertname: first?.name ?? '' };
  return JSON.stringify({
    version: '4',
    groupKey: `{}:{alertname="${groupLabels.alertname}"}`,
    truncatedAlerts: 0,
    status: alerts.some(({ state }) => state === 'firing') ? 'firing' : 'resolved',
    receiver: 'tradestream',
    groupLabels,
    commonLabels: common(items.map(({ labels }) => labels)),
    commonAnnotations: common(items.map(({ annotations }) => annotations)),
    externalURL: externalUrl,
    alerts: items,
  });
}

/** Body of Alertmanager's `POST /api/v2/alerts`. */
export function alertmanagerBody(alerts: readonly Alert[], externalUrl: string, nowMs: number): string {
  return JSON.stringify(
    alerts.map((alert) => ({
      labels: labelsOf(alert),
      annotations: annotationsOf(alert, externalUrl),
      startsAt: alert.startsAt,
      endsAt: alert.endsAt ?? new Date(nowMs + KEPT_MS).toISOString(),
      ...(externalUrl === '' ? {} : { generatorURL: externalUrl }),
    })),
  );
}

/** Proves to a receiver that shares the key who sent the body, and when: `t=<seconds>,v1=<hex of HMAC-SHA256>`. */
export function signatureOf(body: string, key: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  return `t=${seconds},v1=${createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')}`;
}

function labelsOf({ name, severity, labels }: Alert): Readonly<Record<string, string>> {
  return { ...labels, alertname: name, severity };
}

/** The monitor shows the page itself, where it is known how people reach the monitor. */
function annotationsOf({ summary, runbook }: Alert, externalUrl: string): Readonly<Record<string, string>> {
  const base = externalUrl === '' || externalUrl.endsWith('/') ? externalUrl : `${externalUrl}/`;
  return { summary, runbook_url: `${base}${runbook}` };
}

/** The pairs that all have. */
function common(all: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const [first = {}, ...rest] = all;
  return Object.fromEntries(Object.entries(first).filter(([key, value]) => rest.every((each) => each[key] === value)));
}
