#!/usr/bin/env python3
"""Checks a proof offline, of one event or of an export:

    python3 verify.py FILE.tlog-proof VERIFIER-KEY
    python3 verify.py EXPORT.ndjson.proof VERIFIER-KEY EXPORT.ndjson

A second implementation of both files, written from FORMAT.md next to this file, in plain Python 3.8 or
newer with nothing but its standard library. Of an export it keeps some 200 bytes a line. Exit status: 0 the proof holds, 1 it does not, 2 wrong usage.
"""

import base64
import bisect
import collections
import hashlib
import json
import os
import re
import sys

GROUPS = ["core", "actor", "org", "client", "target", "usage", "content"]


class Refused(Exception):
    """The proof does not hold, and why."""


def require(condition, why):
    if not condition:
        raise Refused(why)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def from_base64(text, what):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(what + " is not base64") from None
    require(base64.b64encode(data).decode() == text, what + " is not canonical base64")
    return data


def from_decimal(text, what):
    require(re.fullmatch("0|[1-9][0-9]{0,19}", text) and int(text) < 2**64, what + " is not a decimal")
    return int(text)


# Ed25519 (RFC 8032, section 5.1), verification only. Points are extended homogeneous coordinates X, Y, Z, T.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def recover_x(y, odd):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and odd):
        return None
    return P - x if x & 1 != odd else x


def decompress(encoded):
    number = int.from_bytes(encoded, "little")
    y, odd = number & (2**255 - 1), number >> 255
    x = recover_x(y, odd) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def ed25519_verifies(public_key, message, signature):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = decompress(public_key), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    challenge = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(challenge, "little") % ORDER
    return same(multiply(s, BASE), add(r, multiply(k, a)))


# Keys and signed notes (FORMAT.md, "Keys" and "Checkpoints")


def parse_verifier_key(text):
    """Name, key id and public key."""
    parts = text.strip().split("+", 2)
    require(len(parts) == 3 and parts[0], "the verifier key is not <name>+<id>+<key>")
    name, key_id, key = parts[0], parts[1], from_base64(parts[2], "the verifier key")
    require(len(key) == 33 and key[0] == 1, "the verifier key is not of Ed25519")
    expected = sha256(name.encode(), b"\n", key)[:4]
    require(key_id == expected.hex(), "the id of the verifier key does not fit its name and key")
    return name, expected, key[1:]


def open_checkpoint(note, verifier_key):
    """Tree size and root hash, if the note is signed by the key and of the log of that name."""
    name, key_id, public_key = verifier_key
    require(not re.search("[\0-\x09\x0b-\x1f]", note), "the checkpoint has control characters")
    text, separator, lines = note.rpartition("\n\n")
    text += "\n"
    require(separator and lines.endswith("\n"), "the checkpoint is not a signed note")
    signed = False
    for line in lines[:-1].split("\n"):
        signature = re.fullmatch("\u2014 ([^ +]+) ([^ ]+)", line)
        require(signature, "a signature line of the checkpoint is malformed")
        blob = from_base64(signature.group(2), "a signature of the checkpoint")
        if signature.group(1) == name and blob[:4] == key_id:
            require(ed25519_verifies(public_key, text.encode(), blob[4:]), "the signature is wrong")
            signed = True
    require(signed, "the checkpoint is not signed by " + name)
    fields = text[:-1].split("\n")
    require(len(fields) >= 3 and all(fields), "the checkpoint is not one")
    require(fields[0] == name, "the checkpoint is of the log " + fields[0])
    root = from_base64(fields[2], "the root hash")
    require(len(root) == 32, "the root hash is not one")
    return from_decimal(fields[1], "the tree size"), root


# Tree (FORMAT.md, "Tree"; RFC 9162, section 2.1.3.2)


def leaf_hash(leaf_data):
    return sha256(b"\0", leaf_data)


def check_inclusion(leaf, index, size, path, root):
    require(index < size, "the index is not below the tree size")
    fn, sn, found = index, size - 1, leaf
    for sibling in path:
        require(sn, "the inclusion proof is too long")
        if fn & 1 or fn == sn:
            found = sha256(b"\1", sibling, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = sha256(b"\1", found, sibling)
        fn, sn = fn >> 1, sn >> 1
    require(sn == 0, "the inclusion proof is too short")
    require(found == root, "the event is not what the ledger recorded at this index")


# Disclosure (FORMAT.md, "Commitment" and "Erasure and disclosure")


def parse_json(text, what):
    def distinct(members):
        require(len(members) == len({name for name, _ in members}), what + " repeats a member")
        return dict(members)

    try:
        value = json.loads(text, object_pairs_hook=distinct)
    except (ValueError, RecursionError):
        raise Refused(what + " is not JSON") from None
    require(isinstance(value, dict), what + " is not a JSON object")
    return value


def group_label(group):
    return ("secureai-audit/v1/group/" + group).encode().ljust(64, b"\0")


def group_digest(group, shown):
    """The group's digest, and its text if it is disclosed."""
    label = group_label(group)
    require(isinstance(shown, dict), "the disclosure does not say what is in the group " + group)
    if shown == {"absent": True}:
        return sha256(label, b"absent"), None
    malformed = "the disclosure of the group " + group + " is malformed"
    require(all(isinstance(value, str) for value in shown.values()), malformed)
    if set(shown) == {"digest"}:
        require(re.fullmatch("[0-9A-Fa-f]{64}", shown["digest"]), malformed)
        return bytes.fromhex(shown["digest"]), None
    require(set(shown) == {"salt", "text"} and re.fullmatch("[0-9A-Fa-f]{32}", shown["salt"]), malformed)
    require(not re.search("[\ud800-\udfff]", shown["text"]), malformed)
    return sha256(label, bytes.fromhex(shown["salt"]), shown["text"].encode()), shown["text"]


def read_disclosure(extra):
    """Leaf data, and the members of the event that are disclosed."""
    disclosure = parse_json(extra, "the disclosure")
    require(disclosure.get("format") == "secureai-audit/v1/disclosure", "the disclosure is of another format")
    groups = disclosure.get("groups")
    require(isinstance(groups, dict) and set(groups) == set(GROUPS), "the disclosure has not the seven groups")
    leaf_data, event = b"\1", {}
    for group in GROUPS:
        digest, text = group_digest(group, groups[group])
        leaf_data += digest
        members = {} if text is None else parse_json(text, "the group " + group)
        require(not event.keys() & members.keys(), "two groups have a member of the same name")
        event.update(members)
    return leaf_data, event



def groups_line(extra):
    """What the proof shows, group by group."""
    groups = parse_json(extra, "the disclosure")["groups"]
    kinds = {"text": [], "absent": [], "digest": []}
    for group in GROUPS:
        kinds[next(kind for kind in kinds if kind in groups[group])].append(group)
    shown, absent, withheld = (", ".join(names) or "none" for names in kinds.values())
    return f"groups shown: {shown}; empty in this event: {absent}; withheld or erased: {withheld}"


# Proof file (FORMAT.md, "Proof files")


def parse_proof(text):
    """Extra data, index, inclusion path and checkpoint."""
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    require(separator and lines.pop(0) == "c2sp.org/tlog-proof@v1", "this is no proof file")
    require(lines and lines[0].startswith("extra "), "the proof does not show the event it is of")
    extra = from_base64(lines.pop(0)[len("extra ") :], "the extra line")
    require(lines and lines[0].startswith("index "), "the proof has no index")
    index = from_decimal(lines.pop(0)[len("index ") :], "the index")
    path = [from_base64(line, "the inclusion proof") for line in lines]
    require(all(len(sibling) == 32 for sibling in path), "the inclusion proof has a line that is no hash")
    return extra, index, path, checkpoint


def verify(proof_text, key_text):
    """Checks a proof; returns index, tree size, log and what is disclosed of the event."""
    key = parse_verifier_key(key_text)
    extra, index, path, checkpoint = parse_proof(proof_text)
    size, root = open_checkpoint(checkpoint, key)
    leaf_data, event = read_disclosure(extra)
    check_inclusion(leaf_hash(leaf_data), index, size, path, root)
    return index, size, key[0], event


# Proof of an export (FORMAT.md, "Proof of an export")

EXPORT_PROOF = "secureai-audit/v1/export-proof"
MEMBERS = {
    "core": "action capture category id instance marks outcome reason recorded_at sender severity source time",
    "actor": "actor session_id",
    "org": "org",
    "client": "client",
    "target": "target targets",
    "usage": "latency_ms model usage",
    "content": "changes details http message",
}
GROUP_OF = {member: group for group, members in MEMBERS.items() for member in members.split()}
DECODER = json.JSONDecoder()


def split_event(line):
    """The text of each group that the line shows."""
    require(line.startswith("{") and line.endswith("}"), "a line is no event")
    texts, at, newest = {}, 1, 0
    try:
        while line != "{}" and at < len(line):
            name, colon = DECODER.raw_decode(line, at)
            group = GROUP_OF[name]
            require(line[at:colon + 1] == '"%s":' % name and GROUPS.index(group) >= newest, "a line is no event of an export")
            newest = GROUPS.index(group)
            end = DECODER.raw_decode(line, colon + 1)[1]
            texts.setdefault(group, []).append(line[at:end])
            require(line[end] == ("," if end + 1 < len(line) else "}"), "a line is no event of an export")
            at = end + 1
    except (ValueError, KeyError, IndexError, TypeError):
        raise Refused("a line is no event of an export") from None
    texts = {group: "{" + ",".join(members) + "}" for group, members in texts.items()}
    for group, text in texts.items():
        parse_json(text, "the group " + group)
    return texts


def opened_leaf(line, opening):
    """The leaf hash that follows from a line and its opening, and the groups that are hidden."""
    texts, leaf_data, hidden = split_event(line), b"\1", []
    require("core" in texts, "a line does not show its core")
    if opening.startswith("*"):
        event_salt = from_hex(opening[1:], 16)
        label = b"secureai-audit/v1/group-salt".ljust(64, b"\0")
        salts = b"".join(sha256(label, event_salt, bytes([pair])) for pair in range(4))
        parts = [salts[16 * at : 16 * at + 16].hex() if group in texts else "-" for at, group in enumerate(GROUPS)]
    else:
        parts = opening.split(",")
    require(len(parts) == len(GROUPS), "an opening is malformed")
    for group, part in zip(GROUPS, parts):
        is_hidden = part == "-" or part.startswith("=")
        require(is_hidden != (group in texts), "a line shows another set of groups than its opening")
        if part == "-":
            leaf_data += sha256(group_label(group), b"absent")
        elif is_hidden:
            digest = from_hex(part[1:], 32)
            require(digest != sha256(group_label(group), b"absent"), "an opening is malformed")
            hidden.append(group)
            leaf_data += digest
        else:
            leaf_data += sha256(group_label(group), from_hex(part, 16), texts[group].encode())
    return leaf_hash(leaf_data), hidden


def from_hex(text, length):
    require(re.fullmatch("[0-9a-f]*", text) and len(text) == 2 * length, "an opening is malformed")
    return bytes.fromhex(text)


def root_of(start, end, leaves, first, last, hashes):
    """The root over the entries start..end, of which leaves[first:last] are given and the rest are in the proof's hashes."""
    if first == last:
        hash = next(hashes, None)
        require(hash is not None, "the proof has too few hashes")
        return hash
    if end - start == 1:
        return leaves[first][1]
    middle = start + (1 << ((end - start - 1).bit_length() - 1))
    cut = bisect.bisect_left(leaves, (middle, b""), first, last)
    left = root_of(start, middle, leaves, first, cut, hashes)
    return sha256(b"\1", left, root_of(middle, end, leaves, cut, last, hashes))


def lines_of(file, what):
    """The lines of a binary file, one at a time."""
    for line in file:
        require(line.endswith(b"\n"), what + " is cut short")
        try:
            yield line[:-1].decode()
        except UnicodeDecodeError:
            raise Refused(what + " is not text") from None


def exported_lines(file):
    """The events of an export, a line each."""
    lines, count, comma = lines_of(file, "the export"), 0, True
    first = next(lines, None)
    if first != '{"events":[':
        if first is not None:
            yield first
        yield from lines
        return
    for line in lines:
        if line.startswith('],"count":'):
            require(line == '],"count":%d}' % count, "the export's count is wrong")
            require((count == 0 or not comma) and next(lines, None) is None, "the export is no JSON document")
            return
        require(comma, "the export is no JSON document")
        comma, count = line.endswith(","), count + 1
        yield line[:-1] if comma else line
    raise Refused("the export is cut short")


def verify_export(proof_file, key_text, export_file):
    """Checks an export; returns its events, how many hide which group, its first and last index, the tree size and the log."""
    key = parse_verifier_key(key_text)
    proof = lines_of(proof_file, "the proof")
    require(next(proof, None) == EXPORT_PROOF, "this is no proof of an export")
    note, empty = [], 0
    for line in proof:
        empty += not line
        if empty == 2:
            break
        require(len(note) < 100, "the checkpoint is longer than any")
        note.append(line + "\n")
    size, root = open_checkpoint("".join(note), key)
    leaves, hidden, lines = [], collections.Counter(), exported_lines(export_file)
    for opening in proof:
        line = next(lines, None)
        if not opening:
            require(line is None, "the export has more events than the proof")
            break
        require(line is not None, "the export has fewer events than the proof")
        parts = opening.split(" ")
        require(len(parts) == 3, "an opening is malformed")
        leaf, hides = opened_leaf(line, parts[1])
        require(leaf[:4].hex() == parts[2], "event %d of the export was altered" % (len(leaves) + 1))
        index = from_decimal(parts[0], "an index")
        require(index < size and len(leaves) < size, "an index is not below the tree size")
        leaves.append((index, leaf))
        hidden.update(hides)
    else:
        raise Refused("the proof is cut short")
    leaves.sort()
    require(all(a[0] < b[0] for a, b in zip(leaves, leaves[1:])), "an event is there twice")
    hashes = (from_base64(line, "a hash of the proof") for line in proof)
    found = root_of(0, size, leaves, 0, len(leaves), hashes) if size else sha256()
    require(found == root and next(hashes, None) is None, "some event is not what the ledger recorded")
    return len(leaves), hidden, (leaves[0][0], leaves[-1][0]) if leaves else None, size, key[0]


def report(events, hidden, indices, size, log):
    print(f"the proof holds: each of the {events} events is among the first {size} in {log}, as it was recorded")
    if hidden:
        groups = ", ".join(f"{group} in {hidden[group]}" for group in GROUPS if hidden[group])
        print(f"not shown: {groups}; withheld, erased, or taken out by whoever passed them on")
    if indices and indices[1] - indices[0] + 1 == events:
        print(f"these are all entries from {indices[0]} to {indices[1]}; not proven: that they are in the order of the export")
    else:
        print("not proven: that no event was left out or taken out, nor the order of the lines")


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        key_text = arguments[1]
        if os.path.exists(key_text):
            with open(key_text, encoding="utf-8") as file:
                key_text = file.read()
        with open(arguments[0], "rb") as proof_file:
            if proof_file.readline() == EXPORT_PROOF.encode() + b"\n":
                require(len(arguments) == 3, "say of which export: give its file as the third argument")
                proof_file.seek(0)
                with open(arguments[2], "rb") as export_file:
                    report(*verify_export(proof_file, key_text, export_file))
                return 0
            proof_file.seek(0)
            proof_text = proof_file.read().decode()
        index, size, log, event = verify(proof_text, key_text)
    except UnicodeDecodeError:
        print("the proof does NOT hold: it is not text", file=sys.stderr)
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    except RecursionError:
        print("the proof does NOT hold: something is nested deeper than any event", file=sys.stderr)
        return 1
    except Refused as why:
        print(f"the proof does NOT hold: {why}", file=sys.stderr)
        return 1
    print(f"the proof holds: event {index} of the first {size} in {log}")
    print(groups_line(parse_proof(proof_text)[0]))
    print(json.dumps(event, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
