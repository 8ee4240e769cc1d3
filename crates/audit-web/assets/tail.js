// Events as they are recorded, from where the list below ends. The live list has a fixed number of rows of a fixed
// height whose content changes: nothing in the page moves, however many events arrive.
import { follow } from './follow.js';
import { clockOf, number } from './locale.js';

const ROWS = 100;
// Events are shown so often at most.
const EVERY_MS = 200;
// Counts are said aloud so often at most.
const SAY_EVERY_MS = 10_000;

export function tail(button) {
  const [box, rows, state, aloud, pause] = ['#tail', '#tail-rows', '#tail-state', '#tail-aloud', '#pause'].map((id) => document.querySelector(id));
  if (!box) return;
  const columns = columnsOf(box);
  let leave = null;
  let events = [];
  let count = 0;
  let holes = 0;
  let last = button.dataset.after ?? '';
  let isPaused = false;
  let isDrawn = true;
  let drawn = 0;
  // What keeps events from coming, in words; with whether that is for good.
  let trouble = null;
  let isSaid = true;
  button.hidden = false;

  button.addEventListener('click', () => (leave ? stop() : start()));
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', isPaused);
    pause.textContent = isPaused ? 'Go on' : 'Pause';
    box.classList.toggle('is-paused', isPaused);
    if (!isPaused) later();
    say(true);
  });

  function start() {
    box.hidden = pause.hidden = false;
    button.setAttribute('aria-pressed', 'true');
    button.textContent = 'Stop';
    trouble = null;
    say(true);
    leave = follow(address, last, {
      open: () => tell(null),
      waiting: (why, ms) => tell(`${sentence(why)}; trying again in ${number(Math.ceil(ms / 1000))} s`),
      over: (status, why) => {
        stop();
        tell(status === 401 ? 'Your session has ended' : sentence(why), status);
      },
      event: (index, data) => {
        count += 1;
        take(index, JSON.parse(data));
      },
      problem: (problem) => {
        holes += 1;
        take(String(problem.index ?? last), { outcome: 'failure', message: problem.detail });
      },
    });
  }

  // What is shown stays; Live goes on from there.
  function stop() {
    leave?.();
    leave = null;
    pause.hidden = true;
    button.setAttribute('aria-pressed', 'false');
    button.textContent = 'Live';
    tell('Stopped');
  }

  function address(after) {
    const joint = button.dataset.stream.includes('?') ? '&' : '?';
    return after === '' ? button.dataset.stream : `${button.dataset.stream}${joint}after=${after}`;
  }

  function take(index, event) {
    last = index;
    events.unshift([index, event]);
    if (events.length > ROWS) events.length = ROWS;
    later();
  }

  function later() {
    if (!isDrawn || isPaused) return;
    isDrawn = false;
    setTimeout(() => requestAnimationFrame(draw), Math.max(0, EVERY_MS - (performance.now() - drawn)));
  }

  function draw() {
    isDrawn = true;
    drawn = performance.now();
    if (isPaused) return;
    while (rows.children.length < events.length) rows.append(blank(columns));
    events.forEach(([index, event], at) => fill(rows.children[at], index, event, columns));
    say(false);
  }

  function tell(what, status) {
    trouble = what;
    box.classList.toggle('is-off', what !== null);
    const way = status === undefined ? [] : [status === 401 ? signIn() : again()];
    say(true, way);
  }

  function again() {
    const anew = document.createElement('button');
    anew.type = 'button';
    anew.className = 'plain';
    anew.textContent = 'Try again';
    anew.addEventListener('click', start);
    return anew;
  }

  // At once what changes for the reader; numbers as they come for the eye, and now and then for the ear.
  function say(isNews, way = []) {
    const seen = count === 0 ? 'Waiting for events' : `${number(count)} ${count === 1 ? 'event' : 'events'} since you began to follow`;
    const lost = holes ? `, ${number(holes)} cannot be read` : '';
    const what = [isPaused && !trouble ? 'Paused' : '', trouble ?? '', trouble && count === 0 ? '' : seen + lost].filter(Boolean).join('. ');
    if (isNews) state.replaceChildren(what, ...way.flatMap((one) => [' ', one]));
    else state.firstChild.data = what;
    if (isNews) {
      aloud.textContent = what;
    } else if (isSaid) {
      isSaid = false;
      setTimeout(() => {
        isSaid = true;
        aloud.textContent = state.firstChild.data;
      }, SAY_EVERY_MS);
    }
  }
}

function signIn() {
  const link = document.createElement('a');
  link.href = `/audit/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = 'Sign in again';
  return link;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// What stands in a column, as in the list below; the style sheet says how wide it is.
const amount = (value) => (value === undefined ? '' : number(value));
const COLUMNS = {
  who: (event) => event.actor?.name ?? event.actor?.email ?? event.actor?.id ?? event.actor?.type,
  what: (event) => (event.message ?? event.action).slice(0, 240),
  target: (event) => event.target?.name ?? event.target?.id,
  client: (event) => event.client?.ip,
  model: (event) => event.model?.id,
  tokens: ({ usage }) => amount(usage && (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0)),
  cost: ({ usage }) => (usage?.cost_usd === undefined ? '' : `$${usage.cost_usd}`),
  latency: (event) => (event.latency_ms === undefined ? '' : `${amount(event.latency_ms)} ms`),
  session: (event) => event.session_id,
};

// The outcome has its mark. An entry that cannot be read says so where there is room.
function columnsOf(box) {
  const chosen = (box.dataset.columns ?? '').split(' ').filter((name) => COLUMNS[name]);
  return chosen.includes('what') ? chosen : [...chosen, 'what'];
}

function blank(columns) {
  const row = document.createElement('li');
  const link = document.createElement('a');
  const mark = document.createElement('i');
  link.className = 't';
  mark.setAttribute('role', 'img');
  row.append(link, mark, ...columns.map(part));
  return row;
}

function part(name) {
  const element = document.createElement('bdi');
  element.className = name;
  return element;
}

function fill(row, index, event, columns) {
  if (row.dataset.index === index) return;
  row.dataset.index = index;
  const [link, mark, ...parts] = row.children;
  row.className = event.outcome;
  link.href = `/audit/events/${index}`;
  link.textContent = event.time ? clockOf(event.time) : `#${index}`;
  mark.className = `mark ${event.outcome}`;
  mark.setAttribute('aria-label', event.outcome);
  columns.forEach((name, at) => { parts[at].textContent = COLUMNS[name](event) ?? ''; });
}
