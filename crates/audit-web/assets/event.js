// One event: copy its JSON, verify its proof.
import { number } from './locale.js';

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
  button.addEventListener('click', () => check(article, proof, button));
}

async function check(article, proof, button) {
  const [verdict, list] = [proof.querySelector('.verdict'), proof.querySelector('ol')];
  list.replaceChildren();
  list.hidden = verdict.hidden = false;
  verdict.className = 'verdict';
  verdict.textContent = 'Verifying…';
  button.disabled = true;
  try {
    if (!globalThis.crypto?.subtle) throw new Error('browsers compute SHA-256 on encrypted connections (https) and on this machine only');
    const [{ included }, { trusted }] = await Promise.all([import('./verify.js'), import('./trust.js')]);
    const { index, checkpoint, steps } = await included(await text(proof.dataset.proof), article.querySelector('.raw').textContent);
    if (index !== Number(article.dataset.index)) throw new Error(`the proof is about entry ${index}, not about the one shown`);
    list.append(...steps.map((one) => line(one)));
    const tile = async (path) => new Uint8Array(await (await fetched(`${proof.dataset.tlog}/${path}`)).arrayBuffer());
    const trust = await trusted(checkpoint, proof.dataset.keys.split(' ').filter(Boolean), tile);
    const open = [...trust.open, 'The fields above, which the server draws from the same JSON; and that what was told to the log was true'];
    list.append(...trust.steps.map((one) => line(one)), ...open.map((one) => line(one, 'Not verified')));
    const entry = `entry ${number(index)} of ${number(checkpoint.size)}`;
    verdict.classList.add(trust.isKnown ? 'good' : 'partly');
    verdict.textContent = said(trust, entry);
  } catch (error) {
    verdict.classList.add('bad');
    verdict.textContent = `✕ Not verified: ${error.message}`;
    if (error.origin) list.append(await another(error.origin, button));
  }
  button.disabled = false;
}

// No more than the steps below it show: a key that came along with what it signed proves little by itself.
function said(trust, entry) {
  if (!trust.isSigned) return `Partly verified in your browser: ${entry} is in the tree of this checkpoint; its signature was not checked`;
  if (!trust.isKnown) return `Verified with a key that this browser sees for the first time: ${entry}. Compare the key below`;
  return `✓ Verified in your browser: ${entry}, signed by the log`;
}

function line(said, label) {
  const item = document.createElement('li');
  if (label) {
    const strong = document.createElement('b');
    strong.textContent = `${label}: `;
    item.append(strong);
  }
  item.append(said);
  return item;
}

// After a change of keys on purpose one has to say so: nothing else may replace what was pinned.
async function another(origin, button) {
  const { forget } = await import('./pinned.js');
  const item = line('If the log’s operator changed the key on purpose and told you the new one: ');
  const anew = document.createElement('button');
  anew.type = 'button';
  anew.className = 'plain';
  anew.textContent = 'Forget the old key and verify again';
  anew.addEventListener('click', () => {
    forget(origin);
    button.click();
  });
  item.append(anew);
  return item;
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the server answered with ${answer.status}`);
  return answer;
}

const text = async (address) => (await fetched(address)).text();
