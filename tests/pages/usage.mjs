// Usage: its charts by keyboard and pointer, a bar that leads to its events, the table as CSV, no scripts needed.
import { expect, open, signIn } from './browser.mjs';

export const PAGES = [
  ['usage', '/audit/usage?by=department'],
  ['usage-cost', '/audit/usage?show=cost&by=model&range=90d'],
  ['usage-none', '/audit/usage?q=nothinglikethis'],
];

export const tests = {
  async usageTables() {
    const page = await open({ viewport: { width: 1280, height: 900 } });
    await signIn(page);
    await page.goto('/audit/usage?by=user');
    const heavy = await page.locator('.sheet tbody').first().locator('tr:last-child td').first().evaluate((cell) => getComputedStyle(cell).fontWeight);
    expect(Number(heavy) < 600, 'the last day is no total');
    await page.click('summary:has-text("As a table")');
    expect((await page.locator('.sheet tfoot td').first().textContent()) === 'All', 'the table over time has a total');
    const widths = await page.locator('.chart.bars a > rect:nth-of-type(3)').evaluateAll((all) => all.map((bar) => parseFloat(bar.getAttribute('width'))));
    expect(widths[0] === 100, `the largest who has a name fills the scale: ${widths}`);
    await page.context().close();
  },

  async usageCharts() {
    const page = await open({ viewport: { width: 1280, height: 900 } });
    await signIn(page);
    await page.goto('/audit/usage?by=model&show=calls');
    await page.waitForLoadState('networkidle');
    await page.locator('.chart.stacked a.whole').last().focus();
    expect(await page.locator('.chart.stacked .tip:not([hidden])').count() === 1, 'usage: focus shows the numbers');
    await page.keyboard.press('ArrowLeft');
    expect((await page.locator('.chart.stacked .tip').textContent()).includes('call'), 'usage: arrow keys move from bar to bar');
    await page.locator('.chart.bars a').first().click();
    await page.waitForURL('**/audit?**');
    expect(await page.locator('#events tbody tr').count() > 0, 'usage: a bar leads to its events');
    await page.context().close();
  },

  async usagePlain() {
    const page = await open({ javaScriptEnabled: false });
    await signIn(page);
    await page.goto('/audit/usage?by=department');
    await page.click('text="90 days"');
    await page.click('nav.tiles >> text=Cost');
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('a:has-text("CSV")').last().click()]);
    expect(!(await download.failure()), 'usage without scripts: CSV');
    expect(await page.locator('.chart.stacked title').count() > 0, 'usage without scripts: bars say what they are');
    await page.context().close();
  },
};
