// The Events page and one event: the tutorial example, keys, the list that goes on, brushing, the proof, and all of
// it without scripts.
import { accessible, expect, open, SHOTS, signIn } from './browser.mjs';

export const PAGES = [
  ['events', '/audit'],
  ['failed', '/audit?range=30d&event_type=authentication&q=failed'],
  ['wrong', '/audit?q=acton%3Aauth.login'],
  ['empty', '/audit?range=24h&q=nothinglikethis&outcome=failure'],
  ['event', '/audit/events/4711'],
  ['change', '/audit/events/CHANGE'],
];

export const tests = {
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
    for (let times = 0; times < 100 && await page.locator('#events tbody tr').count() < 150; times += 1) {
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
    await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), page.click('form.themes >> text=Dark')]);
    await page.waitForLoadState('networkidle');
    await page.reload();
    expect(await page.evaluate(() => document.documentElement.dataset.theme) === 'dark', 'the choice of colours is kept');
    await page.click('text="Sign out"');
    await page.waitForURL('**/audit/sign-in');
    await page.goto('/audit');
    expect(await page.locator('#token').count() === 1, 'after signing out one has to sign in');
    await page.context().close();
  },
};
