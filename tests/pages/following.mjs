// Following live: from where the list ends, over what passes; and what does not pass is told.
import { expect, open, record, signIn } from './browser.mjs';

const STREAM = '**/auditlog/stream*';

async function reader() {
  const page = await open();
  await signIn(page);
  await page.waitForLoadState('networkidle');
  return page;
}

const problem = (status, code, detail, headers = {}) => ({ status, headers, contentType: 'application/problem+json', body: JSON.stringify({ status, code, detail }) });
const stream = (body) => ({ status: 200, contentType: 'text/event-stream', body });
const message = (index) => `id: ${index}\ndata: {"action":"chat.created","outcome":"success","time":"2026-03-20T12:00:00Z","message":"number ${index}"}\n\n`;
const state = (page) => page.textContent('#tail-state');
const says = (page, what) => page.waitForFunction((what) => document.querySelector('#tail-state').textContent.includes(what), what);
const event = (id) => ({ id: `following-${Date.now()}-${id}`.replaceAll(' ', '-'), action: 'chat.created', outcome: 'success', message: `Told of ${id}` });

export const tests = {
  async continued() {
    const page = await reader();
    const newest = await page.locator('#events tbody tr').first().textContent();
    await record([event('before')]);
    await page.click('#live');
    await page.waitForSelector('#tail-rows >> text=Told of before');
    expect(true, 'what came between the page and the click is there');
    expect(await page.locator('#events tbody tr').first().isVisible() && await page.locator('#events tbody tr').first().textContent() === newest, 'the list stays below');
    expect(await page.getAttribute('#tail-state', 'role') === null, 'numbers that change are not read out');
    const spoken = await page.evaluate(() => {
      globalThis.spoken = 0;
      new MutationObserver(() => { globalThis.spoken += 1; }).observe(document.querySelector('#tail-aloud'), { childList: true, characterData: true, subtree: true });
      return true;
    });
    for (let n = 0; n < 12; n += 1) {
      await record([event(`loud ${n}`)]);
      await page.waitForTimeout(250);
    }
    await page.waitForSelector('#tail-rows >> text=Told of loud 11');
    expect(spoken && await page.evaluate(() => globalThis.spoken) <= 1, 'twelve changes are not twelve announcements');
    await page.click('#tail-rows >> text=Told of loud 11');
    await page.waitForSelector('dialog.drawer[open] >> text=Told of loud 11');
    expect(true, 'a live event opens beside the list');
    await page.keyboard.press('Escape');
    await page.click('#live');
    expect((await state(page)).startsWith('Stopped.') && await page.locator('#tail-rows >> text=Told of before').count() === 1, 'what was followed stays when one stops');
    await record([event('meanwhile')]);
    await page.click('#live');
    await page.waitForSelector('#tail-rows >> text=Told of meanwhile');
    expect(await page.locator('#tail-rows >> text=Told of before').count() === 1, 'and goes on where it was');
    await page.context().close();
  },

  async ended() {
    for (const [answer, says_, way] of [
      [problem(401, 'unauthenticated', 'sign in'), 'Your session has ended', 'a:has-text("Sign in again")'],
      [problem(403, 'permission_required', 'you may no longer read events'), 'You may no longer read events', 'button:has-text("Try again")'],
    ]) {
      const page = await reader();
      await page.route(STREAM, (route) => route.fulfill(answer));
      await page.click('#live');
      await says(page, says_);
      expect(await page.locator(`#tail-state ${way}`).count() === 1, `${answer.status}: ${await state(page)}`);
      await page.waitForTimeout(2500);
      expect((await state(page)).includes(says_) && await page.getAttribute('#live', 'aria-pressed') === 'false', `${answer.status}: it does not try for ever`);
      await page.context().close();
    }
  },

  async waited() {
    const page = await reader();
    const asked = [];
    const answers = [
      problem(429, 'too_many_streams', 'too many live tails are open', { 'retry-after': '1' }),
      problem(503, 'busy', 'the server is busy'),
      stream(`${message(5)}event: end\ndata: {"code":"shutting_down","detail":"the server is shutting down"}\n\n`),
      stream(`${message(6)}event: problem\nid: 7\ndata: {"code":"unreadable_entry","detail":"entry 7 cannot be read","index":7}\n\n${message(8)}`),
    ];
    await page.clock.install();
    await page.route(STREAM, (route) => {
      asked.push(new URL(route.request().url()).searchParams.get('after'));
      return route.fulfill(answers[asked.length - 1] ?? problem(401, 'unauthenticated', 'sign in'));
    });
    await page.click('#live');
    await says(page, 'Too many live tails are open; trying again in 2 s');
    await page.clock.fastForward(2100);
    await says(page, 'The server is busy; trying again in 4 s');
    await page.clock.fastForward(4100);
    await says(page, 'The server is shutting down; trying again in 8 s');
    await page.clock.fastForward(8100);
    await says(page, 'The connection broke; trying again in 16 s');
    await page.locator('#tail-rows li').nth(3).waitFor();
    const rows = await page.locator('#tail-rows li').allTextContents();
    expect(rows.length === 4 && rows[0].includes('number 8') && rows[1].includes('entry 7 cannot be read') && rows[3].includes('number 5'), `a hole is a row: ${rows}`);
    expect((await state(page)).includes('3 events') && (await state(page)).includes('1 cannot be read'), await state(page));
    await page.clock.fastForward(16_100);
    await says(page, 'Your session has ended');
    expect(asked.slice(3).join() === '5,8' && asked[0] === asked[2] && Number(asked[0]) > 8, `it goes on where it was: ${asked}`);
    await page.context().close();
  },
};
