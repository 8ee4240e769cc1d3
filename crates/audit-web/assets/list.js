// The list goes on by itself, and events open beside it.
import { localise } from './locale.js';

// Rows that stay in the page; beyond it one goes on by link, so that memory has a bound.
const MOST = 2000;

export function list(table) {
  endless(table);
  drawers(table);
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
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      localise(page);
      const rows = [...page.querySelectorAll('#events tbody tr')];
      table.tBodies[0].append(...rows.map((row) => document.importNode(row, true)));
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

function drawers(table) {
  table.addEventListener('click', (click) => {
    const link = click.target.closest('td.time a') ?? click.target.closest('tr')?.querySelector('td.time a');
    const wantsOther = click.ctrlKey || click.metaKey || click.shiftKey || click.button !== 0;
    const selects = String(getSelection()) !== '';
    if (!link || wantsOther || (selects && !click.target.closest('a'))) return;
    click.preventDefault();
    for (const row of table.querySelectorAll('tr.at')) row.classList.remove('at');
    link.closest('tr').classList.add('at');
    show(link);
  });
}

let opener = null;

async function show(link) {
  opener = link;
  let dialog = document.querySelector('dialog.drawer');
  if (!dialog) {
    dialog = document.createElement('dialog');
    dialog.className = 'drawer';
    dialog.setAttribute('aria-label', 'Event');
    dialog.addEventListener('close', () => opener?.focus({ preventScroll: true }));
    dialog.addEventListener('click', (click) => { if (click.target === dialog) dialog.close(); });
    document.body.append(dialog);
  }
  const bar = document.createElement('div');
  bar.className = 'drawer-bar';
  const [page, close] = [document.createElement('a'), document.createElement('button')];
  page.href = link.href;
  page.textContent = 'Open as a page';
  close.type = 'button';
  close.className = 'secondary';
  close.textContent = 'Close';
  close.addEventListener('click', () => dialog.close());
  bar.append(page, close);
  try {
    const answer = await fetch(link.href);
    const found = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('article.event');
    if (!found) throw new Error();
    const article = document.importNode(found, true);
    localise(article);
    dialog.replaceChildren(bar, article);
    dialog.scrollTop = 0;
    if (!dialog.open) dialog.showModal();
    const { event } = await import('./event.js');
    event(article);
  } catch {
    location.href = link.href;
  }
}
