// How smoothly live events are followed: 200 a second for a minute, by default.
//
//   node tail.mjs [RATE] [SECONDS]      (environment: browser.mjs)
//
// Prints the gaps between animation frames, how busy the page's thread was, tasks that took longer than 50 ms, shifts of the layout, rows and heap, for the
// page at rest before (what this machine and browser do with nothing to show) and for the page that follows.
import { close, open, signIn } from './browser.mjs';
import { pour } from './live.mjs';

// One frame of 60 a second, and half of the next: what comes later was dropped.
const DROPPED_MS = 1000 / 60 * 1.5;
const [rate = 200, seconds = 60] = process.argv.slice(2).map(Number);

const page = await open({ viewport: { width: 1280, height: 900 } });
await signIn(page);
await page.waitForLoadState('networkidle');

const session = await page.context().newCDPSession(page);
await session.send('Performance.enable');
const busy = async () => {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find((one) => one.name === 'TaskDuration').value * 1000;
};

async function measured(during) {
  await page.evaluate(() => {
    const run = { gaps: [], tasks: [], shift: 0, last: performance.now(), isOn: true };
    globalThis.run = run;
    const frame = (now) => {
      run.gaps.push(now - run.last);
      run.last = now;
      if (run.isOn) requestAnimationFrame(frame);
    };
    requestAnimationFrame((now) => { run.last = now; requestAnimationFrame(frame); });
    const watch = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type });
    watch('longtask', (entry) => run.tasks.push(entry.duration));
    watch('layout-shift', (entry) => { if (!entry.hadRecentInput) run.shift += entry.value; });
  });
  const [began, before] = [Date.now(), await busy()];
  await during();
  const share = (await busy() - before) / (Date.now() - began);
  const run = await page.evaluate(() => {
    globalThis.run.isOn = false;
    return { ...globalThis.run, rows: document.querySelectorAll('#tail-rows li').length, heap: performance.memory.usedJSHeapSize };
  });
  const gaps = run.gaps.toSorted((a, b) => a - b);
  const at = (share) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))].toFixed(1);
  const dropped = gaps.filter((gap) => gap > DROPPED_MS);
  const lost = dropped.reduce((sum, gap) => sum + Math.round(gap * 60 / 1000) - 1, 0);
  return {
    frames: gaps.length, gap_ms: { p50: at(0.5), p99: at(0.99), longest: at(1) },
    dropped_frames: lost, busy_percent: Number((share * 100).toFixed(1)), long_tasks: run.tasks.map(Math.round), layout_shift: run.shift,
    rows: run.rows, heap_mib: Number((run.heap / 1048576).toFixed(1)),
  };
}

console.log('at rest  ', JSON.stringify(await measured(() => page.waitForTimeout(Math.min(seconds, 15) * 1000))));
await page.click('#live');
await page.waitForTimeout(1000);
let sent = 0;
console.log('following', JSON.stringify(await measured(async () => { sent = await pour(rate, seconds); })));
console.log(`${sent} events sent in ${seconds} s; the page says: ${await page.textContent('#tail-state')}`);
await close();
