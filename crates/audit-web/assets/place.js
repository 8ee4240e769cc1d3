// Where in the list one is stands in the address: coming back, or loading the page again, leads there.
const EVERY_MS = 400;
// Pixels of a row that do not count: browsers scroll to fractions.
const EDGE = 8;

/// The table begins here; rows that `enter` adds are of another page of the list.
export function place(table) {
  const body = table.tBodies[0];
  if (!body?.rows.length) return;
  body.rows[0].dataset.page = location.pathname + location.search;
  history.scrollRestoration = 'manual';
  comeBack(body);
  let waiting = false;
  addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      note(body);
    }, EVERY_MS);
  }, { passive: true });
}

/// Rows of the page of the list at this address.
export function enter(rows, address) {
  if (rows.length) rows[0].dataset.page = address;
}

function comeBack(body) {
  const top = history.state?.top;
  const row = /^\d+$/.test(top) && body.querySelector(`td.time a[href="/audit/events/${top}"]`)?.closest('tr');
  if (row) scrollTo(0, scrollY + row.getBoundingClientRect().top);
}

function note(body) {
  const row = topmost(body.rows);
  const isAtTop = row === body.rows[0];
  let head = row;
  while (!head.dataset.page) head = head.previousElementSibling;
  const { top, ...state } = history.state ?? {};
  const now = isAtTop ? state : { ...state, top: row.querySelector('td.time a').pathname.split('/').at(-1) };
  if (now.top === top && head.dataset.page === location.pathname + location.search) return;
  history.replaceState(now, '', head.dataset.page + location.hash);
}

/// The first row that is at least partly in the window, or the last of all.
function topmost(rows) {
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (rows[middle].getBoundingClientRect().bottom > EDGE) high = middle;
    else low = middle + 1;
  }
  return rows[low];
}
