// The pages in a browser: each in both themes at three widths with a screenshot, axe-core without violations, the
// tutorial example, keyboard only, JavaScript off, proof verified, live tail, no request elsewhere, no breach of the
// content security policy.
//
// Needs playwright-core, axe-core and chromium. Environment: BASE (a server with the demo's events), TOKEN (an auditor's
// or admin's), SHOTS (a folder), CHROMIUM (default
// /usr/bin/chromium), ASSETS (to take scripts and style sheet from a folder while one works on them). An argument names
// one of the tests to run.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { integrity } from './integrity.mjs';
import * as access from './access.mjs';
import * as views from './views.mjs';
import { PEOPLE_PAGES, firstPerson, people } from './people.mjs';
import usage from './usage.mjs';
import { exports } from './exports.mjs';

const { BASE, TOKEN, SHOTS, CHROMIUM = '/usr/bin/chromium', ASSETS } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const faults = [];
const only = process.argv[2];

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

async function open(options = {}) {
  const context = await browser.newContext({ baseURL: BASE, bypassCSP: false, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (400|401|404|422)/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`script: ${error}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(BASE) && !request.url().startsWith('data:')) faults.push(`elsewhere: ${request.url()}`);
  });
  if (ASSETS) {
    await page.route('**/audit/assets/**', (route) => {
      const name = route.request().url().split('/').at(-1);
      const type = { css: 'text/css', svg: 'image/svg+xml', js: 'text/javascript' }[name.split('.').at(-1)];
      return route.fulfill({ path: `${ASSETS}/${name}`, contentType: type });
    });
  }
  return page;
}

async function signIn(page) {
  await page.goto('/audit/sign-in');
  await page.fill('#token', TOKEN);
  await Promise.all([page.waitForURL('**/audit'), page.press('#token', 'Enter')]);
}

function expect(truth, what) {
  if (!truth) faults.push(what);
  console.log(truth ? 'ok  ' : 'FAIL', what);
}

// `where`: an open menu is looked at alone, since it lies over what was looked at before.
async function accessible(page, what, where = 'html') {
  // Through the debugger: the page's own policy forbids scripts that are not ours.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run('${where}', { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((found) => JSON.stringify(found.violations.map((one) => [one.id, one.nodes.slice(0, 4).map((node) => [node.html.slice(0, 160), node.failureSummary.slice(0, 300)])])))`,
    awaitPromise: true, returnByValue: true,
  });
  const violations = JSON.parse(result.value);
  if (violations.length) console.log(JSON.stringify(violations, null, 1));
  expect(violations.length === 0, `axe: ${what}`);
}

const PAGES = [
  ['sign-in', '/audit/sign-in'],
  ['events', '/audit'],
  ['failed', '/audit?range=30d&event_type=authentication&q=failed'],
  ['wrong', '/audit?q=acton%3Aauth.login'],
  ['empty', '/audit?range=24h&q=nothinglikethis&outcome=failure'],
  ['event', '/audit/events/4711'],
  ['exports', '/audit/exports'],
  ['export-new', '/audit/exports/new?event_type=authentication'],
  ['change', '/audit/events/CHANGE'],
  ...access.PAGES,
  ...views.PAGES,
  ...PEOPLE_PAGES,
];

const tests = {
  people: () => people({ open, signIn, expect }),

  async looks() {
    for (const [width, height] of [[1440, 900], [1024, 768], [390, 844]]) {
      for (const colorScheme of ['light', 'dark']) {
        const page = await open({ viewport: { width, height }, colorScheme });
        await page.context().clearCookies();
        await page.goto('/audit/sign-in');
        await page.screenshot({ path: `${SHOTS}/sign-in-${width}-${colorScheme}.png` });
        await signIn(page);
        const changed = await page.evaluate(async () => (await (await fetch('/api/v1/auditlog?limit=1&action=user.role_updated')).json()).indices[0]);
        const person = await firstPerson(page);
        for (const [name, address] of PAGES) {
          await page.goto(address.replace('CHANGE', changed).replace('FIRST-PERSON', person));
          await page.waitForLoadState('networkidle');
          await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png` });
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (overflow > 0) faults.push(`${name} at ${width} is ${overflow} px too wide`);
          if (width !== 1024) await accessible(page, `${name} ${width} ${colorScheme}`);
        }
        await page.context().close();
      }
    }
  },

  async tutorial() {
    const page = await open();
    await signIn(page);
    await page.click('text="30 days"');
    await page.click('nav.facets >> text=Authentication');
    await page.fill('#q', 'failed');
    await Promise.all([page.waitForURL('**q=failed**'), page.press('#q', 'Enter')]);
    const rows = await page.locator('#events tbody tr').count();
    const address = new URL(page.url());
    expect(rows > 0 && address.searchParams.get('range') === '30d', 'the tutorial: three clicks to the failed sign-ins');
    const all = await page.locator('#events tbody tr .action, #events tbody tr code').allTextContents();
    expect(all.every((action) => /^(auth|access|oauth|user)\b/.test(action)), 'they are all about authentication');
    await page.context().close();
  },

  async keyboard() {
    const page = await open();
    await signIn(page);
    await page.waitForLoadState('networkidle');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement.className === 'skip'), 'the first Tab offers to skip');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    expect(await page.locator('#events tbody tr.at').count() === 1, 'j moves to an event');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog.drawer[open] article');
    await page.screenshot({ path: `${SHOTS}/drawer.png` });
    await accessible(page, 'drawer');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.waitForSelector('dialog.help[open]');
    await accessible(page, 'help');
    await page.keyboard.press('Escape');
    await page.keyboard.press('e');
    expect(await page.evaluate(() => document.activeElement.textContent.startsWith('CSV')), 'e goes to the exports');
    await page.screenshot({ path: `${SHOTS}/export.png` });
    await accessible(page, 'export menu', '#export');
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('outc');
    await page.waitForSelector('.complete li');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.type('den');
    await page.waitForSelector('.complete li >> text=denied');
    await page.screenshot({ path: `${SHOTS}/complete.png` });
    await accessible(page, 'completion', '.query');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await page.waitForURL('**q=outcome**');
    expect(await page.locator('#events tbody tr:not(.denied)').count() === 0, 'completion leads to a query');
    await page.context().close();
  },

  async endless() {
    const page = await open();
    await signIn(page);
    await page.waitForLoadState('networkidle');
    for (let times = 0; times < 6; times += 1) {
      await page.mouse.wheel(0, 20000);
      await page.waitForTimeout(300);
    }
    expect(await page.locator('#events tbody tr').count() >= 150, 'the list goes on by itself');
    await page.context().close();
  },

  async brush() {
    const page = await open();
    await signIn(page);
    await page.waitForLoadState('networkidle');
    const box = await page.locator('.histogram svg').boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
    await page.waitForSelector('.tip:not([hidden])');
    await page.screenshot({ path: `${SHOTS}/tip.png` });
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 8 });
    await page.screenshot({ path: `${SHOTS}/brush.png` });
    await page.mouse.up();
    await page.waitForURL('**from=**');
    const { searchParams } = new URL(page.url());
    expect(searchParams.get('from') < searchParams.get('to'), 'a brush narrows the time');
    await page.context().close();
  },

  async proof() {
    const page = await open();
    await signIn(page);
    await page.goto('/audit/events/4711');
    await page.click('.verify');
    await page.waitForSelector('.verdict.good, .verdict.bad');
    const verdict = await page.textContent('.verdict');
    expect(verdict.startsWith('✓ Verified in your browser: entry 4711'), `proof: ${verdict}`);
    await page.locator('.proof').screenshot({ path: `${SHOTS}/proof.png` });
    await page.route('**/auditlog/4711', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: (await answer.text()).replace('"outcome":"', '"outcome":"x') });
    });
    await page.click('.verify');
    await page.waitForSelector('.verdict.bad');
    expect(true, 'an altered event is not verified');
    await page.context().close();
  },

  async live() {
    const page = await open();
    await signIn(page);
    await page.waitForLoadState('networkidle');
    await page.evaluate(() => {
      globalThis.shift = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value; }).observe({ type: 'layout-shift' });
    });
    await page.click('#live');
    await page.waitForTimeout(1000);
    for (let n = 0; n < 12; n += 1) await page.evaluate((n) => fetch(`/api/v1/auditlog?limit=1&q=live${n}x${Date.now()}`), n);
    await page.waitForSelector('#tail-rows li', { timeout: 15000 });
    await page.waitForTimeout(1500);
    expect(await page.locator('#tail-rows li').count() >= 12, 'events arrive as they are recorded');
    expect(await page.evaluate(() => globalThis.shift) === 0, 'nothing moves when they do');
    await page.screenshot({ path: `${SHOTS}/live.png` });
    await accessible(page, 'live');
    await page.context().close();
  },

  async plain() {
    const page = await open({ javaScriptEnabled: false });
    await signIn(page);
    await page.click('text="90 days"');
    await page.click('nav.facets >> text=failure');
    await page.click('summary:has-text("Filters")');
    await page.fill('#department', 'Finance');
    await page.click('text=Apply');
    expect(await page.locator('#events tbody tr').count() > 0, 'without scripts: filters');
    await page.screenshot({ path: `${SHOTS}/plain.png` });
    await page.goto('/audit');
    const first = await page.locator('#events time').first().getAttribute('datetime');
    await page.click('#older');
    const next = await page.locator('#events time').first().getAttribute('datetime');
    expect(next < first, 'without scripts: older events');
    await page.goto('/audit?range=24h');
    await page.click('summary:has-text("Export")');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=CSV')]);
    expect(!(await download.failure()), 'without scripts: export');
    await page.goto('/audit/events/4711');
    expect((await page.textContent('article')).includes('Who'), 'without scripts: one event');
    await page.context().close();
  },

  async theme() {
    const page = await open({ colorScheme: 'light' });
    await signIn(page);
    await page.waitForLoadState('networkidle');
    await page.click('form.themes >> text=Dark');
    await page.waitForTimeout(300);
    await page.reload();
    expect(await page.evaluate(() => document.documentElement.dataset.theme) === 'dark', 'the choice of colours is kept');
    await page.click('text="Sign out"');
    await page.waitForURL('**/audit/sign-in');
    await page.goto('/audit');
    expect(await page.locator('#token').count() === 1, 'after signing out one has to sign in');
    await page.context().close();
  },
};

tests.integrity = () => integrity({ open, signIn, accessible, expect, faults, SHOTS });
Object.assign(tests, access.tests({ open, signIn, expect, accessible, SHOTS }));
Object.assign(tests, views.tests({ open, signIn, expect, accessible, SHOTS }));
Object.assign(tests, usage({ open, signIn, expect, accessible, shots: SHOTS, faults }));
tests.exports = () => exports({ open, signIn, expect, accessible });

for (const [name, test] of Object.entries(tests)) {
  if (only && name !== only) continue;
  try {
    await test();
  } catch (error) {
    expect(false, `${name}: ${error}`);
  }
}
await browser.close();
if (faults.length) {
  console.error(`\n${faults.length} faults:\n${[...new Set(faults)].join('\n')}`);
  process.exitCode = 1;
}
