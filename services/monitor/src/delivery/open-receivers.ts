import { createHash } from 'node:crypto';
import type { Logger } from '@tradestream/runtime';
import type { MonitorConfig } from '../config.ts';
import { alertmanagerBody, signatureOf, webhookBody } from './bodies.ts';
import { post } from './post.ts';
import { Receiver, type ReceiverOptions } from './receiver.ts';

const TIMEOUT_MS = 5_000;

export type Receivers = {
  readonly all: readonly Receiver[];
  /** Alertmanager forgets an alert that it is not told of again. */
  readonly alertmanager: Receiver | null;
};

/** The receivers that are configured. The log hears of every alert besides. */
export function openReceivers(
  config: MonitorConfig,
  options: { readonly log: Logger; readonly onDelivered: ReceiverOptions['onDelivered'] },
): Receivers {
  const external = config.TRADESTREAM_MONITOR_EXTERNAL_URL;
  const allowed = config.TRADESTREAM_MONITOR_RECEIVERS_ALLOWED;
  const key = config.TRADESTREAM_MONITOR_WEBHOOK_KEY;
  const alertmanagerUrl = config.TRADESTREAM_MONITOR_ALERTMANAGER_URL;
  const webhooks = config.TRADESTREAM_MONITOR_WEBHOOK_URL.map(
    (url) =>
      new Receiver({
        name: `webhook-${digestOf(url)}`,
        ...options,
        send: async (alerts) => {
          const body = webhookBody(alerts, external);
          const headers = key === '' ? {} : { 'x-tradestream-signature': signatureOf(body, key, Date.now()) };
          await post({ url, body, headers, allowed, timeoutMs: TIMEOUT_MS });
        },
      }),
  );
  const alertmanager = new Receiver({
    name: 'alertmanager',
    ...options,
    send: async (alerts) => {
      const url = new URL('api/v2/alerts', alertmanagerUrl.endsWith('/') ? alertmanagerUrl : `${alertmanagerUrl}/`);
      const body = alertmanagerBody(alerts, external, Date.now());
      await post({ url: url.href, body, headers: {}, allowed, timeoutMs: TIMEOUT_MS });
    },
  });
  const all = [...webhooks, ...(alertmanagerUrl === '' ? [] : [alertmanager])];
  return { all, alertmanager: alertmanagerUrl === '' ? null : alertmanager };
}

/** A URL may hold a secret: what is stored and logged of it tells only whether it is the same. */
function digestOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 8);
}
