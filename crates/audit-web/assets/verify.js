// Checks a `.tlog-proof` with nothing but SHA-256: that an event, as the interface gives it, is what the tree holds at
// its index, below the root that the checkpoint signs. docs/FORMAT.md specifies every step. That the signature is the
// log's own has to be checked with its public key, which must come by another way than from the server being checked.

const GROUPS = ['core', 'actor', 'org', 'client', 'target', 'usage', 'content'];
const utf8 = new TextEncoder();

/// Resolves to `{ index, size, root, steps }`; rejects with what is wrong.
export async function verify(file, event) {
  if (!globalThis.crypto?.subtle) {
    throw new Error('browsers compute SHA-256 on encrypted connections (https) and on this machine only');
  }
  const proof = parse(file);
  const disclosed = JSON.parse(new TextDecoder().decode(proof.extra));
  if (disclosed.format !== 'secureai-audit/v1/disclosure') throw new Error('the disclosure has an unknown format');
  const digests = [];
  const texts = [];
  for (const name of GROUPS) {
    const group = disclosed.groups[name];
    if (!group) throw new Error(`the group ${name} is missing`);
    digests.push(await digestOf(name, group));
    if (group.text !== undefined) texts.push(group.text.slice(1, -1));
  }
  if (event !== undefined && `{${texts.join(',')}}` !== event.trim()) {
    throw new Error('the proof is about another content than the event shown');
  }
  const leaf = await sha256(Uint8Array.of(0), Uint8Array.of(1), ...digests);
  const root = await rootOf(leaf, proof);
  if (!equal(root, proof.root)) throw new Error('the entry does not lead to the checkpoint’s root');
  const shown = texts.length;
  return {
    index: proof.index,
    size: proof.size,
    root,
    steps: [
      `${shown} groups of fields hashed with their salts; they are the event shown`,
      `leaf hash ${hex(leaf)}`,
      `${proof.hashes.length} hashes of the tree lead to the root ${hex(root)}`,
      `this is the root that the checkpoint of ${proof.origin} signs for ${proof.size} entries`,
    ],
  };
}

function parse(file) {
  const [head, ...note] = file.split('\n\n');
  const lines = head.split('\n');
  if (lines.shift() !== 'c2sp.org/tlog-proof@v1') throw new Error('this is no proof file');
  const extra = base64(after(lines.shift(), 'extra '));
  const index = whole(after(lines.shift(), 'index '));
  const [origin, size, root] = note[0].split('\n');
  const hashes = lines.map(base64);
  if (hashes.some((hash) => hash.length !== 32)) throw new Error('a hash has the wrong length');
  return { extra, index, hashes, origin, size: whole(size), root: base64(root) };
}

function after(line, word) {
  if (!line?.startsWith(word)) throw new Error(`the line “${word.trim()}” is missing`);
  return line.slice(word.length);
}

function whole(text) {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) throw new Error(`${text} is no whole number`);
  return Number(text);
}

async function digestOf(name, group) {
  const label = new Uint8Array(64);
  label.set(utf8.encode(`secureai-audit/v1/group/${name}`));
  if (group.absent) return sha256(label, utf8.encode('absent'));
  if (group.digest !== undefined) return unhex(group.digest, 32);
  return sha256(label, unhex(group.salt, 16), utf8.encode(group.text));
}

/// RFC 9162, 2.1.3.2.
async function rootOf(leaf, { index, size, hashes }) {
  if (index >= size) throw new Error('the checkpoint does not cover the entry');
  let [node, last, hash] = [index, size - 1, leaf];
  const half = (number) => Math.floor(number / 2);
  for (const sibling of hashes) {
    if (last === 0) throw new Error('the proof is too long');
    if (node % 2 === 1 || node === last) {
      hash = await sha256(Uint8Array.of(1), sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = await sha256(Uint8Array.of(1), hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  if (last !== 0) throw new Error('the proof is too short');
  return hash;
}

async function sha256(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

const base64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

function unhex(text, length) {
  if (!new RegExp(`^[0-9a-f]{${2 * length}}$`).test(text)) throw new Error('a salt or digest is malformed');
  return Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));
}
