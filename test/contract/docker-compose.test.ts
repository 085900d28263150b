import { readFileSync } from 'node:fs';
import { PART_NAMES } from '@tradestream/stack';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

// Where no Docker engine is, the containers themselves are not started: the file is held against
// what the launcher expects of it.

type Service = { readonly image: string; readonly ports: readonly string[] };
const text = readFileSync('docker-compose.yml', 'utf8');
const { services } = parse(text, { merge: true }) as { readonly services: Readonly<Record<string, Service>> }; // our own file

test('docker-compose.yml has a service of its name for each part of the stack', () => {
  expect(Object.keys(services).toSorted()).toEqual([...PART_NAMES].toSorted());
});

test('every image is pinned to a version', () => {
  for (const { image } of Object.values(services)) expect(image).toMatch(/:\d+(\.\d+)+$/);
});

test('every port is published on the local address alone', () => {
  for (const { ports } of Object.values(services)) {
    expect(ports).toHaveLength(1);
    expect(ports[0]).toMatch(/^127\.0\.0\.1:/);
  }
});

test('no password has a default', () => {
  const passwords = [...text.matchAll(/\$\{([A-Z_]*PASSWORD)([^}]*)/g)];
  expect(passwords.length).toBeGreaterThan(0);
  for (const [whole, , rest] of passwords) expect(rest, whole).toMatch(/^(:\?|:-\$\{TRADESTREAM_PASSWORD:\?)/);
});
