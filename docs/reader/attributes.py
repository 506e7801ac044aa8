"""Tags and labels of a parameter at a time, for reader.py (docs/archive-format.md, section 5).

An entry is (from, until, values): an observation, or an event, whose second it is. What
is not decided by the plain case of a rule is unknown, and then left out.
"""
INFINITY = 1 << 62


def at(facts, born, when, ms):
    """The proved tags and labels at a time, of a parameter with one known life that began at born. ms reads a time."""
    if born is None:
        return {}
    known = {}
    for kind, proved in (("tags", tags), ("labels", labels)):
        events = [f for f in facts.get(kind, []) if f.get("event")]
        known[kind] = proved(events, list(observed(facts.get(kind, []), kind, ms)), born, when)
    return {kind: values for kind, values in known.items() if values is not None}


def observed(facts, kind, ms):
    """The first and the last observation of the same values (section 3)."""
    for fact in facts:
        if not fact.get("event"):
            yield ms(fact["sure"]), ms(fact["seen"]), fact.get(kind, {})
            if fact.get("lastSeen"):
                yield ms(fact["lastSure"]), ms(fact["lastSeen"]), fact.get(kind, {})


def tags(facts, looks, born, when):
    events = [(f["second"] * 1000, f["second"] * 1000 + 999, f.get("tags", {}), f.get("counter", 0)) for f in facts]
    events.sort(key=lambda e: (e[0], e[3]))
    if any(begin <= when < until or begin < born for begin, until, *_ in events):
        return None
    earlier, later = [e for e in events if e[1] <= when], [e for e in events if e[0] > when]
    if earlier and not any(e[0] > earlier[-1][1] and e[1] <= when for e in looks):  # nothing was seen since the last event
        if any(e[0] <= earlier[-1][1] and e[1] >= earlier[-1][0] and e[2] != earlier[-1][2] for e in looks):
            return None
    last, until = newest([e[:3] for e in earlier] + looks, when), later[0][1] if later else INFINITY
    if last is None:
        return None
    holds = still(last[2], looks, when, until)
    if holds is not None or not later:
        return None if holds is False else last[2]
    counter, shown = (earlier[-1][3], earlier[-1][2]) if earlier else (0, last[2])
    return last[2] if later[0][3] == counter + 1 and (not earlier or counter) and shown == last[2] else None


def labels(facts, looks, born, when):
    """An event says here only that labels may have changed in its second. A new parameter has none."""
    looks = [(born, born, {}), *looks]
    last = newest(looks, when)
    if last is None or any(f["second"] * 1000 + 999 >= last[0] for f in facts):
        return None
    return None if still(last[2], looks, when, INFINITY) is False else last[2]


def newest(entries, when):
    """The last entry that ended by then, None if an overlapping one says something else."""
    earlier = [e for e in entries if e[1] <= when]
    last = max(earlier, key=lambda e: e[1], default=None)
    return None if last is None or any(e[1] >= last[0] and e[2] != last[2] for e in earlier) else last


def still(values, looks, when, until):
    """Whether later observations, up to the next event, prove the values or exclude that; None if they do not say."""
    later = [e for e in looks if e[1] > when]
    others = [e for e in later if e[2] != values]
    if any(when <= e[0] <= until and e[2] == values and all(o[0] > e[1] for o in others) for e in later):
        return True
    return False if any(o[0] <= until for o in others) else None
