// Events open beside the list. Which one is open stands in the address (`#event-INDEX`): the browser's Back closes it,
// loading the page again opens it.
import { localise } from './locale.js';

const NAMED = /^#event-(\d+)$/;
let dialog = null;

export function drawers() {
  document.addEventListener('click', (click) => {
    const row = click.target.closest('#events tbody tr, #tail-rows li');
    const link = row?.querySelector('td.time a, a.t');
    const wantsOther = click.ctrlKey || click.metaKey || click.shiftKey || click.button !== 0;
    const selects = String(getSelection()) !== '';
    if (!link || wantsOther || (selects && !click.target.closest('a'))) return;
    click.preventDefault();
    open(link.pathname.split('/').at(-1));
  });
  addEventListener('popstate', arrive);
  arrive();
}

const opened = () => NAMED.exec(location.hash)?.[1];

function open(index) {
  if (opened() === index && dialog?.open) return;
  const address = `${location.pathname}${location.search}#event-${index}`;
  // From one event to the next, Back leads to the list and not through all of them.
  if (opened()) history.replaceState(history.state, '', address);
  else history.pushState({ ...history.state, isDrawer: true }, '', address);
  show(index);
}

function arrive() {
  const index = opened();
  if (index) show(index);
  else dialog?.close();
}

// Closed by hand: the address goes back to what it was before.
function closed() {
  const index = opened();
  if (index) {
    const link = linkTo(index);
    if (history.state?.isDrawer) history.back();
    else history.replaceState(history.state, '', location.pathname + location.search);
    link?.focus({ preventScroll: true });
  } else {
    linkTo(dialog.dataset.index)?.focus({ preventScroll: true });
  }
}

const linkTo = (index) => document.querySelector(`#events td.time a[href="/audit/events/${index}"], #tail-rows a[href="/audit/events/${index}"]`);

/// The row that keys and clicks are at.
export function mark(row) {
  for (const other of document.querySelectorAll('#events tr.at')) other.classList.remove('at');
  row?.classList.add('at');
}

async function show(index) {
  const address = `/audit/events/${index}`;
  const row = document.querySelector(`#events td.time a[href="${address}"]`)?.closest('tr');
  if (row) mark(row);
  try {
    const answer = await fetch(address);
    const found = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('article.event');
    if (!found) throw new Error();
    if (opened() !== index) return;
    const article = document.importNode(found, true);
    localise(article);
    dialog ??= made();
    dialog.dataset.index = index;
    dialog.replaceChildren(bar(address), article);
    dialog.scrollTop = 0;
    if (!dialog.open) dialog.showModal();
    const { event } = await import('./event.js');
    event(article);
  } catch {
    location.href = address;
  }
}

function made() {
  const made = document.createElement('dialog');
  made.className = 'drawer';
  made.setAttribute('aria-label', 'Event');
  made.addEventListener('close', closed);
  made.addEventListener('click', (click) => { if (click.target === made) made.close(); });
  document.body.append(made);
  return made;
}

function bar(address) {
  const bar = document.createElement('div');
  bar.className = 'drawer-bar';
  const [page, close] = [document.createElement('a'), document.createElement('button')];
  page.href = address;
  page.textContent = 'Open as a page';
  close.type = 'button';
  close.className = 'secondary';
  close.textContent = 'Close';
  close.addEventListener('click', () => dialog.close());
  bar.append(page, close);
  return bar;
}
