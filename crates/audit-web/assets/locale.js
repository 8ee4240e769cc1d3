// Times and numbers as the reader is used to. The server learns the reader's time zone, so that days are the reader's
// days and pages come right the next time.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const COOKIE = 'secureai_audit_zone=';
// As the server writes numbers for this reader: a page has one way.
const group = document.documentElement.dataset.group ?? ',';
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const brief = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });

export const clockOf = (time) => clock.format(new Date(time));
export const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, group);

// Below charts; English has its names of months from the server.
const OF_UNITS = {
  hour: { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  clock: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  day: { dateStyle: 'medium' },
  date: { day: 'numeric', month: 'short' },
  month: { month: 'short', year: 'numeric' },
};

export function localise(root) {
  for (const tick of root.querySelectorAll('text[data-time]')) tick.textContent = new Intl.DateTimeFormat(undefined, OF_UNITS[tick.dataset.style]).format(new Date(tick.dataset.time));
  for (const element of root.querySelectorAll('[data-number]')) element.textContent = number(element.dataset.number);
  for (const element of root.querySelectorAll('time')) {
    const time = new Date(element.dateTime);
    if (Number.isNaN(time.getTime())) continue;
    element.title = `${element.dateTime.replace('T', ' ').replace('Z', '')} UTC`;
    const [b, small] = [element.querySelector('b'), element.querySelector('small')];
    if (b && small) {
      b.textContent = clock.format(time);
      small.textContent = day.format(time);
    } else {
      element.textContent = (element.dataset.style === 'full' ? full : brief).format(time);
    }
  }
  if (zone) for (const element of root.querySelectorAll('[data-zone]')) element.textContent = zone;
}

// Bars, days and ranges are the server's work: on a first visit, or in another zone than before, it has drawn them in a
// zone that is not the reader's, and has to once more. Where cookies are forbidden it stays at that.
export function zoned() {
  if (!zone || hasCookie()) return;
  document.cookie = `${COOKIE}${zone}; Path=/audit; Max-Age=31536000; SameSite=Strict`;
  const isDrawn = document.querySelector('time, [data-zone]');
  if (isDrawn && document.documentElement.dataset.drawnIn !== zone && hasCookie()) location.reload();
}

const hasCookie = () => document.cookie.split('; ').includes(COOKIE + zone);
