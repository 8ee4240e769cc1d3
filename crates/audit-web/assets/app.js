// What every page does beyond what it does without scripts.
import { localise, zoned } from './locale.js';
import { keys } from './keys.js';

document.documentElement.dataset.scripts = 'on';
zoned();
localise(document);
themes();
menus();
keys();
shown();

if (document.querySelector('#q, [data-filter]')) import('./complete.js').then(({ complete }) => document.querySelectorAll('#q, [data-filter]').forEach(complete));
if (document.querySelector('[data-filter]')) import('./scope.js').then(({ scope }) => document.querySelectorAll('[data-filter]').forEach(scope));
if (document.querySelector('[data-suggest]')) import('./suggest.js').then(({ suggest }) => suggest());
if (document.querySelector('.histogram')) import('./histogram.js').then(({ histogram }) => histogram(document.querySelector('.histogram')));
if (document.querySelector('.chart')) import('./chart.js').then(({ chart }) => document.querySelectorAll('.chart').forEach(chart));
if (document.querySelector('#events')) import('./list.js').then(({ list }) => list(document.querySelector('#events')));
if (document.querySelector('#live')) import('./tail.js').then(({ tail }) => tail(document.querySelector('#live')));
if (document.querySelector('#export')) import('./sizes.js').then(({ sizes }) => sizes(document.querySelector('#export')));
if (document.querySelector('.export-new')) import('./sizes.js').then(({ resizes }) => resizes(document.querySelector('.export-new')));
if (document.querySelector('#verification')) import('./verification.js').then(({ verification }) => verification(document.querySelector('#verification')));
if (document.querySelector('#copy-note')) import('./verification.js').then(({ copying }) => copying(document.querySelector('#copy-note')));
if (document.querySelector('[data-copy]')) import('./copy.js').then(({ copies }) => copies());
if (document.querySelector('#exports')) import('./exports.js').then(({ exports }) => exports(document.querySelector('#exports')));
if (document.querySelector('article.event')) import('./event.js').then(({ event }) => event(document.querySelector('article.event')));

// On a phone the row of pages scrolls: the one that is open is to be seen. (scrollIntoView would have the Tab key begin there.)
function shown() {
  const link = document.querySelector('.side nav [aria-current]');
  if (link) link.parentElement.scrollLeft = link.offsetLeft - (link.parentElement.clientWidth - link.offsetWidth) / 2;
}

// The choice of colours takes effect at once and is remembered by the server.
function themes() {
  const forms = document.querySelectorAll('form.themes');
  const choose = (submit) => {
    const button = submit.submitter;
    if (!button) return;
    submit.preventDefault();
    document.documentElement.dataset.theme = button.value;
    for (const other of document.querySelectorAll('form.themes button')) other.setAttribute('aria-pressed', other.value === button.value);
    const body = new URLSearchParams({ theme: button.value, next: '/audit/sign-in' });
    fetch(submit.target.action, { method: 'POST', body, redirect: 'manual' }).catch(() => {});
  };
  for (const form of forms) form.addEventListener('submit', choose);
}

// Escape closes a menu. What was left blank is not sent.
function menus() {
  const open = () => document.querySelectorAll('details.menu[open]');
  document.addEventListener('keydown', (key) => {
    if (key.key !== 'Escape') return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
  });
  document.addEventListener('submit', (submit) => {
    const form = submit.target;
    if (form.method !== 'get') return;
    for (const input of form.querySelectorAll('input')) if (!input.value.trim()) input.disabled = true;
  });
  addEventListener('pageshow', () => {
    for (const input of document.querySelectorAll('form[method="get"] input:disabled')) input.disabled = false;
  });
}
