// The pages in a browser. What is tested stands in the files beside this one; what holds on every page in walk.mjs.
//
//   node pages.mjs [TEST]       (environment: browser.mjs; needs playwright-core, axe-core, chromium and curl)
import { close, expect, faults } from './browser.mjs';
import * as access from './access.mjs';
import * as address from './address.mjs';
import * as downloads from './downloads.mjs';
import * as events from './events.mjs';
import * as exports from './exports.mjs';
import * as following from './following.mjs';
import * as hostile from './hostile.mjs';
import * as inputs from './inputs.mjs';
import * as integrity from './integrity.mjs';
import * as live from './live.mjs';
import * as people from './people.mjs';
import * as trust from './trust.mjs';
import * as usage from './usage.mjs';
import * as views from './views.mjs';
import { walks } from './walk.mjs';

const parts = [events, address, trust, following, downloads, inputs, people, usage, exports, integrity, views, access, live, hostile];
const pages = parts.flatMap((part) => part.PAGES ?? []);
const tests = Object.assign(walks(pages), ...parts.map((part) => part.tests));
const [only] = process.argv.slice(2);
if (only && !tests[only]) throw new Error(`the tests are ${Object.keys(tests).join(', ')}`);

for (const [name, test] of Object.entries(tests)) {
  if (only && name !== only) continue;
  try {
    await test();
  } catch (error) {
    expect(false, `${name}: ${error}`);
  }
}
await close();
if (faults.length) {
  console.error(`\n${faults.length} faults:\n${[...new Set(faults)].join('\n')}`);
  process.exitCode = 1;
}
