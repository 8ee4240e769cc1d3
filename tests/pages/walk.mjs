// What holds on every page: it fits three widths in both themes, axe-core finds nothing, it is complete by keyboard, it is
// there without scripts, it weighs little. And that breaches, which are faults everywhere, are noticed at all.
import { accessible, BASE, expect, faults, fits, open, SHOTS, signIn, WIDTHS } from './browser.mjs';
import { firstPerson } from './people.mjs';

// What a page with everything that belongs to it may weigh on its way.
const MOST_BYTES = 120 * 1024;
// More stops than any page has that is meant to be walked through.
const MOST_STOPS = 600;

export function walks(pages) {
  // The addresses that depend on what is recorded are looked up once somebody is signed in.
  let known = null;
  async function addresses(page) {
    if (!known) {
      const reader = await open();
      await signIn(reader);
      const changed = await reader.evaluate(async () => (await (await fetch('/api/v1/auditlog?limit=1&action=user.role_updated')).json()).indices[0]);
      const person = await firstPerson(reader);
      await reader.context().close();
      known = pages.map(([name, address]) => [name, address.replace('CHANGE', changed).replace('FIRST-PERSON', person)]);
    }
    await signIn(page);
    return known;
  }

  return { guards, looks: () => looks(addresses), weights: () => weights(addresses), everyKey: () => everyKey(addresses), scriptless: () => scriptless(addresses) };
}

// The guards of browser.mjs are awake: a page that was altered on its way is found out.
async function guards() {
  const page = await open();
  await signIn(page);
  const before = faults.length;
  await page.route('**/audit/events/1', async (route) => {
    const answer = await route.fetch();
    const bad = '<p style="color: red" onclick="0">x</p><script>globalThis.ran = 1</script><img alt="" src="https://elsewhere.example/x.png">';
    await route.fulfill({ response: answer, body: (await answer.text()).replace('</main>', `${bad}</main>`) });
  });
  await page.goto('/audit/events/1');
  await page.waitForLoadState('networkidle');
  const found = faults.splice(before);
  const refused = (what) => found.some((fault) => fault.startsWith('console:') && fault.toLowerCase().includes(what));
  expect(refused('inline style') && refused('inline script') && refused('img-src'), 'the policy refuses, and that is noticed');
  expect(found.some((fault) => fault.startsWith('elsewhere:') || fault.includes('elsewhere.example')), 'a request elsewhere is noticed');
  expect(await page.evaluate(() => globalThis.ran) === undefined, 'a script that was slipped in does not run');
  await page.context().close();
}

async function looks(addresses) {
  for (const [width, height] of WIDTHS) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open({ viewport: { width, height }, colorScheme });
      await page.goto('/audit/sign-in');
      await look(page, 'sign-in', width, colorScheme);
      for (const [name, address] of await addresses(page)) {
        await page.goto(address);
        await look(page, name, width, colorScheme);
      }
      await page.context().close();
    }
  }
}

async function look(page, name, width, colorScheme) {
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true });
  await fits(page, `${name} at ${width}`);
  await accessible(page, `${name} ${width} ${colorScheme}`);
}

// Each page by a browser that has nothing of it: the document, styles, every script that it takes, the icon.
async function weights(addresses) {
  const reader = await open();
  const list = await addresses(reader);
  let [heaviest, most] = ['', 0];
  for (const [name, address] of list) {
    const session = await reader.context().newCDPSession(reader);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    let bytes = 0;
    session.on('Network.loadingFinished', (one) => { bytes += one.encodedDataLength; });
    await reader.goto(address);
    await reader.waitForLoadState('networkidle');
    await session.detach();
    if (bytes > MOST_BYTES || bytes === 0) expect(false, `${name} weighs ${bytes} bytes`);
    if (bytes > most) [heaviest, most] = [name, bytes];
  }
  expect(most <= MOST_BYTES, `the heaviest page, ${heaviest}, weighs ${(most / 1024).toFixed(1)} of ${MOST_BYTES / 1024} KiB`);
  await reader.context().close();
}

// Tab comes to everything that a pointer can use, shows where it is, and stays nowhere on the way.
async function everyKey(addresses) {
  const page = await open({ viewport: { width: 1280, height: 900 } });
  // A list that goes on by itself has no end to walk to: here it does not.
  await page.route(/\/audit(\/looks)?\?/, (route) => (route.request().resourceType() === 'fetch' ? route.fulfill({ status: 404 }) : route.continue()));
  for (const [name, address] of await addresses(page)) {
    await page.goto(address);
    await page.waitForLoadState('networkidle');
    const wanted = await page.evaluate(() => {
      const usable = [...document.querySelectorAll('a[href], button, input, select, textarea, summary')];
      globalThis.unvisited = new Set(usable.filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0 && one.type !== 'radio'));
      globalThis.unseen = [];
      return globalThis.unvisited.size;
    });
    let stops = 0;
    for (; stops < MOST_STOPS; stops += 1) {
      await page.keyboard.press('Tab');
      const isOut = await page.evaluate(() => {
        const at = document.activeElement;
        if (!at || at === document.body || globalThis.unvisited.size === 0) return true;
        globalThis.unvisited.delete(at);
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        const box = at.getBoundingClientRect();
        const isInside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
        const isMarked = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || at.closest('svg');
        if (!isMarked || !isInside) globalThis.unseen.push(at.outerHTML.slice(0, 120));
        return false;
      });
      if (isOut) break;
    }
    const [missed, unseen] = await page.evaluate(() => [[...globalThis.unvisited].map((one) => one.outerHTML.slice(0, 120)), globalThis.unseen]);
    const where = `${name} by keyboard: ${wanted} stops`;
    expect(stops < MOST_STOPS && missed.length === 0 && unseen.length === 0, [where, ...missed.map((one) => `missed ${one}`), ...unseen.slice(0, 5).map((one) => `not seen ${one}`)].join('\n     '));
  }
  await page.context().close();
}

// Without scripts there is the same page: its heading, its content, no control that would do nothing.
async function scriptless(addresses) {
  const page = await open({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  for (const [name, address] of await addresses(page)) {
    const answer = await page.goto(address);
    await page.screenshot({ path: `${SHOTS}/${name}-scriptless.png`, fullPage: true });
    // An error in a query is a page too, which says what is wrong.
    const isWhole = answer.status() === (name === 'wrong' ? 400 : 200) && (await page.locator('main h1').count()) === 1;
    const dead = await page.locator('button[type="button"]:visible').evaluateAll((all) => all.map((one) => one.outerHTML.slice(0, 100)));
    expect(isWhole && dead.length === 0, `${name} without scripts${isWhole ? '' : ` is ${answer.status()}`} ${dead.join()}`);
    const overflow = await page.locator('html').evaluate((html) => html.scrollWidth - html.clientWidth);
    if (overflow > 0) expect(false, `${name} without scripts is ${overflow} px too wide`);
  }
  expect(page.url().startsWith(BASE), 'the walk without scripts is over');
  await page.context().close();
}
