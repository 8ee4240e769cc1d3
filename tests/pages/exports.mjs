// Exports in a browser: all events of the demo (some 200,000) in the background, with progress, over closing the page; the
// file with its checksum, name and manifest; a download that breaks off and goes on with curl; one cancelled; without scripts.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessible, API, ask, expect, open, signIn, TOKEN } from './browser.mjs';

export const PAGES = [
  ['exports', '/audit/exports'],
  ['export-new', '/audit/exports/new?event_type=authentication'],
];

export const tests = { exports };

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const begin = async (query) => {
  const answer = await fetch(`${API}/exports?${query}`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } });
  return (await answer.json()).export.id;
};

async function exports() {
  await whole();
  await cancelled();
  await scriptless();
}

// Others at work, so that there is something to wait for on a fast machine; gives what ends them.
async function busy() {
  const others = [];
  for (let number = 0; number < 4; number += 1) others.push(await begin('format=parquet'));
  return async () => {
    for (const id of others) await fetch(`${API}/exports/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${TOKEN}` } });
  };
}

async function whole() {
  let page = await open();
  await signIn(page);
  await page.goto('/audit/exports/new');
  await accessible(page, 'new export');
  await page.check('input[name=format][value=ndjson]');
  await page.fill('#name', 'everything');
  const release = await busy();
  // A part of the way is seen even where the export is done before the first look.
  const looked = new Set();
  await page.route('**/auditlog/exports/exp_*', async (route) => {
    const answer = await route.fetch();
    const told = await answer.json();
    if (!looked.has(route.request().url())) Object.assign(told.export, { state: 'running', progress: 0.4 });
    looked.add(route.request().url());
    await route.fulfill({ response: answer, json: told });
  });
  await Promise.all([page.waitForURL('**/audit/exports#exp_*'), page.click('text="Export in the background"')]);
  const id = new URL(page.url()).hash.slice(1);
  const seen = await watch(page, id, (values) => values.some((value) => value > 0 && value < 100));
  expect(seen.some((value) => value > 0 && value < 100), `an export shows its progress: ${seen.map((value) => Math.round(value)).join(', ')} %`);

  await release();

  // The page is closed meanwhile, and opened again; it stands still while it is looked at.
  const state = await page.context().storageState();
  await page.context().close();
  page = await open({ storageState: state });
  await page.route('**/auditlog/exports/exp_*', (route) => route.fulfill({ status: 422 }));
  await page.goto('/audit/exports');
  await accessible(page, 'exports');
  await page.unroute('**/auditlog/exports/exp_*');
  await page.waitForSelector(`#${id} [href$="/file"]`, { timeout: 120_000 });
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id} [href$="/file"]`)]);
  const bytes = readFileSync(await download.path());
  const rows = bytes.toString().split('\n').length - 1;
  expect(rows > 190_000 && (await page.locator(`#${id} code`).textContent()) === sha256(bytes), `the file has the checksum shown, ${rows} events`);
  expect(download.suggestedFilename() === 'everything.ndjson', 'and the name given');
  const manifest = await (await ask(`/exports/${id}/proof`)).json();
  expect(manifest.export.sha256 === sha256(bytes) && manifest.export.count === rows, 'and the manifest says the same');
  resumed(id, bytes);
  await Promise.all([page.waitForNavigation(), page.click(`#${id} >> text="Delete"`)]);
  expect(await page.locator(`#${id} [href$="/file"]`).count() === 0, 'a deleted file cannot be fetched');
  await page.context().close();
}

// What the bar of an export shows, until `enough` of it was seen or the export is done.
async function watch(page, id, enough) {
  const seen = [];
  for (let turn = 0; turn < 1200 && !enough(seen); turn += 1) {
    const [value, isDone] = await page.evaluate((id) => {
      const row = document.getElementById(id);
      return [row?.querySelector('progress')?.value, Boolean(row?.querySelector('[href$="/file"]'))];
    }, id).catch(() => [undefined, false]);
    if (value !== undefined && value !== seen.at(-1)) seen.push(value);
    if (isDone) break;
    await page.waitForTimeout(100);
  }
  return seen;
}

// curl is cut off after five seconds of slow reading; the same command with `-C -` brings the rest.
function resumed(id, whole) {
  const folder = mkdtempSync(join(tmpdir(), 'audit-pages-'));
  const file = join(folder, 'everything.ndjson');
  const command = ['--silent', '--show-error', '--header', `Authorization: Bearer ${TOKEN}`, '--output', file, `${API}/exports/${id}/file`];
  let status = 0;
  try {
    execFileSync('curl', [...command, '--limit-rate', '1M', '--max-time', '5'], { stdio: 'pipe' });
  } catch (error) {
    status = error.status;
  }
  const had = statSync(file).size;
  execFileSync('curl', [...command, '--continue-at', '-', '--fail'], { stdio: 'pipe' });
  expect(status === 28 && had > 0 && had < whole.length && readFileSync(file).equals(whole), `a download that broke off after ${had} of ${whole.length} bytes goes on to the same bytes`);
  rmSync(folder, { recursive: true });
}

async function cancelled() {
  const page = await open();
  await signIn(page);
  const release = await busy();
  const id = await begin('format=json&name=unwanted');
  await page.goto('/audit/exports');
  await Promise.all([page.waitForNavigation(), page.click(`#${id} >> text="Cancel"`)]);
  await page.waitForFunction((id) => !document.querySelector(`#${id} progress`), id);
  const state = (await page.locator(`#${id} [data-state]`).textContent()).trim();
  expect(await page.locator(`#${id} [href$="/file"]`).count() === 0 && ['Cancelled', 'Deleted'].includes(state), `a cancelled export leaves no file: ${state}`);
  await release();
  await page.context().close();
}

async function scriptless() {
  const page = await open({ javaScriptEnabled: false });
  await signIn(page);
  await page.goto('/audit/exports/new?event_type=authentication');
  await page.check('input[name=columns][value=usual]');
  await Promise.all([page.waitForURL('**/audit/exports#exp_*'), page.click('text="Export in the background"')]);
  const id = new URL(page.url()).hash.slice(1);
  for (let turn = 0; turn < 120 && await page.locator(`#${id} [href$="/file"]`).count() === 0; turn += 1) {
    await page.waitForTimeout(500);
    await page.goto('/audit/exports');
  }
  expect(await page.locator(`#${id} [href$="/file"]`).count() === 1, 'an export without scripts');
  await page.context().close();
}
