// The list goes on by itself, and events open beside it.
import { drawers } from './drawer.js';
import { localise } from './locale.js';
import { enter, place } from './place.js';

// Rows that stay in the page; beyond it one goes on by link, so that memory has a bound.
const MOST = 2000;

export function list(table) {
  place(table);
  endless(table);
  drawers();
}

function endless(table) {
  const state = document.querySelector('#more-state');
  let loading = false;
  const watcher = new IntersectionObserver(async (seen) => {
    const link = document.querySelector('#older');
    if (!link || loading || !seen.some((entry) => entry.isIntersecting)) return;
    if (table.tBodies[0].rows.length >= MOST) return;
    loading = true;
    state.textContent = 'Loading…';
    try {
      const answer = await fetch(link.href);
      // A place that is no longer good leads to the top of the list.
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      localise(page);
      const rows = [...page.querySelectorAll('#events tbody tr')].map((row) => document.importNode(row, true));
      enter(rows, new URL(link.href).pathname + new URL(link.href).search);
      table.tBodies[0].append(...rows);
      const next = page.querySelector('#older');
      if (next) link.href = next.getAttribute('href');
      else link.remove();
      state.textContent = next ? '' : 'That was all';
    } catch {
      state.textContent = 'More could not be loaded; the button tries again.';
      watcher.disconnect();
    }
    loading = false;
    if (document.querySelector('#older')) {
      watcher.disconnect();
      watcher.observe(link);
    }
  }, { rootMargin: '600px' });
  const link = document.querySelector('#older');
  if (link) watcher.observe(link);
}
