// Completion in the search box: names of fields, then their values.
import { valuesOf } from './values.js';

let fields = null;

export function complete(box) {
  const list = document.createElement('ul');
  list.className = 'complete';
  list.id = `${box.id}-complete`;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Suggestions');
  list.hidden = true;
  box.after(list);
  box.setAttribute('role', 'combobox');
  box.setAttribute('aria-expanded', 'false');
  box.setAttribute('aria-controls', list.id);
  box.setAttribute('aria-autocomplete', 'list');
  let chosen = -1;
  let asked = 0;

  box.addEventListener('input', suggest);
  box.addEventListener('blur', () => setTimeout(close, 150));
  box.addEventListener('keydown', (key) => {
    if (key.key === 'Escape') {
      if (list.hidden) box.blur();
      close();
    }
    if (list.hidden) return;
    if (key.key === 'ArrowDown' || key.key === 'ArrowUp') {
      key.preventDefault();
      choose(chosen + (key.key === 'ArrowDown' ? 1 : -1));
    }
    if ((key.key === 'Enter' || key.key === 'Tab') && chosen >= 0) {
      key.preventDefault();
      take(list.children[chosen]);
    }
  });
  list.addEventListener('pointerdown', (down) => {
    const item = down.target.closest('li');
    if (!item) return;
    down.preventDefault();
    take(item);
  });

  async function suggest() {
    const mine = ++asked;
    const before = box.value.slice(0, box.selectionStart);
    const word = /[-!(]*([\w.]*)(?:(:|=|!=)"?([^\s"]*))?$/.exec(before);
    if (!word || word[0] === '') return close();
    fields ??= await known();
    if (mine !== asked || !fields) return;
    const [, name, operator, value] = word;
    let items = [];
    if (operator) {
      const field = fields.find((field) => field.name === name || field.aliases.includes(name));
      if (field) items = (await values(field, value)).map((text) => ({ text: quoted(text), insert: quoted(text), over: value.length }));
    } else if (name.length > 0) {
      const begins = fields.filter((field) => [field.name, ...field.aliases].some((known) => known.startsWith(name)));
      items = begins.slice(0, 8).map((field) => ({ text: `${field.name}:`, hint: field.about, insert: `${field.name}:`, over: name.length }));
    }
    if (mine === asked) show(items);
  }

  function show(items) {
    chosen = -1;
    box.removeAttribute('aria-activedescendant');
    list.replaceChildren(...items.map((item, at) => {
      const line = document.createElement('li');
      line.id = `${list.id}-${at}`;
      line.setAttribute('role', 'option');
      line.setAttribute('aria-selected', 'false');
      line.dataset.insert = item.insert;
      line.dataset.over = item.over;
      const text = document.createElement('span');
      text.textContent = item.text;
      line.append(text);
      if (item.hint) {
        const hint = document.createElement('small');
        hint.textContent = item.hint;
        line.append(hint);
      }
      return line;
    }));
    list.hidden = items.length === 0;
    box.setAttribute('aria-expanded', String(!list.hidden));
  }

  function choose(at) {
    list.children[chosen]?.setAttribute('aria-selected', 'false');
    chosen = Math.max(-1, Math.min(list.children.length - 1, at));
    const item = list.children[chosen];
    item?.setAttribute('aria-selected', 'true');
    item?.scrollIntoView({ block: 'nearest' });
    if (item) box.setAttribute('aria-activedescendant', item.id);
    else box.removeAttribute('aria-activedescendant');
  }

  function take(item) {
    const at = box.selectionStart;
    const end = item.dataset.insert.endsWith(':') ? '' : ' ';
    box.setRangeText(item.dataset.insert + end, at - Number(item.dataset.over), at, 'end');
    close();
    suggest();
  }

  function close() {
    list.hidden = true;
    chosen = -1;
    box.setAttribute('aria-expanded', 'false');
    box.removeAttribute('aria-activedescendant');
  }
}

// The names of fields. What could not be had is asked for again at the next word.
async function known() {
  const answer = await fetch('/audit/fields.json').catch(() => null);
  const list = answer?.ok ? await answer.json().catch(() => null) : null;
  return Array.isArray(list) ? list : null;
}

// What a field holds: the words it is limited to, else the most frequent ones of those recorded.
async function values(field, begin) {
  if (field.words.length) return field.words.filter((word) => word.startsWith(begin));
  if (!field.groups) return [];
  return (await valuesOf(field.name, begin)).map(({ value }) => value);
}

const quoted = (text) => (/[\s(),*"]/.test(text) ? `"${text.replaceAll('"', '')}"` : text);
