/* The audit log's entry in Open WebUI's settings, below "Admin". Open WebUI loads this as its own /static/loader.js; the
   gateway adds it there. Shown only when our own server says that this session may read the audit log. */
(() => {
  'use strict';
  const ID = 'secureai-audit-entry';
  const ASK_AGAIN_MS = 30000;
  let answer = { at: -Infinity, may: null };

  const tokenOfPage = () => {
    try {
      return localStorage.getItem('token');
    } catch {
      return null;
    }
  };

  const mayRead = () => {
    if (performance.now() - answer.at > ASK_AGAIN_MS) {
      const token = tokenOfPage();
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const may = fetch('/api/v1/auditlog/session', { headers, credentials: 'same-origin' }).then(
        (response) => response.ok,
        () => false
      );
      answer = { at: performance.now(), may };
    }
    return answer.may;
  };

  const icon =
    '<svg aria-hidden="true" xmlns="http://www.w3.org/2000/svg" fill="none" viewBox="0 0 24 24" stroke="currentColor" ' +
    'stroke-width="2" class="size-3.5"><path stroke-linecap="round" stroke-linejoin="round" ' +
    'd="M9 12.5l2 2 4-4.5M12 3l7 2.5v5.5c0 4.6-2.9 8-7 10-4.1-2-7-5.4-7-10V5.5z"></path></svg>';

  /* Newer settings: a list of tabs. Older ones: links in a side bar. Either way the entry follows the last one and wears
     the same clothes. */
  const lastTab = () => {
    const tabs = document.querySelectorAll('[aria-controls^="tab-admin-"], #admin-settings-tabs-container > button');
    return tabs.length ? tabs[tabs.length - 1] : null;
  };

  const unselected = (tab) => {
    const siblings = [...tab.parentElement.querySelectorAll('[role="tab"]')];
    return siblings.find((other) => other.getAttribute('aria-selected') === 'false') || tab;
  };

  const place = async () => {
    const tab = lastTab();
    if (!tab || document.getElementById(ID) || !(await mayRead())) return;
    if (!tab.isConnected || document.getElementById(ID)) return;
    const entry = document.createElement('a');
    entry.id = ID;
    entry.href = '/audit';
    entry.className = unselected(tab).className;
    entry.innerHTML = icon;
    const label = document.createElement('span');
    label.textContent = 'Audit Log';
    entry.append(' ', label);
    /* Beside the list, not inside: a list of tabs may hold nothing but tabs. */
    const list = tab.closest('[role="tablist"]') || tab;
    list.after(entry);
  };

  let waiting = false;
  const look = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      place();
    });
  };
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  look();
})();
