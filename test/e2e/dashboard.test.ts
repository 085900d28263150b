import { existsSync, mkdirSync } from 'node:fs';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { LedgerWorld } from '../support/ledger-world.ts';
import type { MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const SCREENSHOTS = 'test-results/dashboard';
const WITHIN_MS = 45_000;
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
  await page.waitForSelector('body[data-drawn="yes"]', { timeout: WITHIN_MS });
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
       VALUES ($1, 0, 0, now(), $2, 'a message', false)`,
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
    expect(await page.evaluate(() => 'harmed' in globalThis)).toBe(false);
    expect(outside).toEqual([]);
    expect(complaints).toEqual([]);
    await page.screenshot({ path: `${SCREENSHOTS}/light.png`, fullPage: true });
    await page.close();
  });

  test('axe finds nothing serious, light or dark', async () => {
    for (const dark of [false, true]) {
      const { page, complaints } = await openPage({ width: 1_200, dark });
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
      if (dark) await page.screenshot({ path: `${SCREENSHOTS}/dark.png`, fullPage: true });
      await page.close();
    }
  });

  test('on a phone nothing is wider than the page, and all is reached by keyboard', async () => {
    const { page } = await openPage({ width: 390 });
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(390);
    await page.keyboard.press('Tab');
    expect(await page.evaluate<string>('document.activeElement.textContent')).toBe('Skip to content');
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
});
