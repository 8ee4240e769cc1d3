// How soon a page is painted, by a browser that has nothing of it yet.
//
//   node paint.mjs [TIMES] [ADDRESS]... (environment: browser.mjs)
//
// Prints, as median and worst of so many loads: the server's answer (from the request's first byte to the answer's first),
// first and largest contentful paint, and the bytes that were loaded.
import { close, open, signIn } from './browser.mjs';

const [times = '15', ...addresses] = process.argv.slice(2);
const page = await open({ viewport: { width: 1280, height: 900 } });
await signIn(page);
await page.waitForLoadState('networkidle');
const session = await page.context().newCDPSession(page);
await session.send('Network.enable');
let bytes = 0;
session.on('Network.loadingFinished', (one) => { bytes += one.encodedDataLength; });

async function load(address) {
  await session.send('Network.clearBrowserCache');
  bytes = 0;
  await page.goto(address);
  await page.waitForLoadState('networkidle');
  const seen = await page.evaluate(() => new Promise((done) => {
    const [navigation] = performance.getEntriesByType('navigation');
    const [first] = performance.getEntriesByName('first-contentful-paint');
    new PerformanceObserver((list) => done({
      answer: navigation.responseStart - navigation.requestStart,
      first: first.startTime,
      largest: list.getEntries().at(-1).startTime,
    })).observe({ type: 'largest-contentful-paint', buffered: true });
  }));
  return { ...seen, bytes };
}

for (const address of addresses.length ? addresses : ['/audit']) {
  const loads = [];
  for (let turn = 0; turn < Number(times); turn += 1) loads.push(await load(address));
  const of = (name) => {
    const sorted = loads.map((one) => one[name]).toSorted((a, b) => a - b);
    return [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  };
  const ms = (name) => of(name).map((value) => Math.round(value)).join(' / ');
  console.log(`${address}: answer ${ms('answer')} ms, first paint ${ms('first')} ms, largest ${ms('largest')} ms, ${(of('bytes')[1] / 1024).toFixed(1)} KiB (median / worst of ${loads.length})`);
}
await close();
