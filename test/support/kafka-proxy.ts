import { TcpProxy } from './tcp-proxy.ts';

/**
 * A way to the broker. A broker tells its clients where it wants to be called, so what it says is
 * rewritten: a client that comes through here stays here.
 */
export async function openKafkaProxy(brokers: string): Promise<{ readonly proxy: TcpProxy; readonly brokers: string }> {
  const [host = '', port = ''] = brokers.split(':');
  const proxy = await TcpProxy.open({ host, port: Number(port) });
  const told = addressBytes(host, Number(port));
  const wanted = addressBytes(host, proxy.port);
  proxy.rewrite = (bytes) => {
    for (let at = bytes.indexOf(told); at !== -1; at = bytes.indexOf(told, at + told.length)) wanted.copy(bytes, at);
    return bytes;
  };
  return { proxy, brokers: `${host}:${proxy.port}` };
}

/** A host and port as the protocol writes them, without the length before. */
function addressBytes(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(host.length + 4);
  bytes.write(host, 'latin1');
  bytes.writeInt32BE(port, host.length);
  return bytes;
}
