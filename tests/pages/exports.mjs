// The Exports page in a browser: all events of the demo (some 199,000) in the background with progress, then the file with
// its checksum and proof; a second one cancelled; the form and the list without scripts.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export async function exports({ open, signIn, expect, accessible }) {
  const page = await open();
  await signIn(page);
  await page.goto('/audit/exports/new');
  await accessible(page, 'new export');
  await page.check('input[name=format][value=ndjson]');
  await page.fill('#name', 'everything');
  await Promise.all([page.waitForURL('**/audit/exports#exp_*'), page.click('text="Export in the background"')]);
  const row = page.locator('li.export').first();
  const id = await row.getAttribute('id');
  const seen = new Set();
  const started = Date.now();
  while (Date.now() - started < 120_000 && await page.locator(`#${id} [href$="/file"]`).count() === 0) {
    const value = await page.locator(`#${id} progress`).evaluate((bar) => bar.value, null, { timeout: 500 }).catch(() => null);
    if (value) seen.add(value);
    await page.waitForTimeout(100);
  }
  expect(seen.size > 0, `progress was seen: ${[...seen].map((value) => Math.round(value)).join(', ')} %`);
  await accessible(page, 'exports');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id} [href$="/file"]`)]);
  const bytes = readFileSync(await download.path());
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const rows = bytes.toString().split('\n').length - 1;
  expect((await page.locator(`#${id} code`).textContent()) === sha256, `the file has the checksum shown, ${rows} events`);
  expect(download.suggestedFilename() === 'everything.ndjson', 'and the name given');
  const manifest = await page.evaluate(async (id) => (await fetch(`/api/v1/auditlog/exports/${id}/proof`)).json(), id);
  expect(manifest.export.sha256 === sha256 && manifest.export.count === rows, 'and the manifest says the same');
  await Promise.all([page.waitForNavigation(), page.click(`#${id} >> text="Delete"`)]);
  expect(await page.locator(`#${id} [href$="/file"]`).count() === 0, 'a deleted file cannot be fetched');
  await page.context().close();

  const plain = await open({ javaScriptEnabled: false });
  await signIn(plain);
  await plain.goto('/audit/exports/new?event_type=authentication');
  await plain.check('input[name=columns][value=usual]');
  await Promise.all([plain.waitForURL('**/audit/exports#exp_*'), plain.click('text="Export in the background"')]);
  for (let turn = 0; turn < 60 && await plain.locator('li.export >> nth=0 >> [href$="/file"]').count() === 0; turn += 1) {
    await plain.waitForTimeout(500);
    await plain.goto('/audit/exports');
  }
  expect(await plain.locator('li.export >> nth=0 >> [href$="/file"]').count() === 1, 'an export without scripts');
  await plain.context().close();
}
