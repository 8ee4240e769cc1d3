// Access: a token is made, given another secret and revoked, with scripts and without; both tables fit a phone.
import { accessible, expect, open, SHOTS, signIn } from './browser.mjs';

export const PAGES = [['access', '/audit/access']];

export const tests = {
  async access() {
    for (const javaScriptEnabled of [true, false]) {
      const how = javaScriptEnabled ? 'with scripts' : 'without scripts';
      const page = await open({ javaScriptEnabled, viewport: { width: 390, height: 844 } });
      await signIn(page);
      await page.goto('/audit/access');
      await page.click('summary:has-text("New token")');
      if (javaScriptEnabled) await accessible(page, 'new token');
      const name = `page-test-${Date.now()}`;
      await page.fill('#token-name', name);
      await page.selectOption('#token-role', 'auditor');
      await page.click('text="Make the token"');
      const first = await page.textContent('.secret');
      expect(first.startsWith('saa_'), `${how}: a token is made and shown`);
      await page.click(`button[aria-label="Rotate ${name}"]`);
      const second = await page.textContent('.secret');
      expect(second.startsWith('saa_') && second !== first, `${how}: it is given another secret`);
      await page.screenshot({ path: `${SHOTS}/access-rotated-${javaScriptEnabled}.png`, fullPage: true });
      await page.click(`summary[aria-label="Revoke ${name}…"]`);
      await page.click(`button[aria-label="Revoke ${name}"]`);
      expect(await page.locator(`button[aria-label="Revoke ${name}"]`).count() === 0, `${how}: it is revoked`);
      await page.context().close();
    }
  },
};
