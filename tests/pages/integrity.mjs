// Integrity and health: a verification begun and watched to its end, the checkpoint copied, both pages in both themes
// at three widths, without violations of axe-core, and without scripts.
export async function integrity({ open, signIn, accessible, expect, faults, SHOTS }) {
  const PAGES = [['integrity', '/audit/integrity'], ['health', '/audit/health']];
  for (const [width, height] of [[1920, 1080], [1280, 900], [390, 844]]) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open({ viewport: { width, height }, colorScheme });
      await signIn(page);
      for (const [name, address] of PAGES) {
        await page.goto(address);
        await page.waitForLoadState('networkidle');
        await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) faults.push(`${name} at ${width} is ${overflow} px too wide`);
        if (width !== 1920) await accessible(page, `${name} ${width} ${colorScheme}`);
      }
      await page.context().close();
    }
  }

  const page = await open();
  await signIn(page);
  await page.goto('/audit/integrity');
  await page.click('text="Verify now"');
  await page.waitForSelector('.verdicts', { timeout: 60000 });
  await page.waitForFunction(() => !document.querySelector('#verification'), null, { timeout: 60000 });
  const verdicts = await page.locator('.verdicts b').allTextContents();
  expect(verdicts.join() === 'Nothing was altered,Nothing is missing', `a verification ends with two verdicts: ${verdicts}`);
  await page.screenshot({ path: `${SHOTS}/verified.png`, fullPage: true });
  expect(await page.locator('#copy-note').isVisible(), 'the checkpoint can be copied');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text="Download" >> nth=0')]);
  expect(!(await download.failure()), 'the checkpoint can be downloaded');
  await page.context().close();

  const plain = await open({ javaScriptEnabled: false });
  await signIn(plain);
  await plain.goto('/audit/integrity');
  await plain.click('text="Verify now"');
  await plain.waitForTimeout(3000);
  await plain.goto('/audit/integrity');
  expect(await plain.locator('table.plain tbody tr').count() > 1, 'without scripts: a verification');
  await plain.goto('/audit/health');
  expect(await plain.locator('.checks li').count() > 5, 'without scripts: the checks');
  await plain.context().close();
}
