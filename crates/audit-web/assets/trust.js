// Whether a checkpoint is the log's: signed with the key that this browser pinned, and a continuation of what it saw
// before. The key comes from the server at the first use; that it is the right one has to be compared once by hand.
import { base64, equal, toBase64 } from './bytes.js';
import { hasGrown } from './growth.js';
import { number } from './locale.js';
import { isSigned, parseKey } from './note.js';
import { checkpointOf, keepCheckpoint, keyOf, pinKey } from './pinned.js';

/// Not signed by the key that is pinned for the log `origin`.
export class OtherKey extends Error {
  constructor(message, origin) {
    super(message);
    this.origin = origin;
  }
}

/// `offered`: the verifier keys that the server names, its present one first. Resolves to `{ isSigned, isKnown, steps,
/// open }`: whether the key that signed was kept here before, what was found, and what stays open; rejects with what is wrong.
export async function trusted(checkpoint, offered, tile) {
  const pinned = keyOf(checkpoint.origin);
  const key = await chosen(checkpoint, offered, pinned);
  const signed = await isSigned(checkpoint, key);
  if (!signed) {
    return {
      isSigned: false,
      isKnown: false,
      steps: [],
      open: [`The checkpoint’s signature: this browser has no Ed25519. Who made the checkpoint is not known; download the proof and check it with the key ${key.text}`],
    };
  }
  const isKept = pinned ? true : pinKey(checkpoint.origin, key.text);
  const steps = [`The checkpoint is signed (Ed25519) by the key ${key.label}, ${pinned ? `which this browser has kept since ${day(pinned.since)}` : 'seen by this browser for the first time'}`];
  const open = [];
  if (!isKept) open.push('Whether the key is always the same: this browser keeps nothing');
  if (!pinned) open.push(`Whether the key is the log’s: it came from this server. Compare it once with what secureai-audit key show prints on the server: ${key.text}`);
  await continued(checkpoint, tile, steps, open);
  return { isSigned: true, isKnown: Boolean(pinned), steps, open };
}

async function chosen(checkpoint, offered, pinned) {
  const keys = await Promise.all(offered.map(parseKey));
  if (pinned) {
    const key = await parseKey(pinned.key);
    const isSigner = checkpoint.signatures.some((by) => by.name === key.name && equal(by.id, key.id));
    if (isSigner) return key;
    const others = keys.map((other) => other.label).join(', ') || 'none';
    throw new OtherKey(`the checkpoint is not signed by the key ${key.label} that this browser has kept since ${day(pinned.since)}; the server names ${others}`, checkpoint.origin);
  }
  const key = keys.find((one) => one.name === checkpoint.origin && checkpoint.signatures.some((by) => equal(by.id, one.id)));
  if (!key) throw new Error('the checkpoint is not signed by a key that the server names');
  return key;
}

/// Against the newest checkpoint that this browser has verified.
async function continued(checkpoint, tile, steps, open) {
  const before = checkpointOf(checkpoint.origin);
  const keep = () => keepCheckpoint(checkpoint.origin, checkpoint.size, toBase64(checkpoint.root));
  if (!before) {
    keep();
    open.push('Whether entries were changed before now: this browser has seen no earlier checkpoint of this log');
    return;
  }
  const old = { size: before.size, root: base64(before.root) };
  if (checkpoint.size < old.size) throw new Error(`the log has ${number(checkpoint.size)} entries, but had ${number(old.size)} on ${day(before.since)}: it was put back`);
  const isSame = checkpoint.size === old.size;
  if (isSame && !equal(checkpoint.root, old.root)) throw new Error(`the log had another content with ${number(old.size)} entries on ${day(before.since)}`);
  if (!isSame) {
    let refusal = null;
    const told = async (path) => tile(path).catch((error) => {
      refusal = error;
      throw error;
    });
    try {
      await hasGrown(old, checkpoint, told);
    } catch (error) {
      if (!refusal) throw error;
      open.push(`Whether this continues what this browser saw on ${day(before.since)} (${number(old.size)} entries): the tree’s tiles could not be read (${refusal.message})`);
      return;
    }
    keep();
  }
  steps.push(`It continues the checkpoint of ${number(old.size)} entries that this browser verified on ${day(before.since)}: nothing before it was changed or taken away`);
}

const day = (time) => new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' }).format(new Date(time));
