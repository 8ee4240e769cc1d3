// Integrity and health: a verification begun and watched to its end, the checkpoint copied and downloaded, and without
// scripts.
import { expect, open, SHOTS, signIn } from './browser.mjs';

export const PAGES = [['integrity', '/audit/integrity'], ['health', '/audit/health']];

export const tests = { integrity, health };

// A banner that says that everything works is above nothing that does not.
async function health() {
  const page = await open();
  await signIn(page);
  await page.goto('/audit/health');
  const silent = await page.locator('.sources .outcome.failure').count();
  const summary = await page.textContent('.summary');
  expect(silent === 0 ? !/silent/.test(summary) : !/Everything works/.test(summary) && summary.includes(`${silent} source`), `health, ${silent} silent: ${summary.trim()}`);
  await page.goto('/audit/exports');
  expect(await page.locator('.side .news').count() === Math.min(silent, 1), 'and every page has a mark beside Health');
  await page.context().close();
}

async function integrity() {
  const page = await open();
  await signIn(page);
  await page.goto('/audit/integrity');
  await page.click('text="Verify now"');
  await page.waitForSelector('.verdicts', { timeout: 60000 });
  await page.waitForFunction(() => !document.querySelector('#verification'), null, { timeout: 60000 });
  const verdicts = await page.locator('.verdicts b').allTextContents();
  expect(verdicts.join() === 'Nothing was altered,Nothing is missing', `a verification ends with two verdicts: ${verdicts}`);
  await page.screenshot({ path: `${SHOTS}/verified.png`, fullPage: true });
  expect(await page.locator('#copy-note').isVisible(), 'the checkpoint can be copied');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text="Download" >> nth=0')]);
  expect(!(await download.failure()), 'the checkpoint can be downloaded');
  await page.context().close();

  const plain = await open({ javaScriptEnabled: false });
  await signIn(plain);
  await plain.goto('/audit/integrity');
  await plain.click('text="Verify now"');
  await plain.waitForTimeout(3000);
  await plain.goto('/audit/integrity');
  expect(await plain.locator('table.plain tbody tr').count() > 1, 'without scripts: a verification');
  await plain.goto('/audit/health');
  expect(await plain.locator('.checks li').count() > 5, 'without scripts: the checks');
  await plain.context().close();
}
