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
    await page.waitForSelector('#export small:has-text("about")');
    expect((await page.locator('#export li small').allTextContents()).every((hint) => /about [\d.]+ (KiB|MiB|bytes)/.test(hint)), 'the menu says about how large each file is');

    await page.click('#export a:has-text("Choose columns")');
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
    const proof = await (await ask((await file.locator('a:has-text("Proof")').getAttribute('href')).replace('/api/v1/auditlog', ''))).text();
    const events = bytes.toString().split('\n').length - 1;
    expect(events > 0 && proof.length > 0 && !proof.startsWith('{'), `and a proof of its ${events} events`);
    await page.context().close();
  },
};
