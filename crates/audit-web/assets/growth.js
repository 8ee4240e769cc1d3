// That a larger tree holds a smaller one unchanged at its beginning, from the tree's tiles (docs/FORMAT.md, "Tiles").
// Both roots are computed from the same nodes, so that nobody can give one for the one and another for the other.
import { equal, parent } from './bytes.js';
import { number as grouped } from './locale.js';

const WIDTH = 256;

/// Rejects unless the tree `old` (`{ size, root }`) is the beginning of the tree `now`. `tile(path)` gives a tile's bytes.
export async function hasGrown(old, now, tile) {
  const nodes = reader(now.size, tile);
  const before = old.size === 0 ? null : await beginning(old.size, nodes);
  if (before && !equal(before, old.root)) throw new Error(`the first ${grouped(old.size)} entries are not those that this browser saw before`);
  const after = await hashOf(0, now.size, old.size, nodes);
  if (!equal(after, now.root)) throw new Error('the tree’s tiles do not lead to the checkpoint’s root');
}

/// The root of the first `size` entries, from the largest whole subtrees.
async function beginning(size, nodes) {
  const subtrees = [];
  for (let at = 0; at < size;) {
    const width = powerBelow(size - at + 1);
    subtrees.push(await nodes(at, width));
    at += width;
  }
  let root = subtrees.pop();
  while (subtrees.length) root = await parent(subtrees.pop(), root);
  return root;
}

/// The hash of the entries from `low` to `high`; what lies on one side of `border` and is whole is a node of the tree.
async function hashOf(low, high, border, nodes) {
  const width = high - low;
  const half = powerBelow(width);
  const isWhole = half * 2 === width || width === 1;
  if (isWhole && (high <= border || low >= border)) return nodes(low, width);
  return parent(await hashOf(low, low + half, border, nodes), await hashOf(low + half, high, border, nodes));
}

/// The largest power of two below `number`, which is at least 2; 1 below that.
function powerBelow(number) {
  let power = 1;
  while (power * 2 < number) power *= 2;
  return power;
}

/// Reads nodes from tiles, each tile once. Entries `low..low + width`, `width` a power of two that divides `low`.
function reader(size, tile) {
  const tiles = new Map();
  return async (low, width) => {
    let [level, unit] = [0, 1];
    while (unit * WIDTH <= width) [level, unit] = [level + 1, unit * WIDTH];
    const [first, count] = [low / unit, width / unit];
    const number = Math.floor(first / WIDTH);
    const path = pathOf(level, number, Math.min(WIDTH, Math.floor(size / unit) - number * WIDTH));
    if (!tiles.has(path)) tiles.set(path, await tile(path));
    const bytes = tiles.get(path);
    const hashes = Array.from({ length: count }, (_, at) => bytes.slice(((first % WIDTH) + at) * 32, ((first % WIDTH) + at + 1) * 32));
    if (hashes.some((hash) => hash.length !== 32)) throw new Error(`the tile ${path} is too short`);
    while (hashes.length > 1) {
      const pairs = hashes.splice(0);
      for (let at = 0; at < pairs.length; at += 2) hashes.push(await parent(pairs[at], pairs[at + 1]));
    }
    return hashes[0];
  };
}

/// `tile/1/x001/234.p/5`, as c2sp.org/tlog-tiles names them.
function pathOf(level, number, width) {
  const digits = String(number);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g);
  const name = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${name}${width < WIDTH ? `.p/${width}` : ''}`;
}
