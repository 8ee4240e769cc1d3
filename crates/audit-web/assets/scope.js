// Says of a filter in a form how many events it lets through, or what is wrong with it.
import { number } from './locale.js';

export function scope(input) {
  const said = document.getElementById(`${input.id}-count`);
  input.addEventListener('change', async () => {
    const filter = input.value.trim();
    said.textContent = '';
    input.removeAttribute('aria-invalid');
    if (!filter) return;
    const query = new URLSearchParams({ q: filter, limit: '1', count: 'true' });
    const answer = await fetch(`/api/v1/auditlog?${query}`).catch(() => null);
    const told = await answer?.json().catch(() => null);
    // Whoever may manage access and not read events is told when the form is sent.
    if (!told || answer.status === 403) return;
    if (!answer.ok) input.setAttribute('aria-invalid', 'true');
    said.classList.toggle('bad', !answer.ok);
    said.textContent = answer.ok
      ? `Lets through ${number(told.total)} ${told.total === 1 ? 'event' : 'events'} of those recorded.`
      : told.detail.replace(/^q: /, '');
  });
}
