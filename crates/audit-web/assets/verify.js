// Checks a `.tlog-proof`: that the event, as the page shows it, is what the tree holds at its index below the root that
// a checkpoint states. docs/FORMAT.md specifies every step. Who signed the checkpoint is asked in trust.js.
import { base64, equal, hex, parent, sha256, unhex, utf8 } from './bytes.js';
import { parseCheckpoint, whole } from './note.js';

const GROUPS = ['core', 'actor', 'org', 'client', 'target', 'usage', 'content'];

/// `shown` is the text of the event's JSON on the page, white space between its parts aside. Resolves to
/// `{ index, checkpoint, steps }`; rejects with what is wrong.
export async function included(file, shown) {
  const proof = parse(file);
  const disclosed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(proof.extra));
  if (disclosed.format !== 'secureai-audit/v1/disclosure') throw new Error('the disclosure has an unknown format');
  const digests = [];
  const texts = [];
  for (const name of GROUPS) {
    const group = disclosed.groups[name];
    if (!group) throw new Error(`the group ${name} is missing`);
    digests.push(await digestOf(name, group));
    if (group.text !== undefined) texts.push(group.text);
  }
  if (`{${texts.map((text) => text.slice(1, -1)).join(',')}}` !== packed(shown)) {
    throw new Error('the proof is about another content than the JSON on this page');
  }
  const leaf = await sha256(Uint8Array.of(0), Uint8Array.of(1), ...digests);
  const { checkpoint } = proof;
  if (!equal(await rootOf(leaf, proof), checkpoint.root)) throw new Error('the entry does not lead to the checkpoint’s root');
  const withheld = Object.values(disclosed.groups).filter((group) => group.digest !== undefined).length;
  return {
    index: proof.index,
    checkpoint,
    steps: [
      `The JSON under “As recorded” on this page, character by character, hashes with its salts to the leaf ${hex(leaf)}${withheld ? `; ${withheld} groups of fields are withheld from you and enter as digests` : ''}`,
      `${proof.hashes.length} hashes of the tree lead from it to the root ${hex(checkpoint.root)} of ${checkpoint.size} entries`,
    ],
  };
}

/// The JSON as it was hashed: without the white space that makes it readable.
function packed(json) {
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, text) => text ?? '');
}

function parse(file) {
  const end = file.indexOf('\n\n');
  const lines = file.slice(0, end).split('\n');
  if (end < 0 || lines.shift() !== 'c2sp.org/tlog-proof@v1') throw new Error('this is no proof file');
  const extra = base64(after(lines.shift(), 'extra '));
  const index = whole(after(lines.shift(), 'index '));
  const hashes = lines.map(base64);
  if (hashes.some((hash) => hash.length !== 32)) throw new Error('a hash has the wrong length');
  return { extra, index, hashes, checkpoint: parseCheckpoint(file.slice(end + 2)) };
}

function after(line, word) {
  if (!line?.startsWith(word)) throw new Error(`the line “${word.trim()}” is missing`);
  return line.slice(word.length);
}

async function digestOf(name, group) {
  const label = new Uint8Array(64);
  label.set(utf8(`secureai-audit/v1/group/${name}`));
  if (group.absent) return sha256(label, utf8('absent'));
  if (group.digest !== undefined) return unhex(group.digest, 32);
  return sha256(label, unhex(group.salt, 16), utf8(group.text));
}

/// RFC 9162, 2.1.3.2.
async function rootOf(leaf, { index, checkpoint: { size }, hashes }) {
  if (index >= size) throw new Error('the checkpoint does not cover the entry');
  let [node, last, hash] = [index, size - 1, leaf];
  const half = (number) => Math.floor(number / 2);
  for (const sibling of hashes) {
    if (last === 0) throw new Error('the proof is too long');
    if (node % 2 === 1 || node === last) {
      hash = await parent(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = await parent(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  if (last !== 0) throw new Error('the proof is too short');
  return hash;
}
