// Counts under the pointer, a finger and the focus; drag, or arrow keys with Shift, to narrow the time; arrow keys move from bar to bar.
import { number } from './locale.js';

const SVG = 'http://www.w3.org/2000/svg';

export function histogram(figure) {
  const svg = figure.querySelector('svg');
  const bars = [...svg.querySelectorAll('a')];
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  figure.append(tip);
  for (const bar of bars) {
    // The browser's own tip would come on top of ours.
    const title = bar.querySelector('title');
    bar.dataset.tip = title.textContent;
    title.remove();
    bar.tabIndex = -1;
    bar.draggable = false;
    bar.addEventListener('pointerenter', () => show(bar));
    bar.addEventListener('focus', () => show(bar));
    bar.addEventListener('blur', hide);
  }
  // A finger covers what it points at: the first tap on a bar tells of it, the second goes there.
  let [isTouch, tapped] = [false, null];
  svg.addEventListener('pointerdown', (down) => { isTouch = down.pointerType === 'touch'; });
  svg.addEventListener('click', (click) => {
    const bar = click.target.closest('a');
    if (!isTouch || !bar || bar === tapped) return;
    click.preventDefault();
    tapped = bar;
    show(bar);
  });
  if (bars.length) bars.at(-1).tabIndex = 0;
  svg.addEventListener('pointerleave', hide);
  svg.addEventListener('keydown', (key) => {
    const at = bars.indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 }[key.key];
    if (key.shiftKey || at < 0 || to === undefined || !bars[to]) return;
    key.preventDefault();
    bars[at].tabIndex = -1;
    bars[to].tabIndex = 0;
    bars[to].focus();
  });
  brush(svg, bars, say);

  function show(bar) {
    if (svg.querySelector('.brush')) return;
    const [head, ...parts] = bar.dataset.tip.split('\n');
    say(bar, bar, head, parts);
  }

  // Beside the bars that it is about, where there is more room.
  function say(first, last, head, parts) {
    const strong = document.createElement('b');
    strong.textContent = head;
    tip.replaceChildren(strong, parts.length ? `\n${parts.join('\n')}` : '');
    tip.hidden = false;
    const around = figure.getBoundingClientRect();
    const [left, right] = [first.getBoundingClientRect().left - around.left, around.right - last.getBoundingClientRect().right];
    const isRight = left > right;
    const beside = isRight ? left - tip.offsetWidth - 8 : around.width - right + 8;
    // The style sheet policy forbids inline styles in markup; a script may set them one by one.
    tip.style.left = `${Math.max(0, Math.min(beside, around.width - tip.offsetWidth))}px`;
  }
  function hide() { tip.hidden = true; }
}

function brush(svg, bars, say) {
  let from = null;
  let to = null;
  let area = null;
  const barAt = (x) => bars.find((bar) => { const box = bar.getBoundingClientRect(); return x >= box.left && x <= box.right; });
  const sorted = () => [bars.indexOf(from), bars.indexOf(to)].sort((a, b) => a - b).map((at) => bars[at]);
  svg.addEventListener('pointerdown', (down) => {
    if (down.button !== 0) return;
    from = to = barAt(down.clientX) ?? null;
  });
  addEventListener('pointermove', (move) => {
    if (!from) return;
    const over = barAt(move.clientX);
    if (over && (over !== from || area)) draw(over);
  });

  function draw(over) {
    to = over;
    if (!area) {
      area = document.createElementNS(SVG, 'rect');
      area.setAttribute('class', 'brush');
      area.setAttribute('y', '0');
      area.setAttribute('height', '100');
      svg.append(area);
    }
    const ends = sorted();
    const [first, last] = ends.map((bar) => bar.querySelector('.hit'));
    const x = Number(first.getAttribute('x'));
    area.setAttribute('x', x);
    area.setAttribute('width', Number(last.getAttribute('x')) + Number(last.getAttribute('width')) - x);
    const count = bars.slice(bars.indexOf(ends[0]), bars.indexOf(ends[1]) + 1).reduce((sum, bar) => sum + countOf(bar), 0);
    say(...ends, `${number(count)} events`, [nameOf(ends[0]), `to ${nameOf(ends[1])}`]);
  }
  addEventListener('pointerup', () => {
    if (from && area) {
      const ends = sorted();
      const swallow = (click) => { click.preventDefault(); click.stopPropagation(); };
      addEventListener('click', swallow, { capture: true, once: true });
      // Where the pointer was let go over something else there is no click to swallow.
      setTimeout(() => removeEventListener('click', swallow, { capture: true }));
      go(...ends);
    }
    from = null;
  });
  addEventListener('pointercancel', leave);
  // A page that comes back from the browser's memory is as it was left.
  addEventListener('pagehide', leave);
  addEventListener('keydown', (key) => {
    if (key.key === 'Escape' && area) leave();
    // By keyboard: Shift and an arrow key widen the range from the bar one is at, Enter goes there.
    const by = { ArrowLeft: -1, ArrowRight: 1 }[key.key];
    if (key.shiftKey && by && bars.includes(document.activeElement)) {
      from ??= document.activeElement;
      draw(bars[bars.indexOf(to ?? from) + by] ?? to ?? from);
      key.preventDefault();
    } else if (key.key === 'Enter' && area && bars.includes(document.activeElement)) {
      key.preventDefault();
      go(...sorted());
    } else if (by && area) {
      leave();
    }
  }, { capture: true });

  function go(first, last) {
    const [begin, end] = [first, last].map((bar) => new URL(bar.getAttribute('href'), location));
    begin.searchParams.set('to', end.searchParams.get('to'));
    location.href = begin;
  }

  function leave() {
    area?.remove();
    from = to = area = null;
  }
}

// A bar is called `Week of 13 Jul 2026: 3,586 events`.
const nameOf = (bar) => bar.dataset.tip.split('\n')[0].replace(/: [^:]*$/, '');
const countOf = (bar) => Number(bar.dataset.tip.split('\n')[0].split(': ').at(-1).replace(/\D/g, ''));
