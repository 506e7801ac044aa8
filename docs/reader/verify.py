#!/usr/bin/env python3
"""Verify an ssmbak archive without ssmbak, from docs/archive-format.md alone.

    verify.py s3://BUCKET [KEY.pem [CHECKPOINT-LINE]]
    verify.py DUMP.json [KEY.pem [CHECKPOINT-LINE]]

reads every index, part and value, and prints what is damaged, hidden, or not what the
facts say. With the archive's public key it also verifies the signatures and the chain
of checkpoints, and looks for each object version that they list. Each line is a fault,
the key and the object version; expired and redacted versions are no fault, and are only
counted. The exit code is 3 if there is a fault.
"""
import gzip, hashlib, json, sys

from reader import MALFORMED, Damaged, ms, opened

HOUR, DAY = 3_600_000, 86_400_000


def facts_of(archive, name, index):
    """The versions of an index and of all of its parts."""
    versions, runs = list(index.get("versions", [])), list(index.get("runs", []))
    while runs:
        part = archive.part(name, runs.pop())
        versions += part.get("versions", [])
        runs += part.get("runs", [])
    return versions


def subtracted(later, earlier):
    """Whether facts of an earlier version of an index, other than those in parts, are gone (section 3)."""
    identity = {"versions": lambda f: (f["number"], f["time"]), "deletions": lambda f: f["event"], "traces": lambda f: f["event"]}
    def all_of(index, kind):
        return {identity[kind](f) for f in index.get(kind, [])}
    return any(all_of(earlier, kind) - all_of(later, kind) for kind in identity if kind != "versions" or not later.get("runs"))


def indexes(archive):
    """Yields the faults of all parameters, and the versions of each, as the index has them."""
    for name, index, newest, damage in archive.indexes():
        key = ".ssmbak/index" + name
        if damage:
            yield "hidden" if newest is None else "damaged-index", key, newest and newest["id"], damage, name, []
            continue
        try:
            yield from list(parameter(archive, name, index, newest))  # all of it, or none
        except MALFORMED as e:
            yield "damaged-index", key, newest["id"], f"a field has another type: {e!r}", name, []


def parameter(archive, name, index, newest):
    """Yields the faults of one parameter, and its versions, as [indexes] does."""
    key, versions, earlier = ".ssmbak/index" + name, [], None
    began = ms(archive.identity.get("sign", {}).get("since")) + HOUR  # an older version of an index may be unsigned (2.16)
    try:
        versions = facts_of(archive, name, index)
    except Damaged as e:
        yield "damaged-part", key, newest["id"], str(e), name, []
        versions = index.get("versions", [])
    yield None, key, newest["id"], None, name, versions
    for stored in archive.versions(key):
        if stored["marker"]:
            continue
        must = stored["modified"] > began or stored is newest and "signed" in archive.listing
        if archive.public and must and not archive.signed(key, stored):
            yield "unsigned", key, stored["id"], "the archive's key did not sign it", name, []
        try:
            index = archive.decode(key, stored, packed=True)
        except Damaged as e:
            yield "damaged-index-version", key, stored["id"], str(e), name, []
            continue
        if earlier and subtracted(index, earlier):
            yield "lost-facts", key, stored["id"], "it lacks facts of the version before it", name, []
        earlier = index
    for version in versions:
        bodies = set()
        for object_version, body, problem in archive.copies(name, version):
            bodies.add(body)
            if problem:
                yield "damaged-value", name, object_version, problem, name, []
        if len(bodies) > 1:
            yield "contradicted-value", name, None, f"the copies of version {version['number']} differ", name, []


# --- Checkpoints (2.18) --------------------------------------------------------

def tree(hashes):
    """The root of a Merkle tree over leaves that are hashed (RFC 6962, 2.1)."""
    if not hashes:
        return hashlib.sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree(hashes[:split]).digest() + tree(hashes[split:]).digest())


def root(leaves):
    return tree([hashlib.sha256(b"\0" + leaf) for leaf in leaves]).hexdigest()


def leaves(archive, checkpoint):
    """The leaves of a checkpoint, all of which its root includes."""
    for o in checkpoint.get("leaves", []):
        key = ".ssmbak/checkpoints/leaves/" + o["root"]
        stored = next((v for v in archive.versions(key) if v["id"] == o["id"]), None)
        body = archive.bucket.read(key, stored)[0] if stored else b""
        if hashlib.sha256(body).hexdigest() != o["sha256"]:
            raise Damaged(f"{key} is missing or damaged")
        found = [json.loads(line) for line in gzip.decompress(body).decode().splitlines()[1:]]
        if len(found) != o["count"] or o["root"] != root(f"{f['key']}\n{f['id']}\n{f['size']}".encode() for f in found):
            raise Damaged(f"{key} has other leaves")
        yield from found


def checkpoints(archive):
    """All valid checkpoints with their lines, in order, and what is wrong with the chain."""
    chain, faults = [], []
    for key, versions in archive.bucket.versions(".ssmbak/checkpoints/0"):
        valid = None
        for stored in (v for v in versions if not v["marker"]):
            try:
                document = archive.decode(key, stored)
                if not archive.signed(key, stored) or not key.endswith(f"/{document['sequence']:010}"):
                    raise Damaged("the archive's key did not sign it")
                if root(bytes.fromhex(o["root"]) for o in document.get("leaves", [])) != document["root"]:
                    raise Damaged("its root is not that of its leaves")
            except Damaged as e:
                faults.append(("damaged-checkpoint", key, stored["id"], str(e)))
                continue
            if valid:
                faults.append(("rewritten-checkpoint", key, stored["id"], "an older version of this key is valid"))
                continue
            digest = hashlib.sha256(archive.bucket.read(key, stored)[0]).hexdigest()
            valid = document, {"sequence": document["sequence"], "time": document["time"], "sha256": digest}
        if valid:
            if valid[0].get("before") != (chain[-1][1] if chain else None):
                faults.append(("broken-chain", key, None, "the checkpoint before it is missing or another one"))
            chain.append(valid)
    return chain, faults


def gone(archive, chain, versions):
    """Each leaf of a checkpoint that is not there, with why: expired, redacted or removed."""
    there = {(key, v["id"]) for prefix in ("/", ".ssmbak/") for key, all_of in archive.bucket.versions(prefix) for v in all_of}
    newest = {}
    for checkpoint, _ in chain:
        for leaf in leaves(archive, checkpoint):
            if (leaf["key"], leaf["id"]) not in there:
                newest[leaf["key"], leaf["id"]] = checkpoint, leaf
    now = max((v["modified"] for _, all_of in archive.bucket.versions(".ssmbak/") for v in all_of), default=0)
    for (key, object_version), (checkpoint, leaf) in newest.items():
        since = ms(leaf.get("noncurrent") or checkpoint["time"])
        of = versions.get(key, [])
        if any(key.startswith(rule.get("prefix", "")) and since + rule["days"] * DAY <= now for rule in checkpoint.get("lifecycle", [])):
            yield "expired", key, object_version
        elif any(v.get("redacted") for v in of) and not any(o["id"] == object_version for v in of for o in v.get("objects", [])):
            yield "redacted", key, object_version
        else:
            yield "removed", key, object_version


def faults(archive, line=None):
    """All faults: a word, the key, the object version, and what is wrong. Counts what expired and was redacted."""
    found, versions, counts = [], {}, {"parameters": 0, "checkpoints": 0, "expired": 0, "redacted": 0}
    try:
        for word, key, object_version, why, name, of in indexes(archive):
            if word:
                found.append((word, key, object_version, why))
            else:
                counts["parameters"] += 1
                versions[name] = of
    except MALFORMED as e:  # only these two objects are used between the parameters
        found.append(("damaged-object", ".ssmbak/reconciled", None, f"a field of it or of .ssmbak/archive has another type: {e!r}"))
    for key in (".ssmbak/archive", ".ssmbak/reconciled", ".ssmbak/adopted", ".ssmbak/proved", ".ssmbak/listing"):
        for newest in archive.versions(key)[-1:]:
            lines = key in (".ssmbak/proved", ".ssmbak/listing")
            if archive.public and not newest["marker"] and (lines or key == ".ssmbak/reconciled") and not archive.signed(key, newest):
                found.append(("unsigned", key, newest["id"], "the archive's key did not sign it"))
            try:
                lines or archive.decode(key, newest)
            except Damaged as e:
                found.append(("damaged-object", key, newest["id"], str(e)))
    if archive.public:
        chain, wrong = checkpoints(archive)
        found, counts["checkpoints"] = found + wrong, len(chain)
        if line and line not in (f"{known['sequence']} {known['time']} {known['sha256']}" for _, known in chain):
            found.append(("unknown-checkpoint", ".ssmbak/checkpoints/", None, "there is no checkpoint with the line that is known"))
        try:
            for why, key, object_version in gone(archive, chain, versions):
                if why == "removed":
                    found.append((why, key, object_version, "a checkpoint lists it"))
                else:
                    counts[why] += 1
        except Damaged as e:
            found.append(("damaged-leaves", ".ssmbak/checkpoints/leaves/", None, str(e)))
    return found, counts


def main(source, key=None, line=None):
    try:
        archive = opened(source, key)
    except Damaged as e:
        print("damaged-object", ".ssmbak/archive", "-", e, sep="\t")
        return 3
    found, counts = faults(archive, line)
    for word, object_key, object_version, why in found:
        print(word, object_key, object_version or "-", why, sep="\t")
    print(", ".join(f"{n} {what}" for what, n in counts.items()), file=sys.stderr)
    return 3 if found else 0


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
