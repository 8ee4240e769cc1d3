// The proof in the browser: what it says it has verified, it has; and it says what it has not. Each lie of a server is
// told by altering its answers on their way.
import { accessible, ask, expect, open, record, SHOTS, signIn } from './browser.mjs';

const EVENT = '/audit/events/4711';
// A log's key that is not ours: docs/example.key.
const OLD_KEY = 'secureai.example/audit+677a014c+ARl/ayPhbIUyxqvIOPrNXqeJvgx2spIDNAOb+os9No1h';
const KEY = /[^\s+]+\+[0-9a-f]{8}/;

async function verdictOf(page) {
  await page.click('.verify');
  await page.waitForSelector('.verdict.good, .verdict.partly, .verdict.bad');
  return page.textContent('.verdict');
}

const said = async (page) => (await page.locator('.proof ol li').allTextContents()).join('\n');

async function reader() {
  const page = await open();
  await signIn(page);
  await page.goto(EVENT);
  return page;
}

// Answers of this address are altered; `once` no more, they are as they were.
async function altering(page, address, change, act) {
  const alter = async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: change(await answer.text()) });
  };
  await page.route(address, alter);
  const found = await act();
  await page.unroute(address, alter);
  return found;
}

const ofProof = (page, change) => altering(page, '**/4711/proof', change, () => verdictOf(page));

export const tests = {
  async proof() {
    const page = await reader();
    const first = await verdictOf(page);
    expect(/^Verified with a key that this browser sees for the first time: entry 4,711 of [\d,]+\. Compare the key below$/.test(first), `proof: ${first}`);
    expect(await page.locator('.verdict.partly').count() === 1, 'with a key that came along the verdict is not green');
    const steps = await said(page);
    expect(/is signed \(Ed25519\) by the key /.test(steps) && KEY.test(steps) && /for the first time/.test(steps), 'it names the key, seen for the first time');
    expect(/Not verified: Whether the key is the log’s/.test(steps) && /Not verified: The fields above/.test(steps), 'and says what is not verified');
    await page.locator('.proof').screenshot({ path: `${SHOTS}/proof.png` });
    await accessible(page, 'a proof', '.proof');

    await page.reload();
    const second = await verdictOf(page);
    expect(/^✓ Verified in your browser: entry 4,711 of [\d,]+, signed by the log$/.test(second), `proof: ${second}`);
    expect(/which this browser has kept since/.test(await said(page)), 'the key is kept');
    await record([{ id: `grown-${Date.now()}`, action: 'chat.created', outcome: 'success' }]);
    // A checkpoint is signed once a second.
    await page.waitForTimeout(2500);
    const grown = await verdictOf(page);
    expect(grown.startsWith('✓') && /It continues the checkpoint of [\d,]+ entries/.test(await said(page)), `the log has grown: ${await said(page)}`);
    await page.context().close();
  },

  async lies() {
    const page = await reader();
    await verdictOf(page);
    const signature = await ofProof(page, (text) => text.replace(/(\u2014 \S+ \S{20})(\S)/, (_, before, one) => before + (one === 'A' ? 'B' : 'A')));
    expect(/^✕ Not verified: the checkpoint’s signature is not by the key/.test(signature), `another signature: ${signature}`);
    const signer = await ofProof(page, (text) => text.replace(/\u2014 (\S+) (\S{5})/, (_, name) => `\u2014 ${name} AAAAA`));
    expect(/is not signed by the key .* that this browser has kept since/.test(signer), `another key: ${signer}`);
    expect(await page.locator('.proof >> text=Forget the old key').count() === 1, 'which may be on purpose');
    const root = await ofProof(page, (text) => text.replace(/\n(\d+)\n\S/, (_, size) => `\n${size}\nz`));
    expect(/does not lead to the checkpoint’s root|not base64/.test(root), `another root: ${root}`);
    const size = await ofProof(page, (text) => text.replace(/\n(\d+)\n(\S+=\n)/, (_, one, rest) => `\n${Number(one) + 1}\n${rest}`));
    expect(size.startsWith('✕'), `another size: ${size}`);
    const path = await ofProof(page, (text) => text.replace(/\nindex 4711\n(\S)/, (_, one) => `\nindex 4711\n${one === 'A' ? 'B' : 'A'}`));
    expect(/does not lead to the checkpoint’s root/.test(path), `another path: ${path}`);
    const other = await (await ask('/4712/proof')).text();
    const entry = await ofProof(page, () => other);
    expect(/another content than the JSON on this page/.test(entry), `another event's proof: ${entry}`);

    await page.evaluate(() => { const raw = document.querySelector('.raw'); raw.textContent = raw.textContent.replace('"outcome": "', '"outcome": "x'); });
    const shown = await verdictOf(page);
    expect(/another content than the JSON on this page/.test(shown), `another event on the page: ${shown}`);
    await page.context().close();
  },

  // A log that was put back, or is another one, since this browser saw it.
  async rewritten() {
    const page = await reader();
    await verdictOf(page);
    const remember = (change) => page.evaluate((change) => {
      const name = Object.keys(localStorage).find((one) => one.startsWith('secureai-audit.checkpoint '));
      const kept = JSON.parse(localStorage.getItem(name));
      localStorage.setItem(name, JSON.stringify({ ...kept, ...change }));
      return kept;
    }, change);
    const kept = await remember({ size: 900_000_000 });
    const back = await verdictOf(page);
    expect(/the log has [\d,]+ entries, but had 900,000,000 on .*: it was put back/.test(back), `fewer entries: ${back}`);
    await remember({ size: 1000 });
    const rewritten = await verdictOf(page);
    expect(/the first 1,000 entries are not those that this browser saw before/.test(rewritten), `other entries: ${rewritten}`);
    await remember({ size: kept.size, root: 'A'.repeat(43) + '=' });
    const same = await verdictOf(page);
    expect(same.startsWith('✕'), `as many others: ${same}`);

    // Every size has a beginning of its own: the first thousand, honestly.
    await remember({ size: 1000, root: await rootOfFirst(1000) });
    const honest = await verdictOf(page);
    expect(honest.startsWith('✓') && /continues the checkpoint of 1,000 entries/.test(await said(page)), `a thousand entries ago: ${honest}`);
    await remember({ size: 1000, root: await rootOfFirst(1000) });
    await page.route('**/tlog/tile/**', (route) => route.fulfill({ status: 403 }));
    expect((await verdictOf(page)).startsWith('✓') && /Not verified: Whether this continues/.test(await said(page)), 'tiles that may not be read leave it open');
    await page.context().close();
  },

  // After a change of keys nothing but the reader's own word replaces what is kept.
  async newKey() {
    const page = await reader();
    await verdictOf(page);
    await page.evaluate((key) => {
      const name = Object.keys(localStorage).find((one) => one.startsWith('secureai-audit.key '));
      localStorage.setItem(name, JSON.stringify({ key, since: '2026-01-01T00:00:00Z' }));
    }, OLD_KEY);
    for (let turn = 0; turn < 2; turn += 1) {
      const refused = await verdictOf(page);
      expect(refused.includes('is not signed by the key secureai.example/audit+677a014c that this browser has kept'), `an old key is not given up: ${refused}`);
    }
    await page.click('.proof >> text=Forget the old key and verify again');
    await page.waitForSelector('.verdict.partly');
    expect((await said(page)).includes('for the first time'), 'forgotten by hand, the new one is');
    await page.context().close();
  },

  // A browser without Ed25519, and one that keeps nothing.
  async lessens() {
    const page = await open();
    await page.addInitScript(() => {
      const real = crypto.subtle.importKey.bind(crypto.subtle);
      crypto.subtle.importKey = (format, key, algorithm, ...rest) => (algorithm.name === 'Ed25519'
        ? Promise.reject(new DOMException('not here', 'NotSupportedError'))
        : real(format, key, algorithm, ...rest));
    });
    await signIn(page);
    await page.goto(EVENT);
    const verdict = await verdictOf(page);
    expect(/^Partly verified/.test(verdict) && /its signature was not checked/.test(verdict), `without Ed25519: ${verdict}`);
    expect(/Not verified: The checkpoint’s signature/.test(await said(page)), 'and it says who made the checkpoint is not known');
    expect(await page.evaluate(() => localStorage.length) === 0, 'nothing unverified is kept');
    await page.context().close();

    const forgetful = await open();
    await forgetful.addInitScript(() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; });
    await signIn(forgetful);
    await forgetful.goto(EVENT);
    await verdictOf(forgetful);
    expect(/this browser keeps nothing/.test(await said(forgetful)), 'a browser that keeps nothing says so');
    await forgetful.context().close();
  },
};

// RFC 6962, from the first tiles; a second implementation.
async function rootOfFirst(size) {
  const hashes = [];
  for (let number = 0; hashes.length < size; number += 1) {
    const bytes = Buffer.from(await (await ask(`/tlog/tile/0/${String(number).padStart(3, '0')}`)).arrayBuffer());
    for (let at = 0; at < 256; at += 1) hashes.push(bytes.subarray(at * 32, at * 32 + 32));
  }
  const { createHash } = await import('node:crypto');
  const root = (list) => {
    if (list.length === 1) return list[0];
    let half = 1;
    while (half * 2 < list.length) half *= 2;
    return createHash('sha256').update(Buffer.of(1)).update(root(list.slice(0, half))).update(root(list.slice(half))).digest();
  };
  return root(hashes.slice(0, size)).toString('base64');
}
