// What one looks at stands in the address: the event that is open, the place in the list. And in whose time zone it is.
import { expect, open, signIn, TOKEN } from './browser.mjs';

const hash = (page) => new URL(page.url()).hash;
const isOpen = (page) => page.locator('dialog.drawer[open]').count();

async function reader(options) {
  const page = await open(options);
  await signIn(page);
  await page.waitForLoadState('networkidle');
  return page;
}

export const tests = {
  async drawer() {
    const page = await reader();
    const third = page.locator('#events tbody tr').nth(2);
    const index = (await third.locator('td.time a').getAttribute('href')).split('/').at(-1);
    await third.locator('td.what').click();
    await page.waitForSelector('dialog.drawer[open] article');
    expect(hash(page) === `#event-${index}`, 'the open event stands in the address');
    await page.reload();
    await page.waitForSelector(`dialog.drawer[open] article[data-index="${index}"]`);
    expect(true, 'loading the page again opens it again');
    await page.goBack();
    await page.waitForFunction(() => !document.querySelector('dialog.drawer[open]'));
    expect(hash(page) === '' && new URL(page.url()).pathname === '/audit', 'Back closes it and stays on the page');
    await page.goForward();
    await page.waitForSelector(`dialog.drawer[open] article[data-index="${index}"]`);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !location.hash);
    expect(await isOpen(page) === 0, 'Escape closes it, the address too');

    await page.keyboard.press('j');
    const [clicked, at] = await page.locator('#events tbody tr').evaluateAll((rows, index) => [
      rows.findIndex((row) => row.querySelector('td.time a').pathname.endsWith(`/${index}`)),
      rows.findIndex((row) => row.classList.contains('at')),
    ], index);
    expect(at === clicked + 1, `j goes on from the row that was clicked: from ${clicked} to ${at}`);
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog.drawer[open] article');
    const depth = await page.evaluate(() => history.length);
    await page.keyboard.press('j');
    await page.waitForFunction((was) => document.querySelector('dialog.drawer article').dataset.index !== was, await page.getAttribute('dialog.drawer article', 'data-index'));
    expect(await page.evaluate(() => history.length) === depth, 'from event to event Back leads to the list');
    await page.context().close();
  },

  async place() {
    const page = await reader();
    for (let turn = 0; turn < 40 && await page.locator('#events tbody tr').count() < 150; turn += 1) {
      await page.mouse.wheel(0, 20000);
      await page.waitForTimeout(150);
    }
    const row = page.locator('#events tbody tr').nth(120);
    await row.evaluate((one) => one.scrollIntoView({ block: 'start' }));
    await page.waitForFunction(() => location.search.includes('page_token='));
    // The place is noted a moment after one has stopped.
    await page.waitForTimeout(1000);
    const top = () => page.evaluate(() => [...document.querySelectorAll('#events tbody tr')].find((one) => one.getBoundingClientRect().bottom > 8).querySelector('td.time a').getAttribute('href'));
    const seen = await top();
    await page.reload();
    await page.waitForLoadState('networkidle');
    expect(await top() === seen, `loading the page again leads to the same row: ${await top()}, ${seen}`);
    await Promise.all([page.waitForURL('**/audit/events/**'), page.evaluate((seen) => { location.href = seen; }, seen)]);
    await page.goBack();
    await page.waitForLoadState('networkidle');
    expect(await top() === seen, 'and so does coming back');
    await page.goto('/audit?page_token=nolongergood');
    expect(new URL(page.url()).search === '' && await page.locator('#events tbody tr').count() === 50, 'a place that is no longer good leads to the top');
    await page.context().close();
  },

  // The first look of a reader far from UTC: bars and days are theirs.
  async zone() {
    const zoned = { timezoneId: 'America/Los_Angeles', locale: 'en-US' };
    const page = await reader(zoned);
    const drawn = () => page.evaluate(() => document.documentElement.dataset.drawnIn);
    expect(await drawn() === 'America/Los_Angeles', `after the sign-in the first page is in the reader's zone: ${await drawn()}`);
    await page.context().close();

    // Somebody whom the gateway lets in has seen no page of ours before.
    const guest = await open({ ...zoned, extraHTTPHeaders: { authorization: `Bearer ${TOKEN}` } });
    await guest.goto('/audit?range=today');
    await guest.waitForFunction(() => document.documentElement.dataset.drawnIn === 'America/Los_Angeles');
    const head = await guest.textContent('thead .time small');
    const [first, total] = await guest.evaluate(() => [document.querySelector('#events tbody tr:last-child time')?.dateTime, document.querySelector('#total b')?.dataset.number]);
    expect(head === 'America/Los_Angeles' && (Number(total) > 50 || first !== undefined || total === undefined), 'the heading, the bars and the days speak of one zone');
    await guest.context().close();

    const cookieless = await open({ ...zoned, extraHTTPHeaders: { authorization: `Bearer ${TOKEN}` } });
    await cookieless.addInitScript(() => { Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set: () => {} }); });
    let loads = 0;
    cookieless.on('load', () => { loads += 1; });
    await cookieless.goto('/audit');
    await cookieless.waitForTimeout(1500);
    expect(loads === 1, `without cookies the page is not loaded over and over: ${loads}`);
    await cookieless.context().close();

    const plain = await open({ ...zoned, javaScriptEnabled: false });
    await signIn(plain);
    expect(await plain.locator('noscript p').isVisible() && (await plain.locator('noscript p').textContent()).startsWith('Times and days are in UTC') && await plain.textContent('thead .time small') === 'UTC', 'without scripts it says UTC');
    await plain.context().close();
  },
};
