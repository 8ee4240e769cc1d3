// Usage: its looks, its charts by keyboard and pointer, a bar that leads to its events, the table as CSV, no scripts needed.
export default function usage({ open, signIn, expect, accessible, shots, faults }) {
  return {
    async usage() {
      for (const [width, height] of [[1920, 1080], [1280, 900], [390, 844]]) {
        for (const colorScheme of ['light', 'dark']) {
          const page = await open({ viewport: { width, height }, colorScheme });
          await signIn(page);
          for (const [name, address] of [['usage', '?by=department'], ['usage-cost', '?show=cost&by=model&range=90d'], ['usage-none', '?q=nothinglikethis']]) {
            await page.goto(`/audit/usage${address}`);
            await page.waitForLoadState('networkidle');
            await page.screenshot({ path: `${shots}/${name}-${width}-${colorScheme}.png`, fullPage: true });
            const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            if (overflow > 0) faults.push(`${name} at ${width} is ${overflow} px too wide`);
            await accessible(page, `${name} ${width} ${colorScheme}`);
          }
          await page.context().close();
        }
      }
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
}
