// Keys: / search, j and k move, Enter opens, e exports, ? helps, Escape closes.
import { mark } from './drawer.js';

const HELP = [
  ['/', 'Search'],
  ['j  k', 'Next, previous event'],
  ['Enter', 'Open the event'],
  ['l', 'Follow live'],
  ['e', 'Export'],
  ['?', 'This help'],
  ['Esc', 'Close'],
];

export function keys() {
  document.addEventListener('keydown', (key) => {
    if (key.ctrlKey || key.metaKey || key.altKey || key.defaultPrevented) return;
    if (key.target.closest('input, textarea, select, [contenteditable]')) return;
    const act = { '/': search, j: () => move(1), k: () => move(-1), Enter: () => open(key), e: exported, l: live, '?': help }[key.key];
    if (act && act() !== false) key.preventDefault();
  });
}

function search() {
  const box = document.querySelector('#q, #find');
  if (!box) return false;
  box.focus();
  box.select();
}

function move(by) {
  const rows = [...document.querySelectorAll('#events tbody tr')];
  if (rows.length === 0) return false;
  const at = Math.max(0, Math.min(rows.length - 1, rows.findIndex((row) => row.classList.contains('at')) + by));
  mark(rows[at]);
  rows[at].querySelector('.time a').focus({ preventScroll: true });
  rows[at].scrollIntoView({ block: 'nearest' });
  const drawer = document.querySelector('dialog.drawer[open]');
  if (drawer) rows[at].querySelector('.time a').click();
}

function open(key) {
  if (key.target.closest('a, button, summary')) return false;
  const row = document.querySelector('#events tr.at');
  if (!row) return false;
  row.querySelector('.time a').click();
}

function exported() {
  const menu = document.querySelector('#export');
  if (!menu) return false;
  menu.open = true;
  menu.querySelector('a').focus();
}

function live() {
  const button = document.querySelector('#live');
  if (!button || button.hidden) return false;
  button.click();
}

function help() {
  let dialog = document.querySelector('dialog.help');
  if (!dialog) {
    dialog = document.createElement('dialog');
    dialog.className = 'help';
    dialog.setAttribute('aria-label', 'Keys');
    const [title, list, form, button] = ['h2', 'dl', 'form', 'button'].map((name) => document.createElement(name));
    title.textContent = 'Keys';
    // What this reader, or this page, does not have is not offered.
    const has = { e: '#export', l: '#live', j: '#events', Enter: '#events', '/': '#q, #find' };
    for (const [key, what] of HELP.filter(([key]) => document.querySelector(has[key.split(' ')[0]] ?? 'body'))) {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      for (const one of key.split('  ')) {
        const kbd = document.createElement('kbd');
        kbd.textContent = one;
        dt.append(kbd, ' ');
      }
      dd.textContent = what;
      list.append(dt, dd);
    }
    form.method = 'dialog';
    button.textContent = 'Close';
    form.append(button);
    dialog.append(title, list, form);
    document.body.append(dialog);
  }
  dialog.showModal();
}
