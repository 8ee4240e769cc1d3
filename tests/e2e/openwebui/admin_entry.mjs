// From Open WebUI's settings to the audit log, as an administrator and as somebody else: the entry, filtering, exporting,
// people beside the real accounts, usage; for the other one no entry, and 403 on every page.
// Environment: BASE, EMAIL, PASSWORD (an administrator), OTHER_EMAIL, OTHER_PASSWORD (an ordinary user), UPSTREAM (Open WebUI
// itself, past the gateway), GONE_EMAIL (somebody who did something and was deleted), SHOTS (a folder).
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const { BASE, EMAIL, PASSWORD, OTHER_EMAIL, OTHER_PASSWORD, UPSTREAM, GONE_EMAIL, SHOTS } = process.env;
// An account that is made past the gateway and never used.
const IDLE = { name: 'Idle Ines', email: 'idle.ines@example.test', password: 'Idle-pass-1!', role: 'user' };
const PAGES = [
  '', '/events/1', '/users', '/users/ada', '/usage', '/exports', '/exports/new', '/integrity', '/health', '/looks',
  '/approvals', '/access', '/views/view_0',
];
const API = ['', '/1', '/1/proof', '/stats', '/people', '/exports', '/views', '/tokens', '/status', '/stream'];
const failures = [];
const check = (what, holds, seen = '') => {
  console.log(`${holds ? 'ok' : 'WRONG'}  ${what} ${holds ? '' : JSON.stringify(seen)}`);
  if (!holds) failures.push(what);
};

async function signIn(context, email, password) {
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  await page.goto(`${BASE}/auth`, { waitUntil: 'domcontentloaded', timeout: 120000 });
  await page.fill('#email', email);
  await page.fill('#password', password);
  await page.click('button[type=submit]');
  await page.waitForSelector('#chat-input', { timeout: 120000 });
  await page.goto(`${BASE}/admin/settings/general`, { waitUntil: 'domcontentloaded' });
  await page.waitForTimeout(5000);
  return page;
}

async function addIdleAccount() {
  const post = async (path, body, token) => {
    const answer = await fetch(`${UPSTREAM}/api/v1/auths${path}`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }, body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  // Events of one person within two seconds, of the gateway and of the webhook, are held to be one fact seen twice: this
  // sign-in is another one than those of the browser.
  const apart = () => new Promise((done) => { setTimeout(done, 4_000); });
  await apart();
  const { token } = await post('/signin', { email: EMAIL, password: PASSWORD });
  await post('/add', IDLE, token);
  await apart();
}

const number = async (locator) => Number((await locator.textContent()).replace(/\D/g, ''));

async function filters(page) {
  await page.click('nav.segments >> text="24 hours"');
  await page.click('nav.facets >> text=Authentication');
  await page.fill('#q', 'outcome:failure');
  await Promise.all([page.waitForURL('**q=outcome**'), page.press('#q', 'Enter')]);
  const rows = await page.locator('#events tbody tr').count();
  const failed = await page.locator('#events tbody tr.failure').count();
  check('filters lead to the failed sign-ins', rows > 0 && rows === failed, [rows, failed]);
}

// What the filters show arrives as a file, at once and by way of the background.
async function exports(page) {
  const shown = await number(page.locator('#total b'));
  await page.click('summary:has-text("Export")');
  const [csv] = await Promise.all([page.waitForEvent('download'), page.click('#export >> text=CSV')]);
  const lines = readFileSync(await csv.path(), 'utf8').trimEnd().split('\r\n');
  check('the export is a file with what the filters show', lines.length === shown + 1, [lines.length, shown]);
  await page.click('#export a[href^="/audit/exports/new"]');
  await page.check('input[name=format][value=ndjson]');
  await Promise.all([page.waitForURL('**/audit/exports#exp_*'), page.click('text="Export in the background"')]);
  const id = new URL(page.url()).hash.slice(1);
  await page.waitForSelector(`#${id} [href$="/file"]`);
  const [file] = await Promise.all([page.waitForEvent('download'), page.click(`#${id} [href$="/file"]`)]);
  const events = readFileSync(await file.path(), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  check('and so is the one from the background', events.length === shown && events.every((event) => event.outcome === 'failure'), [events.length, shown]);
  check('which names who asked for it', (await page.locator(`#${id}`).textContent()).toLowerCase().includes(EMAIL.split('@')[0].split('.')[0]));
}

// Every account that Open WebUI has is on exactly one of the lists.
async function people(page) {
  const lists = await page.evaluate(async () => {
    const get = async (path) => (await fetch(path)).json();
    const accounts = [];
    for (let at = 1; ; at += 1) {
      const { users, total } = await get(`/api/v1/users/?page=${at}`);
      accounts.push(...users);
      if (users.length === 0 || accounts.length >= total) break;
    }
    const list = async (name) => (await get(`/api/v1/auditlog/people?list=${name}&limit=200`)).people;
    return { accounts, people: await list('people'), idle: await list('idle'), gone: await list('gone') };
  });
  const emails = (list) => list.map((person) => person.email ?? person.account?.email);
  const [active, idle, gone] = [lists.people.filter((person) => person.account?.state === 'exists'), lists.idle, lists.gone].map(emails);
  const accounts = lists.accounts.map((account) => account.email);
  check(`${accounts.length} accounts are ${active.length} active and ${idle.length} idle ones`, accounts.length > 2 && [...active, ...idle].toSorted().join() === accounts.toSorted().join(), { accounts, active, idle });
  check('an account that nobody used is without activity', idle.includes(IDLE.email) && !active.includes(IDLE.email), idle);
  check('who acts is not', active.includes(EMAIL) && active.includes(OTHER_EMAIL) && !idle.includes(EMAIL) && !idle.includes(OTHER_EMAIL), { active, idle });
  check('who was deleted has activity without account', gone.includes(GONE_EMAIL) && !gone.includes(EMAIL), gone);

  await page.click('nav >> text=People');
  await page.waitForURL('**/audit/users');
  check('the page lists them', (await page.locator('table.people tbody').textContent()).includes(EMAIL));
  await page.click('nav.tabs >> text=Account without activity');
  await page.waitForURL('**list=idle**');
  check('the page lists the idle account', (await page.locator('table.people tbody').textContent()).includes(IDLE.email));
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/people.png` });
}

async function usage(page) {
  await page.click('nav >> text=Usage');
  await page.waitForURL('**/audit/usage**');
  await page.click('nav.segments >> text=Model');
  await page.waitForURL('**by=model**');
  check('usage names the models that were called', (await page.locator('main').textContent()).includes('mock-'));
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/usage.png` });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  const other = await signIn(await browser.newContext(), OTHER_EMAIL, OTHER_PASSWORD);
  await addIdleAccount();

  const admin = await signIn(await browser.newContext(), EMAIL, PASSWORD);
  const entry = admin.locator('#secureai-audit-entry');
  check('an administrator sees the entry', (await entry.count()) === 1);
  if (SHOTS) await admin.screenshot({ path: `${SHOTS}/entry.png` });
  const complaints = [];
  await entry.click();
  await admin.waitForURL('**/audit');
  admin.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  check('it opens the audit log with the session', (await admin.title()).includes('Audit'));
  check('events are listed', (await admin.locator('main tbody tr').count()) > 0);
  if (SHOTS) await admin.screenshot({ path: `${SHOTS}/page.png` });
  await filters(admin);
  await exports(admin);
  await people(admin);
  await usage(admin);
  check('no page complains', complaints.length === 0, complaints);

  check('nobody else sees the entry', (await other.locator('#secureai-audit-entry').count()) === 0);
  for (const page of PAGES) {
    const refused = await other.goto(`${BASE}/audit${page}`);
    const says = await other.locator('main').textContent();
    check(`/audit${page} is closed to others`, refused.status() === 403 && !says.includes('@'), [refused.status(), says.slice(0, 200)]);
  }
  const statuses = await other.evaluate(async (paths) => Promise.all(paths.map(async (path) => (await fetch(`/api/v1/auditlog${path}`)).status)), API);
  check('and so is the API', statuses.every((status) => status === 403), statuses);
} finally {
  await browser.close();
}
process.exit(failures.length ? 1 : 0);
