// The browser that the tests use, and what holds on every page whatever a test is about: no error on the console, no
// request to another origin, no breach of the content security policy.
//
// Environment: BASE (a server with the demo's events), TOKEN (an admin's), SHOTS (a folder), CHROMIUM (default
// /usr/bin/chromium), ASSETS (to take scripts and style sheet from a folder while one works on them).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

export const { BASE, TOKEN, SHOTS, CHROMIUM = '/usr/bin/chromium', ASSETS } = process.env;
export const API = `${BASE}/api/v1/auditlog`;
export const WIDTHS = [[1920, 1080], [1280, 900], [390, 844]];
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const faults = [];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

export const close = () => browser.close();

// A page of a browser that was never here before.
export async function open(options = {}) {
  const context = await browser.newContext({ baseURL: BASE, bypassCSP: false, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (400|401|403|404|422|429|503)/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`script: ${error}`));
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${BASE}/`) && !request.url().startsWith('data:')) faults.push(`elsewhere: ${request.url()}`);
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

export async function signIn(page) {
  await page.goto('/audit/sign-in');
  await page.fill('#token', TOKEN);
  await Promise.all([page.waitForURL('**/audit'), page.press('#token', 'Enter')]);
}

export function expect(truth, what) {
  if (!truth) faults.push(what);
  console.log(truth ? 'ok  ' : 'FAIL', what);
}

// Without violations of axe-core. `where`: an open menu is looked at alone, since it lies over what was looked at before.
export async function accessible(page, what, where = 'html') {
  // Through the debugger: the page's own policy forbids scripts that are not ours.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run('${where}', { runOnly: ${JSON.stringify(RULES)} }).then((found) => JSON.stringify(found.violations.map((one) => [one.id, one.nodes.slice(0, 4).map((node) => [node.html.slice(0, 160), node.failureSummary.slice(0, 300)])])))`,
    awaitPromise: true, returnByValue: true,
  });
  const violations = JSON.parse(result.value);
  if (violations.length) console.log(JSON.stringify(violations, null, 1));
  expect(violations.length === 0, `axe: ${what}`);
}

// Nothing is wider than the window: what is wide scrolls by itself.
export async function fits(page, what) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) expect(false, `${what} is ${overflow} px too wide`);
}

// Adds up how much the page moves by itself, from now on: `globalThis.shift`.
export async function watchShifts(page) {
  await page.evaluate(() => {
    globalThis.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value;
    }).observe({ type: 'layout-shift' });
  });
}

// Sends events to the log, as another system would.
export async function record(events) {
  const answer = await fetch(`${API}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/x-ndjson' },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  });
  if (!answer.ok) throw new Error(`events were refused: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// Asks the API as a program would.
export async function ask(path) {
  const answer = await fetch(`${API}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}
