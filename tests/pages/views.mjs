// Saved views, columns, who looked, approvals.
import { accessible, expect, open, SHOTS, signIn } from './browser.mjs';

export const PAGES = [
  ['views', '/audit?view=expensive-model-calls&event_type=model_usage&q=cost%3E%3D0.01&range=90d&columns=who,what,outcome,model,tokens,cost'],
  ['looks', '/audit/looks'],
  ['looks-exports', '/audit/looks?kind=exports'],
  ['approvals', '/audit/approvals'],
];

export const tests = {
  // With scripts and without: the same forms.
  async views() {
    for (const javaScriptEnabled of [true, false]) {
      const page = await open({ javaScriptEnabled });
      await signIn(page);
      const name = `Denied ${javaScriptEnabled ? 'with' : 'without'} scripts`;
      await page.goto('/audit?outcome=denied&range=90d');
      await page.click('summary:has-text("Save view")');
      await page.fill('#view-name', name);
      await page.screenshot({ path: `${SHOTS}/save-view-${javaScriptEnabled}.png` });
      if (javaScriptEnabled) await accessible(page, 'save view', '.views');
      await page.click('button:has-text("Save"):visible >> text=/^Save$/');
      await page.waitForURL('**view=view_**');
      expect(await page.locator('.tabs [aria-current="page"]').textContent() === name, `${name}: the view is open`);
      await page.goto(page.url().replace('outcome=denied', 'outcome=failure'));
      expect(await page.locator('.tabs [aria-current] small').textContent() === 'changed', `${name}: a change is marked`);
      await page.click('text="Save changes"');
      await page.waitForURL('**outcome=failure**');
      expect(await page.locator('.tabs [aria-current] small').count() === 0, `${name}: the change is saved`);
      await page.click('summary:has-text("Save view")');
      await page.click('text="Delete"');
      await page.waitForURL('**/audit');
      expect(await page.locator('.tabs a', { hasText: name }).count() === 0, `${name}: it is deleted`);
      await page.context().close();
    }
  },

  // The record without those who read it.
  async activity() {
    const page = await open();
    await signIn(page);
    await page.click('.tabs >> text="Activity"');
    await page.waitForURL('**view=activity**');
    const actions = await page.locator('#events .what code').allTextContents();
    expect(actions.length > 10 && !actions.some((action) => /^audit\.(viewed|searched|read|streamed|proof_issued)$/.test(action)), 'Activity leaves out the looks at the log');
    await page.context().close();
  },

  async scheduled() {
    const page = await open();
    await signIn(page);
    await page.goto('/audit/looks');
    const chip = page.locator('nav[aria-label=Kind] a', { hasText: 'Scheduled checks' });
    const count = Number((await chip.locator('.count').textContent()).replace(/\D/g, ''));
    const proofs = Number((await page.locator('nav[aria-label=Kind] a', { hasText: 'Proofs' }).locator('.count').textContent()).replace(/\D/g, ''));
    expect(count > 300 && proofs < 100, `${count} checks by the server itself stand apart from ${proofs} proofs`);
    // Words of their own: the same look within ten minutes is counted, not shown again.
    const word = `said${Date.now()}`;
    await page.goto(`/audit/users?find=${word}`);
    await page.goto(`/audit/usage?q=${word}`);
    const said = async () => {
      await page.goto('/audit/looks?kind=searches');
      return (await page.locator('.looks td.what').allTextContents()).filter((text) => text.includes(word)).join('\n');
    };
    let at = await said();
    for (let turn = 0; turn < 60 && at.split('\n').length < 2; turn += 1) at = await said();
    expect(/List of people/.test(at) && /Usage by department/.test(at) && !/people people|\d{6}Z/.test(at), `looks are said in words: ${at}`);
    await Promise.all([page.waitForURL('**/audit?**'), page.click('text="As events"')]);
    expect(await page.locator('#events tbody tr').count() > 0 && await page.locator('#problem').count() === 0, 'and are events like others');
    await page.context().close();
  },

  async columns() {
    const page = await open();
    await signIn(page);
    await page.click('summary:has-text("Columns")');
    await accessible(page, 'columns', '.bar');
    await page.uncheck('input[value="client"]');
    await page.check('input[value="tokens"]');
    await page.click('form:has(fieldset) button');
    await page.waitForURL('**columns=**');
    const heads = await page.locator('#events th').allTextContents();
    expect(heads.includes('Tokens') && !heads.includes('Client'), 'columns are chosen');
    await page.context().close();
  },

  async who_looked() {
    const page = await open();
    await signIn(page);
    await page.goto('/audit/events/7');
    await page.click('text="Who looked at this"');
    await page.waitForURL('**/audit/looks?target=**');
    expect(await page.locator('#events tbody tr').count() >= 1, 'an event says who looked at it');
    await page.context().close();
  },
};
