// Small things that one works with: the histogram by keyboard and after coming back, completion after a failure, the
// state of an export.
import { expect, open, signIn } from './browser.mjs';

async function reader(address = '/audit') {
  const page = await open();
  await signIn(page);
  await page.goto(address);
  await page.waitForLoadState('networkidle');
  return page;
}

export const tests = {
  async brushByKeyboard() {
    const page = await reader();
    await page.locator('.histogram .plot a').last().focus();
    await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('Shift+ArrowLeft');
    const bars = await page.locator('.histogram .plot a').evaluateAll((all) => all.slice(-3).map((bar) => bar.getAttribute('href')));
    expect(await page.locator('.histogram .brush').count() === 1, 'Shift and an arrow key widen the range');
    await page.keyboard.press('Escape');
    expect(await page.locator('.histogram .brush').count() === 0, 'Escape takes it back');
    await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('Shift+ArrowLeft');
    await Promise.all([page.waitForURL('**from=**'), page.keyboard.press('Enter')]);
    const [got, first, last] = [page.url(), ...[bars[0], bars[2]].map((href) => new URL(href, page.url()).href)].map((href) => new URL(href).searchParams);
    expect(got.get('from') === first.get('from') && got.get('to') === last.get('to'), 'Enter goes to all three bars');
    await page.context().close();
  },

  async brushLetGo() {
    const page = await reader();
    const box = await page.locator('.histogram .plot').boundingBox();
    const drag = async () => {
      await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 6 });
    };
    await drag();
    await page.evaluate(() => dispatchEvent(new PointerEvent('pointercancel')));
    expect(await page.locator('.histogram .brush').count() === 0, 'a drag that was cancelled leaves nothing');
    await page.mouse.up();
    expect(!page.url().includes('from='), 'and goes nowhere');
    await drag();
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
    expect(await page.locator('.histogram .brush').count() === 0, 'a page that is left is left without it');
    await page.mouse.up();
    await page.context().close();
  },

  async completion() {
    const page = await reader();
    let answers = 0;
    await page.route('**/audit/fields.json', (route) => {
      answers += 1;
      return answers === 1 ? route.fulfill({ status: 401, contentType: 'application/json', body: '{"code":"unauthenticated"}' }) : route.continue();
    });
    const failed = page.waitForResponse('**/audit/fields.json');
    await page.focus('#q');
    await page.keyboard.type('ou');
    await failed;
    await page.waitForTimeout(300);
    await page.keyboard.type('t');
    await page.waitForSelector('.complete li >> text=outcome:');
    expect(answers >= 2, 'fields that could not be had are asked for again');
    await page.context().close();
  },
};
