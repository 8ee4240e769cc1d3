// The running verification tells how far it is; when it has ended, the page is loaded again.
import { number } from './locale.js';

export function verification(section) {
  const bar = section.querySelector('progress');
  const [done, total] = section.querySelectorAll('#progress [data-number]');
  async function look() {
    const answer = await fetch(section.dataset.check).catch(() => null);
    const check = answer?.ok ? await answer.json() : null;
    if (check && check.state !== 'running') {
      location.reload();
      return;
    }
    if (check?.progress && bar) {
      bar.max = check.progress.total;
      bar.value = check.progress.done;
      done.textContent = number(check.progress.done);
      total.textContent = number(check.progress.total);
    }
    setTimeout(look, 1000);
  }
  look();
}

// The checkpoint goes to the clipboard.
export function copying(button) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const note = document.querySelector('#note');
    const state = document.querySelector('#copied');
    try {
      await navigator.clipboard.writeText(note.value);
      state.textContent = 'Copied';
    } catch {
      note.select();
      state.textContent = 'Selected: copy it with the keyboard';
    }
  });
}
