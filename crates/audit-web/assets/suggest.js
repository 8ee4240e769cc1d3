// Known values beneath the fields of the filter form.
import { valuesOf } from './values.js';

const WAIT_MS = 200;

export function suggest() {
  for (const input of document.querySelectorAll('[data-suggest]')) {
    let waiting = 0;
    const ask = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => offer(input), WAIT_MS);
    };
    input.addEventListener('input', ask);
    input.addEventListener('focus', ask);
  }
}

const asked = new WeakMap();

async function offer(input) {
  const mine = (asked.get(input) ?? 0) + 1;
  asked.set(input, mine);
  const found = await valuesOf(input.dataset.suggest, input.value.replace(/\*$/, '').trim());
  // Answers may overtake each other.
  if (asked.get(input) !== mine) return;
  input.list.replaceChildren(...found.map(({ value, name }) => {
    const option = document.createElement('option');
    option.value = value;
    if (name) option.label = name;
    return option;
  }));
}
