// Events as they are recorded. The list has a fixed number of rows of a fixed height whose content changes: nothing in
// the page moves, however many events arrive.
import { clockOf, number } from './locale.js';

const ROWS = 100;
// Events are shown so often at most.
const EVERY_MS = 200;

export function tail(button) {
  const [box, rows, state, pause] = ['#tail', '#tail-rows', '#tail-state', '#pause'].map((id) => document.querySelector(id));
  if (!box) return;
  const after = ['#events', '.pages', '#nothing'];
  let source = null;
  let events = [];
  let count = 0;
  let isPaused = false;
  let isDrawn = true;
  let last = 0;
  button.hidden = false;

  button.addEventListener('click', () => (source ? stop() : start()));
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', isPaused);
    pause.textContent = isPaused ? 'Go on' : 'Pause';
    box.classList.toggle('is-paused', isPaused);
    if (!isPaused) later();
    say();
  });

  function start() {
    events = [];
    count = 0;
    rows.replaceChildren();
    box.hidden = false;
    for (const id of after) document.querySelectorAll(id).forEach((element) => { element.hidden = true; });
    button.setAttribute('aria-pressed', 'true');
    button.textContent = 'Stop';
    say();
    source = new EventSource(button.dataset.stream);
    source.onopen = () => say();
    source.onerror = () => { state.textContent = 'The connection broke; trying again…'; };
    source.onmessage = (message) => {
      count += 1;
      events.unshift([message.lastEventId, JSON.parse(message.data)]);
      if (events.length > ROWS) events.length = ROWS;
      later();
    };
    source.addEventListener('end', (end) => {
      source.close();
      state.textContent = `The server ended this: ${JSON.parse(end.data).detail}`;
    });
  }

  function stop() {
    source.close();
    source = null;
    location.reload();
  }

  function later() {
    if (!isDrawn || isPaused) return;
    isDrawn = false;
    setTimeout(() => requestAnimationFrame(draw), Math.max(0, EVERY_MS - (performance.now() - last)));
  }

  function draw() {
    isDrawn = true;
    last = performance.now();
    if (isPaused) return;
    while (rows.children.length < events.length) rows.append(blank());
    events.forEach(([index, event], at) => fill(rows.children[at], index, event));
    say();
  }

  function say() {
    const seen = count === 0 ? 'Waiting for events' : `${number(count)} ${count === 1 ? 'event' : 'events'} since you began to follow`;
    state.textContent = isPaused ? `Paused. ${seen}` : seen;
  }
}

function blank() {
  const row = document.createElement('li');
  const link = document.createElement('a');
  const mark = document.createElement('i');
  link.className = 't';
  mark.setAttribute('role', 'img');
  row.append(link, mark, part('w'), part('m'), part('c'));
  return row;
}

function part(name) {
  const element = document.createElement('bdi');
  element.className = name;
  return element;
}

function fill(row, index, event) {
  if (row.dataset.index === index) return;
  row.dataset.index = index;
  const [link, mark, who, what, client] = row.children;
  row.className = event.outcome;
  link.href = `/audit/events/${index}`;
  link.textContent = clockOf(event.time);
  mark.className = `mark ${event.outcome}`;
  mark.setAttribute('aria-label', event.outcome);
  who.textContent = event.actor?.name ?? event.actor?.email ?? event.actor?.id ?? event.actor?.type ?? '';
  what.textContent = (event.message ?? event.action).slice(0, 240);
  client.textContent = event.client?.ip ?? '';
}
