// Files that come at once: under the name that was given, with a checksum and a proof to be had afterwards; about how
// large they will be, before.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { accessible, ask, expect, open, signIn } from './browser.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

export const tests = {
  async downloads() {
    const page = await open();
    await signIn(page);
    await page.goto('/audit?action=user.role_updated');
    await page.click('summary:has-text("Export")');
    const views = async () => (await (await ask('/stats?action=audit.viewed&by=action')).json()).rows[0]?.count ?? 0;
    const before = await views();
    await page.waitForSelector('#export .count:has-text("B")');
    expect((await page.locator('#export li .count').allTextContents()).every((size) => /^[\d.,]+ (KiB|MiB|bytes)$/.test(size)), 'the menu says about how large each file is');
    const lines = await page.locator('#export li a span').evaluateAll((all) => all.map((one) => one.getClientRects().length));
    expect(lines.every((count) => count === 1), 'and no name or size is broken');
    await page.waitForTimeout(1500);
    expect(await views() === before, 'which is no look at the page of a new export');

    await page.click('#export a:has-text("Choose columns")');
    const size = () => page.locator('label:has([value=csv]) .count').textContent();
    const all = await size();
    await page.check('input[name=columns][value=usual]');
    await page.waitForFunction((was) => document.querySelector('label:has([value=csv]) .count').textContent !== was, all);
    expect(await size() !== all, 'sizes follow the choice of columns');
    await page.check('input[name=format][value=ndjson]');
    await page.fill('#name', 'Rôles of October');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text="Download now"')]);
    expect(download.suggestedFilename() === 'Rôles of October.ndjson', `the name given: ${download.suggestedFilename()}`);
    const bytes = readFileSync(await download.path());

    const file = page.locator('#streamed li', { hasText: 'Rôles of October.ndjson' }).first();
    for (let turn = 0; turn < 40; turn += 1) {
      await page.goto('/audit/exports');
      if (await file.count()) break;
      await page.waitForTimeout(250);
    }
    expect(await file.locator('code').textContent() === sha256(bytes), 'its checksum is listed');
    await accessible(page, 'exports with downloads');
    await page.goto('/audit?range=30d&action=user.role_updated');
    await page.click('summary:has-text("Export")');
    const [dated] = await Promise.all([page.waitForEvent('download'), page.click('#export a:has-text("NDJSON")')]);
    const named = page.locator('#streamed li', { hasText: dated.suggestedFilename() }).first();
    for (let turn = 0; turn < 40 && !(await named.count()); turn += 1) {
      await page.goto('/audit/exports');
      await page.waitForTimeout(250);
    }
    const said = await named.locator('p').first().textContent();
    expect(await named.locator('time').count() === 3 && !/\d{6}Z/.test(said), `a range is told apart from the filter: ${said}`);
    const proof = await (await ask((await file.locator('a:has-text("Proof")').getAttribute('href')).replace('/api/v1/auditlog', ''))).text();
    const events = bytes.toString().split('\n').length - 1;
    expect(events > 0 && proof.length > 0 && !proof.startsWith('{'), `and a proof of its ${events} events`);
    await page.context().close();
  },
};
