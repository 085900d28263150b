import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../alerts/alert.ts';
import { alertmanagerBody, webhookBody } from './bodies.ts';

/** Prometheus' rule for the names of labels and annotations. */
const LABELS = {
  type: 'object',
  propertyNames: { pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$' },
  additionalProperties: { type: 'string' },
} as const;
/** What `POST /api/v2/alerts` of Alertmanager takes: at least one label, times by RFC 3339, a URI. */
const POSTABLE_ALERTS = {
  type: 'array',
  items: {
    type: 'object',
    required: ['labels'],
    additionalProperties: false,
    properties: {
      labels: { ...LABELS, minProperties: 1, required: ['alertname'] },
      annotations: LABELS,
      startsAt: { type: 'string', format: 'date-time' },
      endsAt: { type: 'string', format: 'date-time' },
      generatorURL: { type: 'string', format: 'uri' },
    },
  },
} as const;
/** Version 4 of what Alertmanager posts to its webhooks. */
const WEBHOOK = {
  type: 'object',
  required: ['version', 'groupKey', 'truncatedAlerts', 'status', 'receiver', 'groupLabels', 'commonLabels'].concat([
    'commonAnnotations',
    'externalURL',
    'alerts',
  ]),
  additionalProperties: false,
  properties: {
    version: { const: '4' },
    groupKey: { type: 'string', minLength: 1 },
    truncatedAlerts: { type: 'integer', minimum: 0 },
    status: { enum: ['firing', 'resolved'] },
    receiver: { type: 'string' },
    groupLabels: LABELS,
    commonLabels: LABELS,
    commonAnnotations: LABELS,
    externalURL: { type: 'string' },
    alerts: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['status', 'labels', 'annotations', 'startsAt', 'endsAt', 'generatorURL', 'fingerprint'],
        additionalProperties: false,
        properties: {
          status: { enum: ['firing', 'resolved'] },
          labels: LABELS,
          annotations: LABELS,
          startsAt: { type: 'string', format: 'date-time' },
          endsAt: { type: 'string', format: 'date-time' },
          generatorURL: { type: 'string' },
          fingerprint: { type: 'string', pattern: '^[0-9a-f]{16}$' },
        },
      },
    },
  },
};

const ajv = new Ajv({ allErrors: true });
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
ajv.addFormat('uri', (text: string) => URL.canParse(text));
const errorsOf = (schema: object, body: string) => {
  ajv.validate(schema, JSON.parse(body));
  return (ajv.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
};

type Sent = {
  readonly startsAt: string;
  readonly endsAt: string;
  readonly labels: object;
  readonly annotations: { readonly runbook_url: string };
};

const NOW_MS = Date.parse('2026-01-02T03:04:05.678Z');
const FIRING: Alert = {
  fingerprint: '0123456789abcdef',
  name: 'ConsumerStopped',
  severity: 'warning',
  state: 'firing',
  summary: 'Group <b>"x"</b> has unread records and no member',
  runbook: 'docs/operations/consumer-lag.md',
  startsAt: '2026-01-02T03:04:00.000Z',
  endsAt: null,
  labels: { kind: 'group', group: '<b>"x"</b>\n{{ $labels.group }}' },
};
const RESOLVED: Alert = { ...FIRING, state: 'resolved', endsAt: '2026-01-02T03:04:05.000Z' };

describe('what receivers are sent', () => {
  test.each(['', 'https://monitor.example/'])('Alertmanager takes it, with the address %j', (external) => {
    const body = alertmanagerBody([FIRING, RESOLVED], external, NOW_MS);
    expect(errorsOf(POSTABLE_ALERTS, body)).toEqual([]);
    const [firing, resolved] = JSON.parse(body) as Sent[]; // as was seen
    expect(firing?.annotations.runbook_url).toBe(`${external}docs/operations/consumer-lag.md`);
    expect(firing?.labels).toEqual({ ...FIRING.labels, alertname: 'ConsumerStopped', severity: 'warning' });
    // It fires as long as its end lies ahead, and has ended when that is past.
    expect(Date.parse(firing?.endsAt ?? '')).toBeGreaterThan(NOW_MS);
    expect(Date.parse(resolved?.endsAt ?? '')).toBeLessThanOrEqual(NOW_MS);
  });

  test('what Alertmanager refuses is seen by the same rules', () => {
    expect(errorsOf(POSTABLE_ALERTS, '[{"labels":{}}]')).toContain('/0/labels must NOT have fewer than 1 properties');
    expect(errorsOf(POSTABLE_ALERTS, '[{"labels":{"alertname":"a","b-c":"d"},"startsAt":"1"}]')).toHaveLength(3);
  });

  test('a webhook is sent what Alertmanager would send it', () => {
    for (const alerts of [[FIRING], [FIRING, RESOLVED], [RESOLVED]]) {
      const body = webhookBody(alerts, 'https://monitor.example/');
      expect(errorsOf(WEBHOOK, body)).toEqual([]);
      expect(JSON.parse(body)).toMatchObject({ status: alerts.includes(FIRING) ? 'firing' : 'resolved' });
    }
  });
});
