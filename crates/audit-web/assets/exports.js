// Shows how exports that are being written come along.
import { number } from './locale.js';

const SOON_MS = 200;
const AGAIN_MS = 500;
const STATES = { queued: 'Waiting', running: 'Being written' };
// What one cannot go on asking about.
const GONE = { 401: 'Your session has ended', 403: 'Not yours to see any more', 404: 'Removed' };

export function exports(list) {
  if (list.querySelector('[data-moving]')) setTimeout(look, SOON_MS, list);
}

async function look(list) {
  const moving = [...list.querySelectorAll('[data-moving]')];
  const ended = await Promise.all(moving.map((row) => update(row, list.dataset.api)));
  // The page as the server shows it has the file, the checksum and the proof.
  if (ended.includes(true)) location.reload();
  else if (list.querySelector('[data-moving]')) setTimeout(look, AGAIN_MS, list);
}

/// Whether the export has ended.
async function update(row, api) {
  const answer = await fetch(`${api}/exports/${row.id}`).catch(() => null);
  const state = row.querySelector('[data-state]');
  if (GONE[answer?.status]) {
    state.textContent = GONE[answer.status];
    delete row.dataset.moving;
  }
  if (!answer?.ok) return false;
  const { export: now } = await answer.json();
  if (!STATES[now.state]) return true;
  state.textContent = STATES[now.state];
  row.querySelector('progress').value = now.progress * 100;
  row.querySelector('[data-progress]').textContent = `${number(now.rows)} of ${number(now.total)} events`;
  return false;
}
