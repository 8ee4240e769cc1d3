// Shows how exports that are being written come along, and copies checksums.
const SOON_MS = 200;
const AGAIN_MS = 500;

export function exports(list) {
  for (const button of list.querySelectorAll('[data-copy]')) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = 'Copied';
    });
  }
  if (list.querySelector('[data-moving]')) setTimeout(look, SOON_MS, list);
}

const number = new Intl.NumberFormat();

async function look(list) {
  let has_ended = false;
  for (const row of list.querySelectorAll('[data-moving]')) {
    const answer = await fetch(`${list.dataset.api}/exports/${row.id}`).catch(() => null);
    if (!answer?.ok) continue;
    const { export: now } = await answer.json();
    if (!['queued', 'running'].includes(now.state)) has_ended = true;
    row.querySelector('progress').value = now.progress * 100;
    row.querySelector('[data-progress]').textContent = `${number.format(now.rows)} of ${number.format(now.total)} events`;
  }
  // The page as the server shows it has the file, the checksum and the proof.
  if (has_ended) location.reload();
  else setTimeout(look, AGAIN_MS, list);
}
