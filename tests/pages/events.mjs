// The Events page and one event: the tutorial example, keys, the list that goes on, brushing, the proof, and all of
// it without scripts.
import { accessible, ask, expect, open, SHOTS, signIn } from './browser.mjs';

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
    expect(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle) === 'none', 'which has one outline');
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
    const box = await page.locator('.histogram .plot').boundingBox();
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

  // Who is known by a word of the name only.
  async names() {
    const page = await open();
    await signIn(page);
    const looks = async () => (await (await ask('/stats?action=audit.searched,audit.viewed&by=action')).json()).rows.reduce((sum, row) => sum + row.count, 0);
    const { people } = await (await ask('/people?limit=1&sort=events')).json();
    const word = people[0].name.split(' ').at(-1).toLowerCase();
    await page.click('summary:has-text("Filters")');
    const before = await looks();
    await page.locator('#user').pressSequentially(word, { delay: 40 });
    await page.waitForSelector('#users option', { state: 'attached' });
    const options = await page.locator('#users option').evaluateAll((all) => all.map((one) => `${one.value} ${one.label}`.toLowerCase()));
    expect(options.length > 0 && options.every((one) => one.includes(word)), `${word} is suggested: ${options}`);
    await page.fill('#user', `${word}x`);
    await page.fill('#user', word);
    await page.waitForTimeout(500);
    expect(await looks() - before <= 2, `half-typed words are one look, not ${await looks() - before}`);
    await Promise.all([page.waitForURL('**user=**'), page.press('#user', 'Enter')]);
    const meant = page.locator('#meant a').first();
    expect((await meant.textContent()).toLowerCase().includes(word), 'a name that nobody has leads to who may be meant');
    await accessible(page, 'who may be meant', '#nothing');
    await meant.click();
    await page.waitForSelector('#events tbody tr');
    await page.context().close();
  },

  async dates() {
    const page = await open({ viewport: { width: 1280, height: 900 } });
    await signIn(page);
    await page.goto('/audit?range=90d');
    await page.waitForLoadState('networkidle');
    const away = await page.evaluate(() => {
      const middle = (box) => (box.left + box.right) / 2;
      const bars = [...document.querySelectorAll('.histogram .plot a')];
      const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });
      return [...document.querySelectorAll('.dates text')].slice(1).map((tick) => {
        const bar = bars.find((one) => day.format(new Date(new URL(one.href.baseVal, location).searchParams.get('from'))) === tick.textContent);
        return bar ? Math.abs(middle(bar.querySelector('.hit').getBoundingClientRect()) - middle(tick.getBoundingClientRect())) : 999;
      });
    });
    expect(away.length === 3 && away.every((px) => px < 2), `dates stand below their bars: ${away}`);
    await page.context().close();
  },

  // Numbers and dates as a German writes them, all of them.
  async languages() {
    for (const javaScriptEnabled of [true, false]) {
      const page = await open({ locale: 'de-DE', javaScriptEnabled });
      await signIn(page);
      for (const address of ['/audit', '/audit/users', '/audit/usage?range=90d', '/audit/integrity', '/audit/health', '/audit/exports/new']) {
        await page.goto(address);
        if (javaScriptEnabled) await page.waitForLoadState('networkidle');
        const text = await page.locator('main').evaluate((main) => {
          const copy = main.cloneNode(true);
          for (const recorded of copy.querySelectorAll('bdi, code, pre, textarea, #events')) recorded.remove();
          return copy.innerHTML.replace(/<(path|rect|line|input)[^>]*>/g, '');
        });
        const english = text.match(/\b\d{1,3}(,\d{3})+\b|\d\.\d+ (k|M|B|s|GB|MiB|kB)\b|\$\d+\.\d/g);
        expect(english === null, `${address} in German, scripts ${javaScriptEnabled}: ${english ?? ''}`);
        expect(/\d\.\d{3}/.test(text), `${address} has its thousands apart`);
      }
      await page.context().close();
    }
  },

  // What is mistyped leads to what was meant; a range of one's own is found in its form again; the title says what is shown.
  async mistyped() {
    const page = await open();
    await signIn(page);
    await page.goto('/audit?q=outcom%3Adenied&range=90d');
    expect(await page.locator('.tabs a').count() > 1, 'the views stay at hand');
    await Promise.all([page.waitForURL('**outcome%3Adenied**'), page.click('#problem a:has-text("outcome")')]);
    expect(page.url().includes('range=90d') && (await page.title()).startsWith('outcome:denied'), `to what was meant: ${await page.title()}`);
    await page.goto('/audit?from=2026-03-01T07:00:00Z&to=2026-03-02T07:00:00Z');
    expect(await page.inputValue('#from') === '2026-03-01T08:00', 'the range stands in its form, in the reader’s zone');
    await page.goto('/audit/nope');
    expect(await page.locator('main h1').count() === 1, 'a page that is none is a page');
    await page.context().close();
  },

  // On paper there is no address: the page says what it is of, and folds nothing.
  async printed() {
    const page = await open();
    await signIn(page);
    await page.emulateMedia({ media: 'print' });
    await page.goto('/audit?range=30d&q=failed');
    const said = await page.locator('.printed').innerText();
    expect(/failed/.test(said) && /from .* to .* printed .* by first-admin/.test(said) && /tree size/.test(said), `on paper: ${said}`);
    await page.screenshot({ path: `${SHOTS}/printed.png`, fullPage: true });
    await page.goto('/audit/usage');
    expect(await page.locator('.sheet').first().isVisible(), 'tables are not folded');
    await page.goto('/audit/events/4711');
    expect(await page.locator('.raw').isVisible() && /4711\/proof/.test(await page.locator('.proof').innerText()), 'nor is the JSON, and the proof is named');
    await page.context().close();
  },

  // By finger: the first tap tells, the second goes; what is told stays in the window; a drag narrows the time.
  async touch() {
    const page = await open({ viewport: { width: 390, height: 844 }, hasTouch: true });
    await signIn(page);
    await page.waitForLoadState('networkidle');
    const box = await page.locator('.histogram .plot').boundingBox();
    const at = [box.x + box.width * 0.95, box.y + 60];
    await page.touchscreen.tap(...at);
    await page.waitForSelector('.tip:not([hidden])');
    const tip = await page.locator('.tip').boundingBox();
    expect(!page.url().includes('from=') && tip.x >= 0 && tip.x + tip.width <= 390, `a tap tells: ${JSON.stringify(tip)}`);
    await page.touchscreen.tap(...at);
    await page.waitForURL('**from=**');
    expect(true, 'and the second goes');
    await page.context().close();
  },

  // A phone: one row of pages, the choice of colours below, the first event on the first screen.
  async phone() {
    const page = await open({ viewport: { width: 390, height: 844 }, colorScheme: 'light' });
    await signIn(page);
    await page.waitForLoadState('networkidle');
    const first = await page.locator('#events tbody tr').first().boundingBox();
    expect(first.y < 600, `the first event begins at ${Math.round(first.y)} px`);
    await page.goto('/audit/access');
    await page.waitForLoadState('networkidle');
    const open_ = await page.locator('.side nav [aria-current]').boundingBox();
    expect(open_.x >= 0 && open_.x + open_.width <= 390, 'the page that is open is seen in the row');
    await page.click('.end form.themes >> text=Dark');
    expect(await page.evaluate(() => document.documentElement.dataset.theme) === 'dark', 'colours can be chosen on a phone');
    await page.context().close();
  },

  async theme() {
    const page = await open({ colorScheme: 'light' });
    await signIn(page);
    await page.waitForLoadState('networkidle');
    await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST'), page.click('.foot form.themes >> text=Dark')]);
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
