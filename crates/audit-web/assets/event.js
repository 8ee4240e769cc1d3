// One event: copy its JSON, verify its proof.

export function event(article) {
  const copy = article.querySelector('.copy');
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      await navigator.clipboard.writeText(article.querySelector('.raw').textContent);
      copy.textContent = 'Copied';
      setTimeout(() => { copy.textContent = 'Copy'; }, 2000);
    });
  }
  const [proof, button] = [article.querySelector('.proof'), article.querySelector('.verify')];
  button.hidden = false;
  button.addEventListener('click', () => check(proof, button));
}

async function check(proof, button) {
  const [verdict, steps] = [proof.querySelector('.verdict'), proof.querySelector('ol')];
  steps.replaceChildren();
  steps.hidden = verdict.hidden = false;
  verdict.className = 'verdict';
  verdict.textContent = 'Verifying…';
  button.disabled = true;
  try {
    const { verify } = await import('./verify.js');
    const [file, event] = await Promise.all([text(proof.dataset.proof), text(proof.dataset.event)]);
    const found = await verify(file, event);
    for (const step of found.steps) {
      const item = document.createElement('li');
      item.textContent = step;
      steps.append(item);
    }
    verdict.classList.add('good');
    verdict.textContent = `✓ Verified in your browser: entry ${found.index} of ${found.size}`;
  } catch (error) {
    verdict.classList.add('bad');
    verdict.textContent = `✕ Not verified: ${error.message}`;
  }
  button.disabled = false;
}

async function text(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the server answered with ${answer.status}`);
  return answer.text();
}
