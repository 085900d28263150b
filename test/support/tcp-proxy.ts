import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the proxy does with bytes: lets them through, drops them without a word, or refuses connections. */
export type ProxyMode = 'pass' | 'drop' | 'refuse';

type Pair = { readonly client: Socket; readonly server: Socket };

/**
 * Called with the bytes of one write of a client, before they are passed on. `cut-before` ends both
 * sides and the bytes never arrive; `cut-after` passes them on and ends the client's side before any answer.
 */
export type ProxyRule = (bytes: Buffer) => 'pass' | 'cut-before' | 'cut-after';

/** A way to a server that can be made to fail. In mode `drop` both sides believe the other is there. */
export class TcpProxy implements AsyncDisposable {
  mode: ProxyMode = 'pass';
  rule: ProxyRule = () => 'pass';
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #accepted = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a free port of 127.0.0.1. */
  static async open(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const server = createServer({ pauseOnConnect: false });
    const proxy = new TcpProxy(server);
    server.on('connection', (client) => proxy.#accept(client, target));
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

  #accept(client: Socket, target: { readonly host: string; readonly port: number }): void {
    this.#accepted += 1;
    if (this.mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(target.port, target.host);
    const pair = { client, server };
    this.#pairs.add(pair);
    client.on('data', (bytes) => this.#fromClient(pair, bytes));
    server.on('data', (bytes) => {
      if (this.mode !== 'drop') client.write(bytes);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => one.destroy());
      one.on('close', () => {
        // A network that drops packets drops the one that says goodbye, too.
        if (this.mode === 'drop') return;
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  #fromClient(pair: Pair, bytes: Buffer): void {
    if (this.mode === 'drop') return;
    switch (this.rule(bytes)) {
      case 'pass':
        pair.server.write(bytes);
        return;
      case 'cut-before':
        pair.client.resetAndDestroy();
        pair.server.destroy();
        return;
      case 'cut-after':
        pair.client.resetAndDestroy();
        // `end` sends what was written before it says goodbye.
        pair.server.end(bytes);
        return;
    }
  }
}
