import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the proxy does with bytes: lets them through, drops them without a word, or refuses connections. */
export type ProxyMode = 'pass' | 'drop' | 'refuse';

/** `greeting` is a client's first write, in which PostgreSQL's say their name. */
export type ProxyConnection = { readonly greeting: Buffer };
type Pair = {
  readonly client: Socket;
  readonly server: Socket;
  connection: ProxyConnection | null;
  isCut: boolean;
  /** The end of what the server said, while its COMMIT is waited for. */
  awaited: Buffer | null;
};

/**
 * Called with the bytes of one write of a client, before they are passed on. `cut-before` ends both
 * sides and the bytes never arrive; `cut-after` passes them on and ends the client's side before any answer;
 * `cut-commit` passes them on and ends both when PostgreSQL answers that it has committed.
 */
export type ProxyRule = (
  bytes: Buffer,
  connection: ProxyConnection,
) => 'pass' | 'cut-before' | 'cut-after' | 'cut-commit';

const COMMITTED = Buffer.from('COMMIT\0');

type Target = { readonly host: string; readonly port: number };

/** A way to a server that can be made to fail. In mode `drop` both sides believe the other is there. */
export class TcpProxy implements AsyncDisposable {
  mode: ProxyMode = 'pass';
  rule: ProxyRule = () => 'pass';
  /** Bytes of each write come this much later on the other side, milliseconds. */
  latencyMs = 0;
  /** Changes what the server says, such as the address under which it wants to be called. */
  rewrite: (bytes: Buffer) => Buffer = (bytes) => bytes;
  /** Where new connections lead. */
  target: Target;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #accepted = 0;
  #dropped = 0;

  private constructor(server: Server, target: Target) {
    this.#server = server;
    this.target = target;
  }

  /** Listens on a free port of 127.0.0.1. */
  static async open(target: Target): Promise<TcpProxy> {
    const server = createServer({ pauseOnConnect: false });
    const proxy = new TcpProxy(server, target);
    server.on('connection', (client) => proxy.#accept(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** A proxy before the server of a URL, and the URL that leads through it. */
  static async before(url: string): Promise<{ readonly proxy: TcpProxy; readonly url: string }> {
    const target = new URL(url);
    const proxy = await TcpProxy.open({ host: target.hostname, port: Number(target.port) });
    target.hostname = '127.0.0.1';
    target.port = String(proxy.port);
    return { proxy, url: target.href };
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  get open(): number {
    return this.#pairs.size;
  }

  /** Writes that went nowhere, in mode `drop`. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Ends every connection with a reset. */
  resetAll(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resetAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    if (this.mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.target.port, this.target.host);
    const pair: Pair = { client, server, connection: null, isCut: false, awaited: null };
    this.#pairs.add(pair);
    const toServer = new LateWriter((bytes) => this.#fromClient(pair, bytes));
    const toClient = new LateWriter((bytes) => {
      if (this.mode === 'drop') this.#dropped += 1;
      else if (saysCommitted(pair, bytes)) client.resetAndDestroy();
      else if (!client.destroyed) client.write(this.rewrite(bytes));
    });
    client.on('data', (bytes) => toServer.push(bytes, this.latencyMs));
    server.on('data', (bytes) => toClient.push(bytes, this.latencyMs));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => one.destroy());
      one.on('close', () => {
        // A network that drops packets drops the one that says goodbye, too.
        if (this.mode === 'drop') return;
        // What was passed on must arrive: a reset could overtake it.
        if (one === client && pair.isCut) return;
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  #fromClient(pair: Pair, bytes: Buffer): void {
    if (this.mode === 'drop') {
      this.#dropped += 1;
      return;
    }
    pair.connection ??= { greeting: bytes };
    switch (this.rule(bytes, pair.connection)) {
      case 'pass':
        pair.server.write(bytes);
        return;
      case 'cut-before':
        pair.client.resetAndDestroy();
        pair.server.destroy();
        return;
      case 'cut-commit':
        pair.awaited = Buffer.alloc(0);
        pair.server.write(bytes);
        return;
      case 'cut-after':
        pair.isCut = true;
        pair.client.resetAndDestroy();
        // `end` sends what was written before it says goodbye.
        pair.server.end(bytes);
        return;
    }
  }
}

/** Whether the answer that is to be cut off has come, in one write or in two. */
function saysCommitted(pair: Pair, bytes: Buffer): boolean {
  if (pair.awaited === null) return false;
  const said = Buffer.concat([pair.awaited, bytes]);
  pair.awaited = said.subarray(Math.max(0, said.length - COMMITTED.length + 1));
  return said.includes(COMMITTED);
}

/** Hands bytes on in their order, each after its time. */
class LateWriter {
  readonly #write: (bytes: Buffer) => void;
  readonly #waiting: Buffer[] = [];

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  push(bytes: Buffer, latencyMs: number): void {
    if (latencyMs === 0 && this.#waiting.length === 0) return this.#write(bytes);
    this.#waiting.push(bytes);
    setTimeout(() => {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#write(next);
    }, latencyMs);
  }
}
