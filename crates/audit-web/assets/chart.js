// A read-out under the pointer and the focus; arrow keys move from mark to mark, so that a chart is one stop of the Tab key.

export function chart(figure) {
  const marks = [...figure.querySelectorAll('a.whole')];
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  figure.append(tip);
  for (const mark of figure.querySelectorAll('.area a')) {
    // The browser's own tip would come on top of ours.
    const title = mark.querySelector('title');
    mark.dataset.tip = title.textContent;
    title.remove();
    mark.addEventListener('pointerenter', () => show(mark));
  }
  for (const mark of marks) {
    mark.tabIndex = -1;
    mark.addEventListener('focus', () => show(mark));
    mark.addEventListener('blur', hide);
  }
  const isAcross = figure.classList.contains('stacked');
  const first = isAcross ? marks.at(-1) : marks[0];
  if (first) first.tabIndex = 0;
  figure.addEventListener('pointerleave', hide);
  figure.addEventListener('keydown', (key) => {
    if (key.key === 'Escape') hide();
    const at = marks.indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: marks.length - 1 }[key.key];
    if (at < 0 || to === undefined || !marks[to]) return;
    key.preventDefault();
    marks[at].tabIndex = -1;
    marks[to].tabIndex = 0;
    marks[to].focus();
  });

  function show(mark) {
    const [head, ...lines] = mark.dataset.tip.split('\n');
    const strong = document.createElement('b');
    strong.textContent = head;
    tip.replaceChildren(strong, lines.length ? `\n${lines.join('\n')}` : '');
    tip.hidden = false;
    const [box, around] = [mark.getBoundingClientRect(), figure.getBoundingClientRect()];
    // The style sheet policy forbids inline styles in markup; a script may set them one by one.
    if (isAcross) {
      const isRight = box.left - around.left > around.width / 2;
      tip.style.left = isRight ? 'auto' : `${box.right - around.left + 8}px`;
      tip.style.right = isRight ? `${around.right - box.left + 8}px` : 'auto';
    } else {
      tip.style.left = '8px';
      tip.style.top = `${box.bottom - around.top}px`;
    }
  }
  function hide() { tip.hidden = true; }
}
