// The export menu says about how large each file would be, once it is opened: measuring takes a moment.

export function sizes(menu) {
  const more = menu.querySelector('a[href^="/audit/exports/new"]');
  menu.addEventListener('toggle', async () => {
    const answer = await fetch(more.href).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const choice of page.querySelectorAll('.formats label')) {
      const format = choice.querySelector('input').value;
      const hint = menu.querySelector(`a[href*="format=${format}"] small`);
      if (hint) hint.textContent += `, ${choice.querySelector('.count').textContent}`;
    }
  }, { once: true });
}
