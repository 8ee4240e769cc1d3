// About how large a file of each kind would be: in the export menu once it is opened (measuring takes a moment), and on
// the page for a new export whenever other columns are chosen.
const AGAIN_MS = 400;

/// `place(format)` is where a format's size stands.
async function measure(query, place, before = '') {
  const answer = await fetch(`/audit/exports/sizes?${query}`).catch(() => null);
  if (!answer?.ok) return;
  for (const [format, size] of Object.entries(await answer.json())) {
    const count = place(format);
    if (count) count.textContent = before + size;
  }
}

export function sizes(menu) {
  const more = menu.querySelector('a[href^="/audit/exports/new"]');
  const place = (format) => menu.querySelector(`a[href*="format=${format}"] .count`);
  menu.addEventListener('toggle', () => measure(new URL(more.href).searchParams, place), { once: true });
}

export function resizes(form) {
  const place = (format) => form.querySelector(`[name="format"][value="${format}"]`).closest('label').querySelector('.count');
  const all = (name) => [...form.querySelectorAll(`[name="${name}"]:checked`)].map((input) => input.value);
  let waiting = 0;
  form.addEventListener('change', (change) => {
    if (!['columns', 'field'].includes(change.target.name)) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const query = new URLSearchParams(form.elements.question.value);
      const [which] = all('columns');
      const fields = { usual: [form.querySelector('.choose').dataset.usual], chosen: all('field') }[which] ?? [];
      if (fields.join()) query.set('fields', fields.join());
      if (which === 'all' || fields.length) measure(query, place, 'about ');
    }, AGAIN_MS);
  });
}
