#!/usr/bin/env python3
"""Read an ssmbak archive without ssmbak, from docs/archive-format.md alone.

    reader.py s3://BUCKET 2024-06-13T20:10:54.123Z [/app/ [KEY.pem]]
    reader.py DUMP.json 2024-06-13T20:10:54.123Z [/app/ [KEY.pem]]

prints the state of each parameter at that time as JSON, and the names of those that
are hidden or damaged. With the archive's public key, nothing is proved that is not
signed. verify.py checks the archive itself. S3 is read with the AWS CLI; a dump is a
JSON array of all object versions of a bucket, those of a key in the order in which
they were stored. Nothing is written.

Where a rule needs more than its plain case (several deletions and versions in
one second, changes that are known only from their events), this reader says
"unknown" rather than decide: it never says more than the facts, and perhaps less
than ssmbak. Tags and labels are printed if they are proved, of parameters of which
one life is known; who made a change is not evaluated. Parameters that
only the Python ssmbak recorded are read when the archive is adopted. The numbers of
rules and sections are those of the format.
"""
import base64, gzip, hashlib, json, subprocess, sys, tempfile, zlib
from datetime import datetime, timezone

import attributes, signatures

INFINITY = 1 << 62
STALE, STEP_BACK, TOLERANCE = 10_000, 1_000, 60_000  # milliseconds


class Damaged(Exception):
    """An object that is not to be believed."""


# What the use of a document raises whose fields have other types than those of the format.
MALFORMED = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


def ms(text):
    """Milliseconds since 1970 of an RFC 3339 time, 0 for none."""
    if not text:
        return 0
    at = datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return at.days * 86_400_000 + at.seconds * 1000 + at.microseconds // 1000


# --- Buckets ------------------------------------------------------------------

class Dump:
    """A bucket as a JSON array of object versions."""

    def __init__(self, objects):
        self.keys = {}
        for o in objects:
            body = base64.b64decode(o["body"]) if o.get("body") else o.get("text", "").encode()
            self.keys.setdefault(o["key"], []).append({
                "id": o["id"], "marker": o.get("marker", False), "modified": ms(o["modified"]), "etag": o.get("etag", ""),
                "metadata": o.get("metadata") or {}, "body": body})

    def versions(self, prefix):
        """Yields each key with its versions and markers, oldest first."""
        for key in sorted(self.keys):
            if key.startswith(prefix):
                yield key, self.keys[key]

    def read(self, key, version):
        """The bytes of an object version, and its user metadata."""
        return version["body"], version["metadata"]


class S3(Dump):
    """A bucket, read with the AWS CLI: listed once, then one call for each object version."""

    def __init__(self, bucket):
        self.bucket = bucket
        listed = json.loads(self.call("list-object-versions") or b"{}")
        found = [(v, kind == "DeleteMarkers") for kind in ("Versions", "DeleteMarkers") for v in listed.get(kind) or []]
        # S3 lists newest first, but the AWS CLI prints versions and markers apart.
        keys, order = {}, {id(v): i for i, (v, _) in enumerate(found)}
        for v, marker in sorted(found, key=lambda f: (f[0]["IsLatest"], ms(f[0]["LastModified"]), -order[id(f[0])])):
            keys.setdefault(v["Key"], []).append({"id": v["VersionId"], "marker": marker, "modified": ms(v["LastModified"]), "etag": v.get("ETag", "")})
        self.keys = keys

    def call(self, operation, *arguments):
        return subprocess.run(["aws", "s3api", operation, "--bucket", self.bucket, "--output", "json", *arguments], check=True, stdout=subprocess.PIPE).stdout

    def read(self, key, version):
        if "body" not in version:
            with tempfile.NamedTemporaryFile() as file:  # the answer goes to standard output
                answer = json.loads(self.call("get-object", "--key", key, "--version-id", version["id"], file.name))
                version["body"], version["metadata"] = file.read(), answer.get("Metadata", {})
        return super().read(key, version)


# --- Objects (section 2) ------------------------------------------------------

def latest(value):
    """The latest time that a document or its facts contain, in milliseconds (2.10)."""
    if isinstance(value, list):
        return max(map(latest, value), default=0)
    if not isinstance(value, dict):
        return 0
    at = max((ms(v) for k, v in value.items() if k in TIMES and isinstance(v, str)), default=0)
    nested = (v for k, v in value.items() if k not in ("tags", "labels", "policies") or isinstance(v, list))
    return max([at, value.get("second", 0) * 1000, *map(latest, nested)])


TIMES = {"time", "since", "at", "written", "sure", "seen", "lastSure", "lastSeen", "lastModified", "first", "last", "until", "created", "adopted", "names", "signed", "tags", "labels"}


class Archive:
    def __init__(self, bucket, public=None):
        self.bucket, self.public = bucket, public and signatures.parse(public)
        self.identity = self.document(".ssmbak/archive")
        if self.identity is None:
            raise Damaged("the bucket has no .ssmbak/archive")
        self.listing = self.document(".ssmbak/reconciled", self.public) or {}
        self.adopted = self.document(".ssmbak/adopted")

    def signed(self, key, version):
        """Whether the archive's key signed an object version (2.16)."""
        body, metadata = self.bucket.read(key, version)
        signed = "\n".join(["ssmbak archive 1", self.identity["account"], self.identity["region"], self.identity.get("sign", {}).get("bucket", ""),
                            hashlib.sha256(body).hexdigest(), key])
        return signatures.valid(self.public, metadata.get("ssmbak-signature", ""), signed.encode())

    def versions(self, key):
        return next((v for k, v in self.bucket.versions(key) if k == key), [])

    def decode(self, key, version, packed=False):
        """The JSON of an object, if it can be believed (2.7, 2.10)."""
        body, _ = self.bucket.read(key, version)
        try:
            value = json.loads(gzip.decompress(body) if packed else body)
            newest = latest(value)
        except (*MALFORMED, OSError, EOFError, zlib.error) as e:
            raise Damaged(f"{key}: {e}") from None
        if not isinstance(value, dict):
            raise Damaged(f"{key} is not an object of JSON")
        if "-" in version["etag"]:
            raise Damaged(f"{key} was stored by a multipart upload")
        if not isinstance(value.get("reader", 1), int) or value.get("reader", 1) > 3:
            raise Damaged(f"{key} needs a newer reader")
        if newest > version["modified"] + 1000 + TOLERANCE:  # LastModified has no milliseconds
            raise Damaged(f"{key} contains a time that is later than its own")
        return value

    def document(self, key, signed=False):
        """The newest intact version of one of the three objects that every reader reads."""
        versions = self.versions(key)
        if versions and versions[-1]["marker"]:
            raise Damaged(f"{key} has a delete marker")
        for version in reversed(versions):
            try:
                if not signed or self.signed(key, version):
                    return self.decode(key, version)
            except Damaged:
                continue
        return None

    def indexes(self, prefix="/"):
        """Yields the name of each parameter with its index, or why it cannot be read."""
        indexes = {key.removeprefix(".ssmbak/index"): versions[-1] for key, versions in self.bucket.versions(".ssmbak/index" + prefix) if not versions[-1]["marker"]}
        hidden = set()
        if "names" in self.listing:  # the register is complete (2.8)
            hidden = {key.removeprefix(".ssmbak/names") for key, _ in self.bucket.versions(".ssmbak/names" + prefix)} - indexes.keys()
        hidden |= {m["name"] for m in self.listing.get("missed", []) if m["name"].startswith(prefix)} - indexes.keys()
        if self.identity.get("original") and not self.adopted:
            hidden |= {key for key, _ in self.bucket.versions(prefix)} - indexes.keys()
        for name in sorted(indexes.keys() | hidden):
            if name in hidden:
                yield name, None, None, "it has no index"
                continue
            key, newest = ".ssmbak/index" + name, indexes[name]
            try:
                index = self.decode(key, newest, packed=True)
                if index.get("name") != name:
                    raise Damaged(f"{key} is the index of {index.get('name')}")
                yield name, index, newest, None
            except Damaged as e:
                yield name, None, newest, str(e)

    def part(self, name, run):
        key = f".ssmbak/parts{name}/{run['part']['id']}"
        for version in self.versions(key):
            if version["id"] == run["part"]["version"]:
                if hashlib.sha256(self.bucket.read(key, version)[0]).hexdigest() == run["part"]["sha256"]:
                    return self.decode(key, version, packed=True)
        raise Damaged(f"{key} is missing or damaged")

    def copies(self, name, version):
        """The copies of a version's value that are left, each with why it does not count, if it does not (2.10)."""
        known = {v["id"]: v for v in self.versions(name) if not v["marker"]}
        for o in version.get("objects", []):
            if o["id"] in known:
                body, metadata = self.bucket.read(name, known[o["id"]])
                yield o["id"], body, self.foreign(version, metadata, known[o["id"]]) or unreadable(body)

    def foreign(self, version, metadata, stored):
        said = tuple(metadata.get("ssmbak-" + k) for k in ("version", "time", "type"))
        if "number" in version and said != (str(version["number"]), str(ms(version["time"])), version["type"]):
            return "its metadata is that of another version"
        if "number" in version and stored["modified"] + 1000 + TOLERANCE < ms(version["time"]):
            return "it was stored before its version was made"
        return None

    def value(self, name, version):
        """The value, if a copy is left, and all copies are alike."""
        bodies = {body for _, body, problem in self.copies(name, version) if not problem}
        return bodies.pop().decode() if len(bodies) == 1 else None

    def compared(self, name, modified, began):
        """Up to when a listing proves the index complete (section 5, rule 3)."""
        until = ms(began) - STALE
        sure = began and name not in self.listing.get("unsure", []) and not any(covers(p, name) for p in self.listing.get("excluded", []))
        return until if sure and modified + 1000 < until else 0

    def state(self, name, index, modified, at):
        """The state of one parameter at a moment, its parts included (2.9)."""
        facts = index
        while True:
            run = next((r for r in facts.get("runs", []) if ms(r["first"]["time"]) <= at < ms(r["last"]["time"])), None)
            if run is None:
                break
            try:
                part = self.part(name, run)
            except Damaged:
                return {"certainty": "unknown"}
            facts = {**facts, "runs": [r for r in facts["runs"] if r is not run] + part.get("runs", [])}
            for kind in ("versions", "looks"):
                facts[kind] = facts.get(kind, []) + part.get(kind, [])
        missed = next((ms(m["until"]) for m in self.listing.get("missed", []) if m["name"] == name), 0)
        timeline = Timeline(facts, 0 if missed else ms(self.identity["created"]), self.compared(name, modified, self.listing.get("last")), missed)
        return timeline.state(at)

    def at(self, at, prefix="/"):
        states, unreadable = [], []
        for name, index, newest, damage in self.indexes(prefix):
            if damage:
                unreadable.append(name)
                continue
            try:
                state = {"name": name, **self.state(name, index, newest["modified"], at)}
                version = state.pop("version", {})
                if version.get("objects"):
                    state["value"] = self.value(name, version)
            except MALFORMED:
                unreadable.append(name)
                continue
            if state.get("certainty") == "proved" and self.public and not self.signed(".ssmbak/index" + name, newest):
                unreadable.append(name)
                state["certainty"] = "last-known"
            states.append(state)
        return {"states": states, "unreadable": unreadable}


def unreadable(body):
    """Why bytes are no value, None if they are one."""
    try:
        body.decode()
    except ValueError:
        return "it is not UTF-8"


def covers(pattern, name):
    """Whether a pattern of names matches: * within a level, ** across levels."""
    def match(p, n):
        if not p:
            return not n
        if p.startswith("**"):
            return any(match(p[2:], n[i:]) for i in range(len(n) + 1))
        if p[0] == "*":
            return any(match(p[1:], n[i:]) for i in range(len(n) + 1) if "/" not in n[:i])
        return bool(n) and p[0] == n[0] and match(p[1:], n[1:])
    return match(pattern if pattern.startswith("/") else "/" + pattern, name)


# --- The timeline (section 5) -------------------------------------------------

class Slot:
    """The time between two versions: [begin, until)."""

    def __init__(self, prev, next_):
        self.prev, self.next = prev, next_
        self.begin = prev["moment"] if prev else -INFINITY
        self.until = next_["moment"] if next_ else INFINITY
        self.proved = prev["moment"] if prev else -INFINITY  # the last moment for which prev is proved
        self.joined, self.ends, self.missed, self.unknown = False, [], [], []

    def consecutive(self):
        return self.joined and self.next["number"] == self.prev["number"] + 1

    def born(self, absent, until):
        """When a life began at the earliest: at its missed creation, or after an absence."""
        begins = [at - 1000 for at, operation in self.missed if operation == "Create" and at + 1000 > absent and at - 1000 < until]
        return max(absent, min(begins)) if begins else absent

    def ended(self, until):
        """Whether by then no fewer deletions than creations were reported (rule 7)."""
        lives = bool(self.prev) + sum(operation == "Create" and at + 1000 <= until for at, operation in self.missed)
        return lives <= sum(not observed and e <= until for _, e, _, observed in self.ends)


class Timeline:
    def __init__(self, facts, created, complete, missed):
        self.facts, self.created, self.missed = facts, created, missed
        versions = [{**v, "moment": max(ms(v["time"]), ms(v.get("since")))} for v in facts.get("versions", [])]
        versions = list({(v["number"], v["time"]): v for v in versions}.values())
        versions.sort(key=lambda v: (v["moment"], v["number"]))
        self.slots = [Slot(a, b) for a, b in zip([None] + versions, versions + [None])]
        self.observe()
        self.place_ends()
        for trace in sorted(facts.get("traces", []), key=lambda t: t["second"]):
            self.touch(trace["second"] * 1000, trace["operation"])
        for slot in self.slots:
            slot.ends.sort(key=lambda e: (e[1] - 1 if e[3] else e[0], -e[1]))
            self.miss(slot)
        last = self.slots[-1]
        if last.prev and not last.ends and not last.unknown:  # a listing observes the last version (rule 3)
            last.proved = max(last.proved, complete)

    def observe(self):
        """Rules 2 and 3."""
        looks = {}
        for o in self.facts.get("looks", []):
            if not o.get("gone"):
                key = (o["newest"]["number"], o["newest"]["time"])
                old = looks.get(key, {"oldest": INFINITY, "sure": 0})
                looks[key] = {"oldest": min(old["oldest"], o["oldest"]), "sure": max(old["sure"], ms(o["sure"]))}
        look = lambda v: looks.get((v["number"], v["time"]))
        oldest = 0
        for slot in reversed(self.slots[1:-1]):
            if (o := look(slot.next)) and (not oldest or o["oldest"] < oldest):
                oldest = o["oldest"]
            slot.joined = bool(oldest) and oldest <= slot.prev["number"] < slot.next["number"]
            oldest = oldest if slot.joined else 0
        for before, slot in zip(self.slots, self.slots[1:]):
            if o := look(slot.prev):
                slot.proved = max(slot.proved, min(o["sure"], slot.until - 1))
            moment, latest = slot.begin, max(slot.begin, ms(slot.prev["time"]) + STEP_BACK - 1)
            slot.current = latest  # from then on, prev certainly was current
            if slot.prev["number"] == 1:
                slot.current = moment
            elif before.consecutive():
                slot.current = min(max(moment, before.current + 1), latest)

    def slot_at(self, at):
        return next(s for s in self.slots if s.until > at)

    def place_ends(self):
        """Rule 4. An end is (from, until, the last moment at which what existed has ended by it, whether it was observed)."""
        for look in self.facts.get("looks", []):
            if look.get("gone"):
                slot, sure, seen = self.slot_at(ms(look["seen"])), ms(look["sure"]), ms(look["seen"])
                if not slot.prev or (sure >= slot.begin and seen > slot.proved):
                    slot.ends.append((slot.proved + 1 if slot.prev else seen, seen + 1, sure, True))
        undecided = []
        for begin in sorted(d["second"] * 1000 for d in self.facts.get("deletions", [])):
            end = (begin, begin + 1000, begin, False)
            touched = [s for s in self.slots if s.until > begin and (not s.prev or s.begin < begin + 999) and not s.joined and s.proved + 1 < begin + 1000]
            if len(touched) == 1:
                touched[0].ends.append(end)
            elif touched:
                undecided.append((end, touched))
        for end, touched in undecided:
            needy = [s for s in touched if s.prev and s.next and s.next["number"] == 1 and all(e[3] for e in s.ends)]
            if len(undecided) == 1 and needy and not self.facts.get("traces"):
                needy[0].ends.append(end)
                continue
            for slot in touched:
                earlier = sorted((e for e in slot.ends if e[1] <= end[0]), key=lambda e: e[1])
                since = max(end[0], slot.proved + 1)
                if earlier or not slot.prev:  # it may have ended a life of which nothing else is known
                    certain = earlier if slot.prev or not earlier or not earlier[0][3] else earlier[1:]
                    since = max([slot.proved + 1] + [alive for _, _, alive, _ in certain])
                slot.unknown.append((since, slot.until))
    def touch(self, second, operation):
        """Rule 7, in its plain case: a missed change may be in any slot that it touches."""
        slots = [s for s in self.slots if s.until > second - 1000 and s.begin < second + 1000 and s.proved + 1 < second + 1000
                 and not s.consecutive() and not (s.joined and operation == "Create")]
        for slot in slots:
            slot.missed.append((second, operation))
            if operation == "Create" and slots == [slot] and slot.prev and all(e[3] or e[0] >= second + 1000 for e in slot.ends):
                slot.ends.append((slot.proved + 1, min(second + 1000, slot.until), slot.proved, True))

    def miss(self, slot):
        for second, _ in slot.missed:
            later = [until for _, until, alive, observed in slot.ends if alive >= second + 999 or not observed and until >= second + 1000 and slot.ended(until)]
            slot.unknown.append((max(second - 1000, slot.proved + 1), min(later + [slot.until])))

    def state(self, at):
        legacy = self.legacy(at)
        if legacy is not None:
            return legacy
        slot = self.slot_at(at)
        kind, certain = self.in_slot(slot, at)
        if any(a <= at < b for a, b in slot.unknown):
            certain = "unknown"
        if kind == "absent" and self.missed and slot.begin <= self.missed and slot.until > self.missed - STALE:  # rule 9
            found = [ms(o["seen"]) for o in self.facts.get("looks", []) if o.get("gone") and ms(o["sure"]) > self.missed + STALE]
            certain = "unknown" if at <= min(found + [INFINITY]) else certain
        if certain == "unknown" or kind == "unknown":
            return {"certainty": "unknown"}
        if kind == "absent":
            return {"deleted": True, "certainty": certain}
        shown = ("number", "user", "type", "keyId", "tier", "dataType", "description", "allowedPattern", "policies")
        state = {k: slot.prev[k] for k in shown if slot.prev.get(k)}
        state.update(attributes.at(self.facts, self.born_at(), at, ms))
        return {**state, "time": ms(slot.prev["time"]), "certainty": certain, "version": slot.prev}

    def born_at(self):
        """The moment of creation if observations show one life from its first version on, and nothing another one; else None."""
        doubtful = any(s.ends or s.unknown or s.missed for s in self.slots) or any(not s.joined for s in self.slots[1:-1])
        first = self.slots[0].next
        return None if doubtful or self.missed or not first or first["number"] != 1 or self.facts.get("originals") else first["moment"]

    def in_slot(self, slot, at):
        """Rules 5, 6 and 8: what was there, and how certain that is."""
        if slot.prev and slot.consecutive():
            return "present", "proved" if at >= slot.current else "last-known"
        if slot.prev and at <= slot.proved:
            return "present", "proved" if at >= slot.current else "last-known"
        if slot.joined:
            return "present", "unknown"
        alive = max([slot.proved + 1] + [e[2] for e in slot.ends])  # the last moment at which it certainly was absent
        if slot.next and slot.next["number"] > 1 and (not slot.prev or slot.ends) and at >= slot.born(alive, slot.until):
            return "absent", "unknown"
        if slot.next and slot.prev and not slot.ends:
            return "present", "unknown"
        if not slot.ends:
            return ("present", "last-known") if slot.prev else self.before(slot, at)
        absent = slot.proved + 1
        for i, (begin, until, certainly, observed) in enumerate(slot.ends):
            if i == 0 and at < until and (slot.prev or not observed or len(slot.ends) == 1):
                if slot.prev:
                    return "present", "unknown" if at >= max(begin, slot.proved + 1) else "last-known"
                return ("absent", "unknown") if not observed and at >= slot.born(-INFINITY, until) else self.before(slot, at)
            if i > 0 and not observed and slot.born(absent, until) <= at < until:
                return "absent", "unknown"
            if i > 0 or slot.prev or not observed:
                absent = max(absent, certainly)
        return ("absent", "last-known") if at >= slot.ends[0][1] else self.before(slot, at)

    def before(self, slot, at):
        """Rule 8: before the first fact."""
        first = not slot.next or slot.next["number"] == 1 or slot.born(-INFINITY, slot.until) != -INFINITY
        return "absent", "last-known" if first and self.created and at >= self.created else "unknown"

    def legacy(self, at):
        """What the Python ssmbak recorded, before any other fact (section 6)."""
        facts = self.facts
        first = [ms(v["time"]) for v in facts.get("versions", [])] + [d["second"] * 1000 for d in facts.get("deletions", [])]
        first += [t["second"] * 1000 - 1000 for t in facts.get("traces", [])] + [ms(o["seen"]) for o in facts.get("looks", []) if o.get("gone")]
        if at >= min(first + [INFINITY]):
            return None
        second = lambda o: ms(o["lastModified"]) // 1000 if o.get("deleted") else o["second"]
        known = [o for o in facts.get("originals", []) if second(o) * 1000 <= at]
        if not known:
            return None
        o = max(known, key=lambda o: (second(o), ms(o["lastModified"]), o.get("sequence", 0)))
        if o.get("deleted"):
            return {"deleted": True, "certainty": "last-known"}
        state = {k: o[k] for k in ("type", "description") if o.get(k)}
        return {**state, "time": second(o) * 1000, "certainty": "last-known", "version": {"objects": [{"id": o["id"]}]}}


def opened(source, key=None):
    """The archive at a URL or in a file, with the public key in another."""
    bucket = S3(source.removeprefix("s3://")) if source.startswith("s3://") else Dump(json.load(open(source, encoding="utf-8")))
    return Archive(bucket, key and open(key, encoding="ascii").read())


def main(source, at, prefix="/", key=None):
    try:
        answer = opened(source, key).at(ms(at), prefix)
    except Damaged as e:
        sys.exit(f"{source}: {e}")
    json.dump(answer, sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
