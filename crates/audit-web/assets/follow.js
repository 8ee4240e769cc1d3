// Follows a stream of server-sent events through interruptions and refusals. Unlike EventSource it knows why it was
// refused: what passes is waited for, longer each time; what does not pass is told.

const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 60_000;
// A stream that lasted so long was a good one: the next wait is a short one again.
const GOOD_MS = 10_000;
// What may pass by itself; everything else does not without somebody doing something.
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/// Calls `on.event(index, data)`, `on.problem(problem)` for an entry that cannot be read, `on.open()`,
/// `on.waiting(why, ms)` and, last, `on.over(status, why)`. `address(after)` gives the stream after an index. Returns a
/// function that ends it.
export function follow(address, after, on) {
  const leaving = new AbortController();
  let wait = FIRST_WAIT_MS;
  let timer = 0;
  attempt();
  return () => {
    clearTimeout(timer);
    leaving.abort();
  };

  async function attempt() {
    const began = performance.now();
    const outcome = await read().catch(() => ({ why: 'The connection broke' }));
    if (leaving.signal.aborted) return;
    if (outcome.status && !PASSING.includes(outcome.status)) {
      on.over(outcome.status, outcome.why);
      return;
    }
    if (performance.now() - began > GOOD_MS) wait = FIRST_WAIT_MS;
    const ms = Math.max(wait, outcome.retryMs ?? 0);
    wait = Math.min(LONGEST_WAIT_MS, wait * 2);
    on.waiting(outcome.why, ms);
    timer = setTimeout(attempt, ms);
  }

  // Until the stream ends; why it did, and the status if it was refused.
  async function read() {
    const answer = await fetch(address(after), { headers: { accept: 'text/event-stream' }, signal: leaving.signal, cache: 'no-store' });
    if (!answer.ok) return refusal(answer);
    on.open();
    let end = null;
    for await (const message of messages(answer.body)) {
      if (message.id !== undefined) after = message.id;
      if (message.event === 'end') end = JSON.parse(message.data).detail;
      else if (message.event === 'problem') on.problem(JSON.parse(message.data));
      else if (message.data !== undefined) on.event(message.id, message.data);
    }
    return { why: end ?? 'The connection broke' };
  }
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  const seconds = Number(answer.headers.get('retry-after'));
  return {
    status: answer.status,
    why: problem.detail ?? `The server answered with ${answer.status}`,
    retryMs: Number.isFinite(seconds) ? seconds * 1_000 : 0,
  };
}

/// The messages of a `text/event-stream` as far as our server writes it: `id`, `event`, one line of `data`.
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = (rest + value).split('\n\n');
    rest = whole.pop();
    for (const text of whole) {
      const message = {};
      for (const line of text.split('\n')) {
        const at = line.indexOf(': ');
        if (at > 0) message[line.slice(0, at)] = line.slice(at + 2);
      }
      yield message;
    }
  }
}
