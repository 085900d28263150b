import { existsSync, mkdirSync } from 'node:fs';
import { encodeCommand, frame, newCommandId } from '@tradestream/contracts';
import { commandKey, UNIT } from '@tradestream/trading';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { LedgerWorld } from '../support/ledger-world.ts';
import { MONITOR_TOKENS, type MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const SCREENSHOTS = 'test-results/dashboard';
const WITHIN_MS = 60_000;
/** Of a schema that nobody knows at first. */
const SCHEMA_ID = 987_653;
const HOSTILE = '<img src=x onerror="window.harmed = true"><script>window.harmed = true</script>';

let world: LedgerWorld;
let monitor: MonitorProcess;
let browser: Browser;
let group: string;

/** What a page said against itself. */
type Watched = { readonly page: Page; readonly complaints: string[]; readonly outside: string[] };

async function openPage(options: { readonly width: number; readonly dark?: boolean }): Promise<Watched> {
  const page = await browser.newPage({
    viewport: { width: options.width, height: 900 },
    colorScheme: options.dark === true ? 'dark' : 'light',
  });
  const complaints: string[] = [];
  const outside: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(monitor.url)) outside.push(request.url());
  });
  await page.goto(monitor.url);
  await page.waitForSelector('body[data-drawn="yes"]', { timeout: WITHIN_MS }).catch((cause: unknown) => {
    throw new Error(`the page is not drawn; it complains: ${complaints.join('; ')}`, { cause });
  });
  return { page, complaints, outside };
}

describe.skipIf(!existsSync(CHROMIUM))('the dashboard in a browser', () => {
  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    world = await openMonitorWorld(inject('endpoints'), 'dashboard', 1);
    const topic = world.topics.commands;
    group = `${world.group('shown')} ${HOSTILE}`;
    const consumer = await ScriptedConsumer.open(world.kafka, { group, topic });
    consumer.getStuck();
    await consumer.commit(0);
    const record = { partition: 0, key: null, value: Buffer.from('1') };
    await world.producer.send(topic, [record, record, record]);
    await consumer.close();
    await world.rows(
      `INSERT INTO ledger.parked (topic, partition, "offset", record_time, reason, message, blocks_key)
       VALUES ($1, 0, 1000, now(), $2, 'a message', false)`,
      [topic, HOSTILE],
    );
    monitor = await monitorOf(world);
    await monitor.partition(group, ({ lag }) => lag === 3, WITHIN_MS);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await monitor?.stop();
    await world?.[Symbol.asyncDispose]();
  });

  test('its figures are those of the API, hostile text is text, nothing is asked outside, and nothing complains', async () => {
    const { page, complaints, outside } = await openPage({ width: 1_400 });
    const row = page.locator('#lag details', { hasText: world.group('shown') });
    await row.locator('text=3 records').waitFor({ timeout: WITHIN_MS });
    await row.locator('summary').click();
    const cells = await row.locator('tbody tr').first().locator('td').allTextContents();
    const { topic, partition, committed, start, end, lag } = await monitor.partition(group, () => true);
    expect(cells.slice(0, 6)).toEqual([topic, ...[partition, committed, start, end, lag].map(String)]);
    expect(await row.locator('summary').textContent()).toContain(HOSTILE);
    expect(await page.locator('#parked').textContent()).toContain(HOSTILE);
    expect(await page.locator('#replication').textContent()).toContain('replica-3');
    await page.locator('#alerts', { hasText: 'WorkerGone' }).waitFor({ timeout: WITHIN_MS });
    // The line needs a second reading; the keyboard stays where it is meanwhile.
    await row.locator('tbody polyline').first().waitFor({ state: 'attached', timeout: WITHIN_MS });
    expect(await page.evaluate<string>('document.activeElement.tagName')).toBe('SUMMARY');
    await page.locator('#pipeline li.is-bad', { hasText: 'Workers' }).locator('text=gone').waitFor();
    expect(await page.title()).toMatch(/critical alerts? · Tradestream/);
    expect(await page.locator('nav a', { hasText: 'Parked' }).textContent()).toBe('Parked 1');
    for (const label of ['Earlier', 'Closer']) await page.getByRole('button', { name: label }).press('Enter');
    expect(await page.locator('#stretch').textContent()).toMatch(/^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d$/);
    await page.getByRole('button', { name: '15 min' }).press('Enter');
    expect(await page.locator('#stretch').textContent()).toBe('');
    expect(await page.evaluate(() => 'harmed' in globalThis)).toBe(false);
    expect(outside).toEqual([]);
    expect(complaints).toEqual([]);
    await page.screenshot({ path: `${SCREENSHOTS}/light.png`, fullPage: true });
    await page.close();
  });

  test('axe finds nothing serious, light or dark', async () => {
    for (const dark of [false, true]) {
      const { page, complaints } = await openPage({ width: 1_200, dark });
      if (dark) await page.screenshot({ path: `${SCREENSHOTS}/dark.png`, fullPage: true });
      if (dark) await page.getByLabel(`Redrive what is parked for ${HOSTILE}`, { exact: true }).click();
      await page.evaluate(axe.source);
      const serious = await page.evaluate(async () => {
        const run = (
          globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string }[] }> } }
        ).axe; // the script above made it
        const { violations } = await run.run();
        return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id);
      });
      expect(serious).toEqual([]);
      expect(complaints).toEqual([]);
      await page.close();
    }
  });

  test('on a phone nothing is wider than the page, and all is reached by keyboard', async () => {
    const { page } = await openPage({ width: 390 });
    await page.keyboard.press('Tab');
    expect(await page.evaluate<string>('document.activeElement.textContent')).toBe('Skip to content');
    const width = () => page.evaluate<number>('document.documentElement.scrollWidth');
    expect(await width()).toBeLessThanOrEqual(390);
    await page.getByLabel(`Discard what is parked for ${HOSTILE}`, { exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.locator('#confirm[open]').waitFor({ timeout: WITHIN_MS });
    expect(await width()).toBeLessThanOrEqual(390);
    await page.screenshot({ path: `${SCREENSHOTS}/phone-confirm.png` });
    await page.keyboard.press('Escape');
    await page.screenshot({ path: `${SCREENSHOTS}/phone.png`, fullPage: true });
    await page.close();
  });

  test('a command that is not known is said to be so, and one that is no id as well', async () => {
    const { page } = await openPage({ width: 1_200 });
    await page.fill('#command-id', '00000000-0000-4000-8000-000000000000');
    await page.press('#command-id', 'Enter');
    await page.locator('#way', { hasText: 'nothing is known' }).waitFor({ timeout: WITHIN_MS });
    await page.fill('#command-id', HOSTILE);
    await page.press('#command-id', 'Enter');
    await page.locator('#way', { hasText: 'a command id is a UUID' }).waitFor({ timeout: WITHIN_MS });
    expect(await page.evaluate(() => 'harmed' in globalThis)).toBe(false);
    await page.close();
  });

  test('what is parked is redriven, edited and discarded from the page: counted first, confirmed, and kept in the audit', async () => {
    await park('alice', 'bob');
    world.startWorker();
    const { page, complaints } = await openPage({ width: 1_200 });
    const group = page.locator('#parked tr[data-reason="SCHEMA_UNKNOWN"]');
    await group.waitFor({ timeout: WITHIN_MS });
    await group.getByText('Show', { exact: true }).click();
    const bob = page.locator('#parked-records tr', { hasText: 'user:bob' });
    await bob.waitFor({ timeout: WITHIN_MS });

    // By the keyboard alone, with a token that is none, and then with the operator's.
    await bob.getByText('Edit', { exact: true }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.locator('#confirm');
    await page.fill('#confirm-command', '{"type": "DepositFunds", "userId": "bob", "asset": "EUR", "amount": "3"}');
    await page.fill('#confirm-token', 'x'.repeat(40));
    await page.keyboard.press('Enter');
    await dialog.locator('text=valid bearer token').waitFor({ timeout: WITHIN_MS });
    complaints.length = 0; // the browser tells of the 401
    await page.fill('#confirm-token', MONITOR_TOKENS.operator);
    await page.keyboard.press('Enter');
    await dialog.locator('text=1 record of 1 key').waitFor({ timeout: WITHIN_MS });
    expect(await world.rows('SELECT FROM ledger.intents')).toEqual([]);
    await page.fill('#confirm-why', HOSTILE);
    await page.keyboard.press('Enter');
    await dialog.locator('[data-ended="done"]').waitFor({ timeout: WITHIN_MS });
    await page.screenshot({ path: `${SCREENSHOTS}/edit.png` });
    await page.keyboard.press('Escape');
    expect(await available('bob', 'EUR')).toBe('3');

    await world.rows(`INSERT INTO ledger.schemas (id, schema) SELECT $1, schema FROM ledger.schemas WHERE id = $2`, [
      SCHEMA_ID,
      world.commandSchemaId,
    ]);
    await release(page, 'Redrive', 'SCHEMA_UNKNOWN');
    expect(await available('alice', 'USD')).toBe('1');
    await release(page, 'Discard', HOSTILE);
    const audit = await world.rows(`SELECT action, why FROM ledger.audit WHERE action LIKE '%_PARKED' ORDER BY id`);
    expect(audit).toEqual([
      { action: 'EDIT_PARKED', why: HOSTILE },
      { action: 'REDRIVE_PARKED', why: 'as the test wants it' },
      { action: 'DISCARD_PARKED', why: 'as the test wants it' },
    ]);
    await page.locator('#jobs tr', { hasText: HOSTILE }).waitFor({ timeout: WITHIN_MS });
    expect(await page.locator('#jobs tbody tr').count()).toBe(3);
    await cancelOne(page);
    await reconcile(page);
    await rebuild(page);
    await dryRun(page);
    await group.waitFor({ state: 'detached', timeout: WITHIN_MS });
    expect(await page.evaluate(() => 'harmed' in globalThis)).toBe(false);
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
    expect(complaints).toEqual([]);
    await page.close();
  }, 120_000);
});

/** Records of deposits under a schema id that nobody knows yet. */
async function park(...users: readonly string[]): Promise<void> {
  const records = users.map((userId) => {
    const command = { type: 'DepositFunds', userId, asset: 'USD', amount: UNIT } as const;
    const value = frame(SCHEMA_ID, encodeCommand({ commandId: newCommandId(), command }));
    return { key: commandKey(command), value, headers: {} };
  });
  await world.producer.send(world.topics.commands, records);
}

/** All that is parked for a reason, counted and confirmed; the page knows the token already. */
async function release(page: Page, verb: 'Redrive' | 'Discard', reason: string): Promise<void> {
  await page.getByLabel(`${verb} what is parked for ${reason}`, { exact: true }).click();
  const dialog = page.locator('#confirm');
  await dialog.getByText(`${verb} 1 record`, { exact: true }).waitFor({ timeout: WITHIN_MS });
  await page.fill('#confirm-why', 'as the test wants it');
  await dialog.getByText(`${verb} 1 record`, { exact: true }).click();
  await dialog.locator('[data-ended="done"]').waitFor({ timeout: WITHIN_MS });
  await dialog.getByText('Close', { exact: true }).click();
}

/** A job that waits for its turn is cancelled, and can be taken up again. */
async function cancelOne(page: Page): Promise<void> {
  await world.rows(
    `INSERT INTO ledger.jobs (id, kind, actor, why, lease_until)
     VALUES (gen_random_uuid(), 'reconciliation', 'somebody', 'later', now() + interval '1 hour')`,
  );
  const row = page.locator('#jobs tr', { hasText: 'reconciliation' });
  await row.getByText('Cancel', { exact: true }).click({ timeout: WITHIN_MS });
  const dialog = page.locator('#confirm');
  await dialog.getByText('Cancel it', { exact: true }).click();
  await dialog.locator('text=the job is cancelled').waitFor({ timeout: WITHIN_MS });
  await dialog.getByText('Close', { exact: true }).click();
  await row.getByText('Resume', { exact: true }).waitFor({ timeout: WITHIN_MS });
}

/** Asked for on the page, and followed there to what it found. */
async function reconcile(page: Page): Promise<void> {
  await page.getByText('Reconcile ledger, log and views', { exact: true }).first().click();
  const dialog = page.locator('#confirm');
  await dialog.getByText('Reconcile them', { exact: true }).click();
  await dialog.locator('[data-ended="done"]').waitFor({ timeout: WITHIN_MS });
  await dialog.getByText('Close', { exact: true }).click();
}

/** A new version of a projection, built and put in its place. */
async function rebuild(page: Page): Promise<void> {
  world.startProjector();
  await world.projected(WITHIN_MS);
  await page.getByLabel('Rebuild balances', { exact: true }).click({ timeout: WITHIN_MS });
  const dialog = page.locator('#confirm');
  await dialog.getByText('Rebuild it', { exact: true }).click();
  await dialog.locator('[data-ended="done"]').waitFor({ timeout: WITHIN_MS });
  await dialog.getByText('Close', { exact: true }).click();
  await page.getByLabel('Roll back balances', { exact: true }).waitFor({ timeout: WITHIN_MS });
}

/** Of what is no number nothing is asked; from the first batch on all is decided again as it was. */
async function dryRun(page: Page): Promise<void> {
  await page.selectOption('#replay-origin', 'fromBatch');
  await page.fill('#replay-from', HOSTILE);
  await page.getByText('Dry run', { exact: true }).click();
  await page.locator('#replay-said', { hasText: 'no batch' }).waitFor({ timeout: WITHIN_MS });
  await page.fill('#replay-from', '0');
  await page.getByText('Dry run', { exact: true }).click();
  const dialog = page.locator('#confirm');
  await dialog.getByText('Decide them again beside the ledger', { exact: true }).click();
  await dialog.locator('[data-ended="done"]').waitFor({ timeout: WITHIN_MS });
  await dialog.locator('text=decided').waitFor({ timeout: WITHIN_MS });
  await dialog.getByText('Close', { exact: true }).click();
}

async function available(userId: string, asset: string): Promise<string | undefined> {
  const [row] = await world.rows<{ available: string }>(
    'SELECT trim_scale(available)::text AS available FROM ledger.balances WHERE user_id = $1 AND asset = $2',
    [userId, asset],
  );
  return row?.available;
}
