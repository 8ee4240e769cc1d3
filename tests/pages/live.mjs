// Live events, two hundred a second: the list is bounded, nothing in the page moves, none is forgotten, it can be paused.
// tail.mjs measures the same for a minute.
import { accessible, expect, open, record, SHOTS, signIn, watchShifts } from './browser.mjs';

const ROWS = 100;
const RATE = 200;
const SECONDS = 5;

// Sends `seconds` of made-up events at `rate` a second; says how many. Returns when the time is over.
export async function pour(rate, seconds) {
  const run = Date.now();
  const batches = seconds * 10;
  for (let batch = 0; batch < batches; batch += 1) {
    const wait = run + batch * 100 - Date.now();
    if (wait > 0) await new Promise((done) => { setTimeout(done, wait); });
    await record(Array.from({ length: rate / 10 }, (_, at) => ({
      id: `live-${run}-${batch}-${at}`,
      action: 'chat.created',
      outcome: ['success', 'failure', 'denied'][at % 3],
      actor: { type: 'user', id: `u${at}`, name: `Person ${at} of ${batch}` },
      client: { ip: `10.0.0.${at}` },
      message: `Person ${at} began conversation ${batch}, ${'whatever it was about '.repeat(at % 5)}`,
    })));
  }
  return rate / 10 * batches;
}

export const tests = {
  async live() {
    const page = await open();
    await signIn(page);
    await page.waitForLoadState('networkidle');
    await page.click('#live');
    // What follows a click at once is not counted as a shift.
    await page.waitForTimeout(1000);
    await watchShifts(page);
    const sent = await pour(RATE, SECONDS);
    const counted = async () => Number((await page.textContent('#tail-state')).replace(/\D/g, ''));
    for (let turn = 0; turn < 300 && await counted() < sent; turn += 1) await page.waitForTimeout(100);
    expect(await counted() >= sent, `live: ${await counted()} events are counted, ${sent} were sent`);
    expect(await page.locator('#tail-rows li').count() === ROWS, `live: the list has ${ROWS} rows`);
    const shift = await page.evaluate(() => globalThis.shift);
    // A row's mark may get another sign, which the browser takes for a move of a millionth of the page.
    expect(shift < 1e-5, `live: nothing moves (${shift})`);
    await page.screenshot({ path: `${SHOTS}/live.png` });
    await accessible(page, 'live');

    await page.click('#pause');
    const newest = await page.locator('#tail-rows li').first().textContent();
    await pour(RATE, 1);
    await page.waitForTimeout(500);
    expect(await page.locator('#tail-rows li').first().textContent() === newest, 'live: paused, the list stands still');
    await page.click('#pause');
    await page.waitForFunction((was) => document.querySelector('#tail-rows li').textContent !== was, newest);
    for (let turn = 0; turn < 300 && await counted() < sent + RATE; turn += 1) await page.waitForTimeout(100);
    expect(await counted() >= sent + RATE, 'live: what came meanwhile is there afterwards');
    await page.context().close();
  },
};
