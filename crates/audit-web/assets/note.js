// Signed notes (docs/FORMAT.md, "Keys" and "Checkpoints"): what a checkpoint says, and whether a key signed it.
import { base64, equal, sha256, utf8 } from './bytes.js';

const ED25519 = 1;

/// `{ origin, size, root, text, signatures }` of a checkpoint.
export function parseCheckpoint(note) {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) throw new Error('the checkpoint is no signed note');
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split('\n');
  const signatures = note.slice(end + 2, -1).split('\n').map((line) => {
    const [, name, signature] = /^\u2014 ([^\s+]+) (\S+)$/.exec(line) ?? [];
    if (!name) throw new Error('a signature of the checkpoint is malformed');
    const bytes = base64(signature);
    return { name, id: bytes.slice(0, 4), bytes: bytes.slice(4) };
  });
  const hash = base64(root ?? '');
  if (hash.length !== 32) throw new Error('the checkpoint’s root has the wrong length');
  return { origin, size: whole(size), root: hash, text, signatures };
}

/// `{ name, id, key, text }` of a verifier key, `<name>+<id>+<base64>`.
export async function parseKey(text) {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? [];
  if (!name) throw new Error('the log’s key is malformed');
  const key = base64(encoded);
  if (key.length !== 33 || key[0] !== ED25519) throw new Error('the log’s key is not of Ed25519');
  const digest = (await sha256(utf8(`${name}\n`), key)).slice(0, 4);
  const right = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (id !== right) throw new Error('the id of the log’s key does not fit it');
  return { name, id: digest, key: key.slice(1), text, label: `${name}+${id}` };
}

/// Whether the checkpoint has a signature of the key: `true`, or `null` where this browser has no Ed25519. Rejects if
/// the key signed nothing of it, or something else.
export async function isSigned(checkpoint, key) {
  if (checkpoint.origin !== key.name) throw new Error(`the checkpoint is of ${checkpoint.origin}, not of ${key.name}`);
  const own = checkpoint.signatures.filter((by) => by.name === key.name && equal(by.id, key.id));
  if (own.length === 0) throw new Error(`the checkpoint has no signature of the key ${key.label}`);
  let verifier;
  try {
    verifier = await crypto.subtle.importKey('raw', key.key, { name: 'Ed25519' }, false, ['verify']);
  } catch (error) {
    if (error.name === 'NotSupportedError') return null;
    throw new Error('the log’s key is not of Ed25519');
  }
  for (const by of own) {
    const holds = await crypto.subtle.verify({ name: 'Ed25519' }, verifier, by.bytes, utf8(checkpoint.text));
    if (!holds) throw new Error(`the checkpoint’s signature is not by the key ${key.label}`);
  }
  return true;
}

export function whole(text) {
  if (!/^(0|[1-9]\d{0,15})$/.test(text ?? '') || !Number.isSafeInteger(Number(text))) throw new Error(`${text} is no whole number`);
  return Number(text);
}
