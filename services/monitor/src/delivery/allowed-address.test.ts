import { describe, expect, test } from 'vitest';
import { checkAddress } from './allowed-address.ts';

const REFUSED = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://0/',
  'http://localhost/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://10.0.0.1/',
  'http://10.255.255.255:8080/x',
  'http://172.16.0.1/',
  'http://172.31.255.255/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://100.64.0.1/',
  'http://0.0.0.0:9093/',
  'http://255.255.255.255/',
  'http://224.0.0.1/',
  'http://[fe80::1]/',
  'http://[fd00::1]/',
  'http://[ff02::1]/',
  'http://198.18.0.1/',
  'http://user:secret@93.184.216.34/',
  'ftp://93.184.216.34/',
  'file:///etc/passwd',
  'gopher://93.184.216.34/',
  'not a url',
  'http://inner.example/',
  'http://mixed.example/',
];

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'inner.example': ['10.1.2.3'],
  'mixed.example': ['93.184.216.34', '127.0.0.1'],
  'outer.example': ['93.184.216.34'],
  localhost: ['127.0.0.1'],
};
const resolve = async (host: string) => (NAMES[host] ?? []).map((address) => ({ address, family: 4 }));

describe('where alerts may be sent', () => {
  test.each(REFUSED)('%s is refused', async (url) => {
    await expect(checkAddress(url, { allowed: [], resolve })).rejects.toMatchObject({ code: 'RECEIVER_REFUSED' });
  });

  test('a public address is taken, and the connection goes to the address that was checked', async () => {
    expect(await checkAddress('https://outer.example/hook', { allowed: [], resolve })).toMatchObject({
      address: '93.184.216.34',
      family: 4,
    });
    await expect(checkAddress('http://[2606:2800:220:1::1]/', { allowed: [], resolve })).resolves.toBeDefined();
  });

  test('host and port on the list are taken, another port of the host is not', async () => {
    const allowed = ['127.0.0.1:9093', 'inner.example:80'];
    expect(await checkAddress('http://127.0.0.1:9093/api', { allowed, resolve })).toMatchObject({
      address: '127.0.0.1',
    });
    expect(await checkAddress('http://inner.example/', { allowed, resolve })).toMatchObject({ address: '10.1.2.3' });
    await expect(checkAddress('http://127.0.0.1:9094/', { allowed, resolve })).rejects.toMatchObject({
      code: 'RECEIVER_REFUSED',
    });
  });

  test('a name that does not resolve is tried again later', async () => {
    await expect(checkAddress('http://missing.example/', { allowed: [], resolve })).rejects.toMatchObject({
      code: 'RECEIVER_FAILED',
      retry: 'later',
    });
  });
});
