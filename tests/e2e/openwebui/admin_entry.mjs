// The audit log's entry in Open WebUI's settings, as an administrator and as somebody else sees it.
// Environment: BASE, EMAIL, PASSWORD (an administrator), OTHER_EMAIL, OTHER_PASSWORD (an ordinary user), SHOTS (a folder).
import { chromium } from 'playwright-core';

const { BASE, EMAIL, PASSWORD, OTHER_EMAIL, OTHER_PASSWORD, SHOTS } = process.env;
const failures = [];
const check = (what, holds) => {
  console.log(`${holds ? 'ok' : 'WRONG'}  ${what}`);
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

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  const admin = await signIn(await browser.newContext(), EMAIL, PASSWORD);
  const entry = admin.locator('#secureai-audit-entry');
  check('an administrator sees the entry', (await entry.count()) === 1);
  if (SHOTS) await admin.screenshot({ path: `${SHOTS}/entry.png` });
  await entry.click();
  await admin.waitForURL('**/audit');
  check('it opens the audit log with the session', (await admin.title()).includes('Audit'));
  check('events are listed', (await admin.locator('main tbody tr').count()) > 0);
  if (SHOTS) await admin.screenshot({ path: `${SHOTS}/page.png` });

  const other = await signIn(await browser.newContext(), OTHER_EMAIL, OTHER_PASSWORD);
  check('nobody else sees the entry', (await other.locator('#secureai-audit-entry').count()) === 0);
  const refused = await other.goto(`${BASE}/audit`);
  check('nobody else is let in', refused.status() === 403);
} finally {
  await browser.close();
}
process.exit(failures.length ? 1 : 0);
