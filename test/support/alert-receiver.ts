import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Told = {
  readonly alertname: string;
  readonly status: string;
  readonly labels: Record<string, string>;
  /** Of `performance.now()`. */
  readonly atMs: number;
};

type Sent = { readonly status?: string; readonly endsAt: string; readonly labels: Record<string, string> };

/** A webhook receiver, or an Alertmanager, on this machine that can be taken down and remembers what it was told. */
export class AlertReceiver implements AsyncDisposable {
  readonly told: Told[] = [];
  readonly bodies: string[] = [];
  readonly signatures: string[] = [];
  /** The paths that were posted to. */
  readonly paths = new Set<string>();
  #server: Server | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** Base of the API, for a monitor that takes this for an Alertmanager. */
  get origin(): string {
    return `http://${this.allowed}`;
  }

  get allowed(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** What was told of an alert whose labels hold `value`: `firing`, `resolved`, in order. */
  of(alertname: string, value: string): readonly string[] {
    return this.told
      .filter((each) => each.alertname === alertname && Object.values(each.labels).includes(value))
      .map(({ status }) => status);
  }

  /** Listens, on the port it had before. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      void this.#take(request).then(() => response.writeHead(200).end());
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port; // it listens on a port
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #take(request: IncomingMessage): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
    const body = Buffer.concat(chunks).toString('utf8');
    this.bodies.push(body);
    this.signatures.push(String(request.headers['x-tradestream-signature'] ?? ''));
    this.paths.add(request.url ?? '');
    for (const { labels, ...sent } of alertsOf(body))
      this.told.push({ alertname: labels['alertname'] ?? '', status: statusOf(sent), labels, atMs: performance.now() });
  }
}

function alertsOf(body: string): readonly Sent[] {
  const told = JSON.parse(body) as readonly Sent[] | { readonly alerts: readonly Sent[] }; // one form or the other
  return 'alerts' in told ? told.alerts : told;
}

/** An Alertmanager goes by the end: it fires as long as that lies ahead. */
function statusOf({ status, endsAt }: Pick<Sent, 'status' | 'endsAt'>): string {
  return status ?? (Date.parse(endsAt) > Date.now() ? 'firing' : 'resolved');
}
