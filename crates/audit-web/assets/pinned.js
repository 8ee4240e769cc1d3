// What this browser remembers of a log between visits: its key, and the newest checkpoint it has verified. A server that
// showed this browser one history cannot show it another later.

const KEYS = 'secureai-audit.key ';
const CHECKPOINTS = 'secureai-audit.checkpoint ';

/// The key pinned for the log: `{ key, since }`, or nothing.
export const keyOf = (origin) => read(KEYS + origin);
export const pinKey = (origin, key) => write(KEYS + origin, { key, since: new Date().toISOString() });
/// The newest checkpoint verified: `{ size, root, since }`, the root in base64.
export const checkpointOf = (origin) => read(CHECKPOINTS + origin);
export const keepCheckpoint = (origin, size, root) => write(CHECKPOINTS + origin, { size, root, since: new Date().toISOString() });

export function forget(origin) {
  try {
    localStorage.removeItem(KEYS + origin);
    localStorage.removeItem(CHECKPOINTS + origin);
  } catch { /* nothing is remembered where nothing may be stored */ }
}

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? undefined;
  } catch {
    return undefined;
  }
}

/// Whether it is kept: private windows and policies of the browser may forbid it.
function write(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
