import { type DatabaseError, openSession, type Session } from '@tradestream/database';
import { createLogger, Readiness } from '@tradestream/runtime';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { ViewLink } from '../../services/projector/src/view-link.ts';
import { LedgerLink } from '../../services/worker/src/ownership/ledger-link.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';

const ROLE = `rotated_${process.pid}`;
const WITHIN = { withinMs: 60_000 } as const;

let database: ScratchDatabase;
let owner: Session;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'access-refused');
  owner = await openSession({ url: database.url, applicationName: 'test', connectTimeoutMs: 10_000 });
  await owner.query({ text: `CREATE ROLE ${ROLE} LOGIN PASSWORD 'first'` });
});
afterAll(async () => {
  await owner.query({ text: `DROP ROLE IF EXISTS ${ROLE}` });
  await owner.close();
  await database.close();
});

function urlWith(password: string): string {
  const url = new URL(database.url);
  url.username = ROLE;
  url.password = password;
  return url.href;
}

function ledgerLink(password: string, readiness = new Readiness()): LedgerLink {
  return new LedgerLink({
    openSession,
    url: urlWith(password),
    applicationName: ROLE,
    statementTimeoutMs: 10_000,
    commitTimeoutMs: 10_000,
    readiness,
    log: createLogger({ service: 'test', level: 'silent' }),
    signal: new AbortController().signal,
  });
}

const endAll = () =>
  owner.query({ text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${ROLE}'` });

test('a worker that starts with a wrong password is told so at once', async () => {
  const link = ledgerLink('wrong');
  await expect(link.reopen()).rejects.toMatchObject({ code: '28P01', message: expect.stringContaining('password') });
  expect(link.isOpen).toBe(false);
});

test('a password that is changed under a running worker is waited for', async () => {
  const readiness = new Readiness();
  const link = ledgerLink('first', readiness);
  await link.reopen();
  await owner.query({ text: `ALTER ROLE ${ROLE} PASSWORD 'second'` });
  await endAll();
  const reopened = link.reopen();
  await eventually(
    () => readiness.snapshot().parts.some(({ ok, detail }) => !ok && detail.includes('password')),
    WITHIN,
  );
  await owner.query({ text: `ALTER ROLE ${ROLE} PASSWORD 'first'` });
  await reopened;
  expect(link.isOpen).toBe(true);
  await link.close();
  expect(link.isOpen).toBe(false);
});

test('a projector is told of a refusal before it was let in, and not after', async () => {
  const refusals: string[] = [];
  const options = {
    openSession,
    applicationName: ROLE,
    signal: new AbortController().signal,
    onRefused: (error: DatabaseError) => refusals.push(error.code),
    onLost: () => undefined,
  };
  await expect(new ViewLink({ ...options, url: urlWith('wrong') }).open()).rejects.toMatchObject({ code: '28P01' });
  expect(refusals).toEqual(['28P01']);
  const link = new ViewLink({ ...options, url: urlWith('first') });
  await link.open();
  await owner.query({ text: `ALTER ROLE ${ROLE} NOLOGIN` });
  await link.close();
  await expect(link.open()).rejects.toMatchObject({ code: '28000' });
  expect(refusals).toEqual(['28P01']);
});

test('an opening that is told to stop says so, and not that the server cannot be reached', async () => {
  const stopping = new AbortController();
  const opening = openSession({
    url: database.url,
    applicationName: 'test',
    connectTimeoutMs: 10_000,
    signal: stopping.signal,
  });
  stopping.abort(new Error('no longer needed'));
  await expect(opening).rejects.toMatchObject({ code: 'RT_ABORTED', retry: 'never' });
});
