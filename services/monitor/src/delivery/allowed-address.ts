import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { MonitorError } from '../errors.ts';

/** An address that was checked: the connection goes there, whatever the name says a moment later. */
export type CheckedAddress = { readonly url: URL; readonly address: string; readonly family: 4 | 6 };

export type AllowedOptions = {
  /** `host:port` that may be used although it is not public, or although it is not known to be. */
  readonly allowed: readonly string[];
  readonly resolve?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;
};

/** Everything that is not the public internet (RFC 6890 and its like). */
const NOT_PUBLIC = notPublic();

function isInner(address: string, family: number): boolean {
  return family === 6 ? NOT_PUBLIC.ipv6.check(address, 'ipv6') : NOT_PUBLIC.ipv4.check(address, 'ipv4');
}

/**
 * Checks where alerts are to be sent, and resolves it. Every address that the name has must be
 * public: one private one among them is enough to be refused.
 * @throws {MonitorError} RECEIVER_REFUSED; RECEIVER_FAILED when the name does not resolve
 */
export async function checkAddress(text: string, options: AllowedOptions): Promise<CheckedAddress> {
  const refuse = (detail: string) => new MonitorError('RECEIVER_REFUSED', { detail });
  if (!URL.canParse(text)) throw refuse('it is no URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refuse(`the scheme ${url.protocol} is not http(s)`);
  if (url.username !== '' || url.password !== '') throw refuse('it holds credentials');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const addresses = await addressesOf(host, options);
  const [first] = addresses;
  if (first === undefined) throw new MonitorError('RECEIVER_FAILED', { detail: `${host} does not resolve` });
  if (!options.allowed.includes(`${host}:${port}`)) {
    const inner = addresses.find(({ address, family }) => isInner(address, family));
    if (inner !== undefined) throw refuse(`${host} is ${inner.address}, which is not public`);
  }
  return { url, address: first.address, family: first.family === 6 ? 6 : 4 };
}

async function addressesOf(
  host: string,
  { resolve = (name) => lookup(name, { all: true }) }: AllowedOptions,
): Promise<readonly { readonly address: string; readonly family: number }[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  try {
    return await resolve(host);
  } catch (cause) {
    throw new MonitorError('RECEIVER_FAILED', { cause, detail: `${host} does not resolve` });
  }
}

/** Apart, since one list takes every IPv4 address for its mapped form. */
function notPublic(): { readonly ipv4: BlockList; readonly ipv6: BlockList } {
  const IPV4 = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12']
    .concat(['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16'])
    .concat(['192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4']);
  // Also those that carry an IPv4 address inside: mapped, NAT64, 6to4, Teredo.
  const IPV6 = [
    '::/96',
    '::ffff:0:0/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/23',
    '2001:db8::/32',
  ].concat(['2002::/16', '3fff::/20', '5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8']);
  return { ipv4: listOf(IPV4, 'ipv4'), ipv6: listOf(IPV6, 'ipv6') };
}

function listOf(nets: readonly string[], type: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const net of nets) {
    const [address = '', bits = ''] = net.split('/');
    list.addSubnet(address, Number(bits), type);
  }
  return list;
}
