// Known values beneath the fields of the filter form.

export function suggest() {
  for (const input of document.querySelectorAll('[data-suggest]')) {
    let waiting = 0;
    const ask = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => offer(input), 150);
    };
    input.addEventListener('input', ask);
    input.addEventListener('focus', ask);
  }
}

const asked = new WeakMap();

async function offer(input) {
  const mine = (asked.get(input) ?? 0) + 1;
  asked.set(input, mine);
  const field = input.dataset.suggest;
  const query = new URLSearchParams({ by: field, limit: '10' });
  const begin = input.value.replace(/\*$/, '').trim();
  if (begin) query.set(input.name === 'user' ? 'user' : field, `${begin}*`);
  const answer = await fetch(`/api/v1/auditlog/stats?${query}`).catch(() => null);
  if (!answer?.ok) return;
  const { rows } = await answer.json();
  // Answers may overtake each other.
  if (asked.get(input) !== mine) return;
  input.list.replaceChildren(...rows.filter((row) => row[field]).map((row) => {
    const option = document.createElement('option');
    option.value = row[field];
    return option;
  }));
}
