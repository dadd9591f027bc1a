#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
"""Compares what spoor said with what is known to be so. Served to tests/lib/truth.sh: a line "NAME DIR SCRIPT" on
stdin runs the Python text in the file SCRIPT on the traces in DIR, and answers "ok|not ok|skip NAME DETAIL"; its own
first line is "ready".

A script sees the functions below and `t`, the trace DIR/NAME.json; its failures are exceptions. One process serves
all checks.
"""
import fnmatch
import json
import os
import re
import sys

import validate_json

VALIDATORS = validate_json.load_validators()


class Wrong(Exception):
    pass


class Few(Wrong):
    """A count that is off by no more than three, or one in a hundred."""


class Skip(Exception):
    pass


def ms(ns):
    return f"{ns / 1e6:.1f} ms"


class Trace:
    """One run: every line is checked."""

    def __init__(self, path):
        self.path = path
        self.op, self.delays, self.calls, self.hits, self.summaries, self.lost, self.cost = [], [], [], [], [], None, None
        with open(path, "rb") as f:
            for number, line in enumerate(f, 1):
                self.add(line, number)
        if not self.lost or not self.cost or not self.summaries or self.summaries[-1]["interval"]:
            raise Wrong(f"{os.path.basename(path)}: the end is missing{self.complaint()}")
        self.sched = self.why = self.summaries[-1]
        self.rows = self.sched.get("rows", [])
        self.out = self.own_output()

    def complaint(self):
        try:
            with open(self.path[:-5] + ".err", encoding="utf-8", errors="replace") as f:
                return ": " + f.read().strip()[:300]
        except OSError:
            return ""

    def add(self, line, number):
        try:
            validate_json.check_line(line, VALIDATORS)
            o = json.loads(line)
        except (validate_json.Offender, ValueError) as e:
            text = line.decode("utf-8", "replace")[:1500].rstrip()
            raise Wrong(f"{os.path.basename(self.path)} line {number}: {e} in {text}") from None
        if o["type"] == "op":
            self.op.append(o)
        elif o["type"] == "delay":
            self.delays.append(o)
        elif o["type"] == "call":
            self.calls.append(o)
        elif o["type"] == "hit":
            self.hits.append(o)
        elif o["type"] in ("summary", "sched", "why", "probes"):
            self.summaries.append(o)
        elif o["type"] in ("lost", "cost"):
            setattr(self, o["type"], o)

    def own_output(self):
        """What the traced program counted itself: JSON in NAME.out."""
        try:
            with open(self.path[:-5] + ".out", encoding="utf-8", errors="replace") as f:
                text = f.read()
            return json.loads(text[text.index("{"):])
        except (OSError, ValueError):
            return {}

    def ops(self, *kinds, comm=None, dev=None, file=None, flag=None, where=None):
        """Operations of these kinds ("fsync"; none: all) that match; file: end of the path."""
        return [o for o in self.op
                if (not kinds or o["op"] in kinds) and (comm is None or o["comm"] == comm)
                and (dev is None or o["dev"] == dev) and (file is None or o["file"].endswith(file))
                and (flag is None or flag in o["flags"]) and (where is None or where(o))]

    def row(self, dev, op=None, rw=None):
        """The row of the summary; of a missing one everything is 0."""
        for r in self.rows:
            if r["dev"] == dev and ((op and r.get("op") == op) or (rw and r.get("rw") == rw)):
                return r
        return {"count": 0, "bytes": 0, "errors": 0, "wall": 0, "waits": [], "stages": [], "parts": {}}

    def tasks(self, *comms, prio=None):
        """Sums of the processes of these names, of one priority or of any."""
        rows = [p for p in self.sched["processes"] if p["comm"] in comms and prio in (None, p["prio"])]
        if not rows:
            raise Wrong(f"no process {comms} among {[p['comm'] for p in self.sched['processes']]}")
        keys = [k for k, v in rows[0].items() if isinstance(v, int)]
        return {k: sum(r[k] for r in rows) for k in keys}

    def threads(self, comm):
        """Of spoor why, those of this name (a pattern)."""
        found = [th for th in self.why["threads"] if fnmatch.fnmatchcase(th["comm"], comm)]
        if not found:
            raise Wrong(f"no thread {comm} among {[th['comm'] for th in self.why['threads']]}")
        return found

    def fields(self, index, *names, comm=None):
        """Of the hits of a probe: these fields of each, or the one."""
        found = [h["fields"] for h in self.hits if h["index"] == index and (comm is None or h["comm"] == comm)]
        return [f[names[0]] if len(names) == 1 else [f[n] for n in names] for f in found]

    def added(self, index):
        """The rows of a probe's aggregation."""
        return [a for a in self.summaries[-1]["aggregates"] if a["index"] == index][0]["rows"]

    def preempted(self, by, comm):
        """Delay of comm that preemptions by `by` began."""
        return sum(p["ns"] for p in self.sched["preemptions"] if p["by"] == by and p["comm"] == comm)

    def rows_of(self, dev, *rws):
        """Count and bytes of the device's rows of these kinds of requests."""
        rows = [self.row(dev, rw=rw) for rw in rws]
        return sum(r["count"] for r in rows), sum(r["bytes"] for r in rows)

    def unseen(self, what):
        return any(what in u["what"] for u in self.cost["unseen"])

    def losses(self):
        return {c["what"] + ": " + c["why"]: c["n"] for c in self.lost["causes"] if c["n"]}


def wall(ops):
    return sum(o["wall"] for o in ops)


def part(ops, *names):
    return sum(o["parts"][n] for o in ops for n in names)


def wait(ops, *reasons):
    """Time in these reasons; none: in all."""
    return sum(w["ns"] for o in ops for w in o["waits"] if not reasons or w["reason"] in reasons)


def stage(ops, name, dev=None):
    """Time in the stage, of one device. A request that several operations share counts once for each."""
    return sum(s["ns"] for o in ops for s in o["stages"] if s["name"] == name and (dev is None or s["dev"] == dev))


def reasons(ops):
    """Reasons (of spoor why, with who ended them), most time first."""
    sums = {}
    for o in ops:
        for w in o["waits"]:
            key = w["reason"] + (" by " + ender(w["by"]) if "by" in w else "")
            sums[key] = sums.get(key, 0) + w["ns"]
    return sorted(sums.items(), key=lambda kv: -kv[1])


def where_it_went(ops):
    total = wall(ops) or 1
    parts = {p: part(ops, p) for p in ops[0]["parts"] if p != "wait"} if ops else {}
    text = [f"{k} {v * 100 / total:.1f}%" for k, v in list(parts.items()) + reasons(ops)[:6] if v]
    return f"{len(ops)} ops, wall {ms(total)}: " + ", ".join(text)


def unknown_stacks(ops):
    stacks = {}
    for o in ops:
        for w in o["waits"]:
            if w["reason"].startswith(UNKNOWN):
                key = o["op"] + ": " + w["reason"] + " < " + " < ".join(w["stack"][:8])
                stacks[key] = stacks.get(key, 0) + w["ns"]
    return "; ".join(f"{ms(ns)} {key}" for key, ns in sorted(stacks.items(), key=lambda kv: -kv[1])[:8])


UNKNOWN = ("unknown", "not itemised")


def unnamed(ops, prefixes=UNKNOWN):
    return sum(w["ns"] for o in ops for w in o["waits"] if w["reason"].startswith(prefixes))


def known(ops, limit=0.01, prefixes=UNKNOWN):
    """Under 1 % of the time without a name ("unknown (function)" is none)."""
    if not ops:
        raise Wrong("no such operation in the trace")
    ns = unnamed(ops, prefixes)
    if ns > limit * wall(ops):
        raise Wrong(f"unknown {ns * 100 / wall(ops):.2f} % of the time: {unknown_stacks(ops)}")
    return f"unknown {ns * 100 / wall(ops):.2f} %"


def holds(ok, what):
    if not ok:
        raise Wrong(what)


def same(found, wanted, what):
    if found != wanted:
        few = isinstance(wanted, int) and isinstance(found, int) and wanted >= 100 and abs(found - wanted) <= max(3, wanted // 100)
        raise (Few if few else Wrong)(f"{what}: spoor says {found}, should be {wanted}")
    return f"{what} {found}"


def at_least(found, injected, what, ops=(), share=0.95):
    """At least 95 % of the injected time under the right name."""
    text = f"{what} {ms(found)} of {ms(injected)} ({found * 100 / (injected or 1):.1f} %)"
    if injected <= 0:
        raise Wrong(f"{what}: nothing was injected")
    if found < share * injected:
        raise Wrong(text + (": " + where_it_went(ops) if ops else ""))
    return text


def close(found, wanted, what, low=0.95, high=1.05, slack=0):
    text = f"{what} {ms(found)}, truth {ms(wanted)} ({found * 100 / (wanted or 1):.1f} %)"
    if not low * wanted - slack <= found <= high * wanted + slack:
        raise Wrong(text)
    return text


def late(found):
    """The kernel reads its clock when it begins to choose the next task, a tracepoint comes when it has: in a VM without KVM
    that is some 50 us later, each time."""
    return 2e6 + (0 if os.environ.get("SPOOR_NATIVE") else 1e5 * found["count"])


def hidden(t):
    """Natively the kernel may hide what happens in the context of a task (docs/kernels.md): such requests and task
    switches are counted. What is lost, if that is all and the requests are not more than one in fifty and one queue
    full; no VM's kernel hides any."""
    causes = {c["what"]: c["n"] for c in t.lost["causes"]}
    n = [causes.get(what, 0) for what in ("requests", "task switches")]
    what, seen = "requests", sum(r["count"] for r in t.rows if "rw" in r)
    most = 128 + seen // 50
    if t.sched["type"] == "sched":
        what, most = "delays", 3 + t.sched["ns"] // 100000000  # 10 a second
        n[0] = t.losses().get("delays: began before tracing, or not shown by the kernel", 0)
    if os.environ.get("SPOOR_NATIVE") and 0 < t.lost["total"] == sum(n) and n[0] <= most:
        return f"hidden by the kernel (docs/kernels.md): {n[0]} {what}, {n[1]} task switches"
    return ""


def process_1_ran(directory, name):
    """The same, when nothing followed from which spoor could tell: an operation whose end was hidden is not counted."""
    if os.environ.get("SPOOR_NATIVE"):
        with open(f"{directory}/{name}.ran0", encoding="ascii") as f, open(f"{directory}/{name}.ran1", encoding="ascii") as g:
            n = int(g.read()) - int(f.read())
        if n:
            return f"perhaps hidden by the kernel (docs/kernels.md), process 1 ran {n} times"
    return ""


def nothing_lost(t):
    if t.lost["total"] and not hidden(t):
        raise Wrong(f"lost {t.losses()}")
    return hidden(t) or "lost 0"


def diskstats(text):
    """name -> reads, read bytes, writes, written bytes, flushes, merges."""
    stats = {}
    for line in text.splitlines():
        f = line.split()
        n = [int(x) for x in f[3:]]
        stats[f[2]] = {"read": n[0], "read_bytes": n[2] * 512, "write": n[4], "write_bytes": n[6] * 512,
                       "flush": n[15] if len(n) > 15 else 0, "merges": n[1] + n[5]}
    return stats


def disk_change(directory, name, dev):
    """What /proc/diskstats counted for dev between NAME.disk0 and NAME.disk1."""
    with open(f"{directory}/{name}.disk0", encoding="utf-8") as f:
        before = diskstats(f.read()).get(dev)
    with open(f"{directory}/{name}.disk1", encoding="utf-8") as f:
        after = diskstats(f.read())[dev]
    return {k: after[k] - (before[k] if before else 0) for k in after}


def as_diskstats(t, d, dev):
    """Requests and bytes agree with /proc/diskstats, to the last one."""
    text = []
    # diskstats counts an empty flush, which a bio asked for, among the writes
    for rws, key in ((("read", "read-ahead"), "read"), (("write", "flush"), "write")):
        count, size = t.rows_of(dev, *rws)
        if (count, size) != (d[key], d[key + "_bytes"]):
            raise Wrong(f"{dev} {key}s: spoor {count} of {size} bytes, diskstats {d[key]} of {d[key + '_bytes']}")
        text.append(f"{key}s {count}")
    return f"{dev} as diskstats ({', '.join(text)})"


def as_fio(t, job, dev, read_op, write_op):
    """Operations and bytes agree with fio's own."""
    text = []
    for op, key in ((read_op, "read"), (write_op, "write")):
        r = t.row(dev, op=op)
        if (r["count"], r["bytes"]) != (job[key]["total_ios"], job[key]["io_bytes"]):
            raise Wrong(f"{job['jobname']} {key}s: spoor {r['count']} of {r['bytes']} bytes, fio "
                        f"{job[key]['total_ios']} of {job[key]['io_bytes']}")
        text.append(f"{key}s {r['count']}")
    return f"{job['jobname']} as fio ({', '.join(text)})"


def ftrace(path, event):
    """Events of that name in a copy of tracefs' trace, with trace_clock mono: (pid, cpu, ns, rest)."""
    line_re = re.compile(r"-(\d+)\s+\[(\d+)\]\s+\S+\s+(\d+)\.(\d{6}): " + event + r":?\s*(.*)")
    found = []
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            m = line_re.search(line)
            if m:
                found.append((int(m[1]), int(m[2]), int(m[3]) * 10**9 + int(m[4]) * 1000, m[5]))
    return found


HARD = "irq_handler|local_timer|reschedule|call_function|call_function_single|irq_work"


def softirqs(path, tid):
    """[(begin, end)] of those that interrupted the thread, without the hard interrupts in them as far as their events were
    switched on. Several follow each other within a microsecond, which is all that ftrace prints: the order of its lines tells
    them apart."""
    begun, within, intervals = None, False, []
    for pid, _, ns, rest in ftrace(path, f"(?=(?:softirq|{HARD})_(?:entry|exit))"):
        if pid != tid:
            continue
        soft, entry = rest.startswith("softirq"), "_entry" in rest.split(":")[0]
        if begun is not None and (not entry if soft else entry):
            intervals.append((begun, ns))
        if soft:
            within = entry
        begun = ns if within and (soft or not entry) else None
    return intervals


def queued_by_ftrace(path, pid, prio=120):
    """Time on the run queue of a thread while it has this priority. Not when it has ended: the rest of its way, which it may have
    to wait on too, is no longer the command's."""
    total, since, ended = 0, {}, set()
    for _, _, ns, rest in ftrace(path, "(?=sched_(?:switch|wakeup|wakeup_new|process_exit):)"):
        if not rest.startswith("sched_switch"):
            who = re.search(r" pid=(\d+)", rest)[1]
            if rest.startswith("sched_process_exit"):
                ended.add(who)
            else:
                since.setdefault(who, ns)
            continue
        before, state, after, priority = re.search(
            r" prev_pid=(\d+) .* prev_state=(\S+) ==> .* next_pid=(\d+) next_prio=(\d+)", rest).groups()
        since.pop(before, None)  # woken while it still ran
        if state.startswith("R"):
            since[before] = ns
        waited = ns - since.pop(after, ns)
        if (after, priority) == (str(pid), str(prio)) and after not in ended:
            total += waited
    return total


def overlap(intervals, ops):
    """Time of the sorted intervals that lies within the operations (of one thread: they follow each other)."""
    total, i = 0, 0
    for o in sorted(ops, key=lambda o: o["t"]):
        begin, end = o["t"], o["t"] + o["wall"]
        while i < len(intervals) and intervals[i][1] <= begin:
            i += 1
        k = i
        while k < len(intervals) and intervals[k][0] < end:
            total += min(end, intervals[k][1]) - max(begin, intervals[k][0])
            k += 1
    return total


# ---- spoor why ----

RUNQ = ("preempted", "woken", "throttled")
ON_CPU = ("user", "kernel", "irq", "softirq")


def ender(by):
    return " ".join(x for x in (by["kind"], by["name"]) if x)


def matches(by, kind, name):
    return (kind is None or by["kind"] == kind) and fnmatch.fnmatchcase(by["name"], name)


def waits(threads, *reasons, kind=None, by="*"):
    """Waits of these reasons (none: of all) that such a one ended; by: a pattern."""
    return [w for th in threads for w in th["waits"] if (not reasons or w["reason"] in reasons) and matches(w["by"], kind, by)]


def waited(threads, *reasons, kind=None, by="*"):
    return sum(w["ns"] for w in waits(threads, *reasons, kind=kind, by=by))


def queued(threads, by="*"):
    """Time on the run queue while such a task had the CPU."""
    return sum(r["ns"] for th in threads for r in th["runq"] if fnmatch.fnmatchcase(r["by"]["name"], by))


def grow(nodes):
    """The trees of a list in pre-order: each node gets those directly below it as "below"."""
    roots, way = [], []
    for n in nodes:
        holds(n["depth"] <= len(way), f"a node of depth {n['depth']} below one of depth {len(way) - 1}")
        del way[n["depth"]:]
        (way[-1]["below"] if way else roots).append(n)
        n["below"] = []
        way.append(n)
    return roots


def told(n):
    return f"{n['kind']} {n['comm']} {n['reason']} by {ender(n['by'])} {ms(n['ns'])}"


def tiles(nodes, t, ns, what, in_time):
    """They add up to ns, those below each of them to it; in time order without a gap."""
    at, size = t, float("inf")
    for n in nodes:
        holds(n["ns"] > 0 and n["count"] > 0, f"{what}: nothing in {told(n)}")
        if in_time:
            holds(n["t"] == at, f"{what}: {told(n)} begins at {n['t']}, the one before ended at {at}")
        else:
            holds(n["t"] == 0 and n["ns"] <= size, f"{what}: not merged, or not the largest first: {told(n)} at {n['t']}")
        at, size = at + n["ns"], n["ns"]
        if n["kind"] == "cpu":
            holds(set(n["parts"]) == set(ON_CPU) and sum(n["parts"].values()) == n["ns"], f"{what}: {told(n)} of {n['parts']}")
        holds(not n["below"] or n["kind"] == "wait" and n["by"]["kind"] == "task", f"{what}: something below {told(n)}")
        if n["below"]:
            tiles(n["below"], n["t"], n["ns"], f"{what}, below {told(n)}", in_time)
    holds(at == t + ns, f"{what}: {len(nodes)} nodes add up to {at - t}, should be {ns}")


def sums_of(nodes, sums, way=()):
    """Count and time of each kind of node in such a place of the tree."""
    for n in nodes:
        key = way + ((n["kind"], n["comm"], n["reason"], n["by"]["kind"], n["by"]["name"]),)
        count, ns = sums.get(key, (0, 0))
        sums[key] = (count + n["count"], ns + n["ns"])
        sums_of(n["below"], sums, key)
    return sums


def leaves(nodes):
    for n in nodes:
        yield from leaves(n["below"]) if n["below"] else [n]


def parts_hold(o, what):
    """Of a thread, or of all."""
    p = o["parts"]
    for found, wanted, which in ((sum(p.values()), o["wall"], "parts"), (sum(w["ns"] for w in o["waits"]), p["wait"], "waits"),
                                 (sum(r["ns"] for r in o["runq"]), sum(p[x] for x in RUNQ), "run queue")):
        holds(found == wanted, f"{what}: {which} add up to {found}, should be {wanted}: {p}")
    holds(len(p) == 9 and min(p.values()) >= 0, f"{what}: {p}")
    for w in o["waits"]:
        holds(0 < w["max"] <= w["ns"] <= w["count"] * w["max"], f"{what}: count, max and time of {w}")
    for key in ("waits", "runq"):
        order = [x["ns"] for x in o[key]]
        holds(order == sorted(order, reverse=True), f"{what}: {key} are not in order")


def summary_holds(w):
    """One object of type "why", also of an interval."""
    parts_hold(w, "all")
    for th in w["threads"]:
        parts_hold(th, f"{th['comm']} {th['tid']}")
    for p in w["parts"]:
        holds(sum(th["parts"][p] for th in w["threads"]) == w["parts"][p], f"{p} of the threads is not that of all")
    order = [sum(th["parts"][p] for p in ON_CPU) for th in w["threads"]]
    holds(order == sorted(order, reverse=True), "threads are not in order")
    for key in ("waits", "runq"):
        sums = [{}, {}]
        for found, things in ((sums[0], w[key]), (sums[1], [x for th in w["threads"] for x in th[key]])):
            for x in things:
                k = (x.get("reason"), x["by"]["kind"], x["by"]["name"])
                found[k] = found.get(k, 0) + x["ns"]
        holds(sums[0] == sums[1], f"{key} of the threads are not those of all: {set(sums[0].items()) ^ set(sums[1].items())}")


def path_holds(path, t, ns, what, in_time):
    path["tree"] = grow(path["nodes"])
    tiles(path["tree"], t, ns, what, in_time)
    return sums_of(path["tree"], {})


def paths_hold(t):
    """The paths tile; the merged one says what the others do."""
    w, single = t.why, {}
    for c in t.calls:
        holds(sum(c["parts"].values()) == c["wall"], f"a call's parts add up to {sum(c['parts'].values())}, not {c['wall']}")
        path = {"nodes": c["path"]}
        for key, (count, ns) in path_holds(path, c["t"], c["wall"], f"call of {c['comm']}", True).items():
            before = single.get(key, (0, 0))
            single[key] = (before[0] + count, before[1] + ns)
        c["tree"] = path["tree"]
    holds(w["path"] or not w["threads"], "no path")
    merged = path_holds(w["path"], 0, w["path"]["ns"], "path", False)
    if w["chain"]:
        single = path_holds(w["chain"], w["chain"]["t"], w["chain"]["ns"], "chain", True)
        as_thread(w)
    if not w["path"]["cut"] and (not w["chain"] or not w["chain"]["cut"]):
        odd = set(merged.items()) ^ set(single.items())
        holds(not odd, f"merged it is not the same: {sorted(odd, key=lambda kv: len(kv[0]))[:4]}")


def as_thread(w):
    """The chain's own level is the thread that it follows."""
    mine = [th for th in w["threads"] if th["tid"] == w["chain"]["tid"]]
    # one that executed a program within has had its number from another since
    holds(mine and len({th["pid"] for th in mine}) == 1, f"{len(mine)} threads {w['chain']['tid']} of the path")
    p = {x: part(mine, x) for x in mine[0]["parts"]}
    mine.sort(key=lambda th: th["t"])
    p["unknown"] += sum(b["t"] - a["t"] - a["wall"] for a, b in zip(mine, mine[1:])) # nobody had it
    for kind, names in (("cpu", ON_CPU), ("runq", RUNQ), ("wait", ("wait",)), ("unknown", ("unknown",))):
        found = sum(n["ns"] for n in w["chain"]["tree"] if n["kind"] == kind)
        close(found, sum(p[x] for x in names), f"{kind} of {mine[0]['comm']} in the path, and in the threads", 0.98, 1.02, 5e6)


def why_holds(t, unknown=0.01):
    """All that must hold whatever was traced."""
    w = t.why
    for s in t.summaries:
        summary_holds(s)
    for th in w["threads"]:
        holds(w["t"] <= th["t"] and th["t"] + th["wall"] <= w["t"] + w["ns"], f"{th['comm']} {th['tid']} is outside of the window")
    tids = [(th["tid"], th["t"]) for th in w["threads"]] # a number may be another's later
    holds(len(tids) == len(set(tids)), "a thread is there twice")
    paths_hold(t)
    unseen = [n for n in leaves(w["path"]["tree"]) if n["kind"] == "unknown"]
    lost = sum(n["ns"] for n in unseen)
    nameless = sum(x["ns"] for x in w["waits"] if x["reason"].startswith(UNKNOWN) or x["by"]["kind"] == "unknown")
    for ns, total, what in ((w["parts"]["unknown"], w["wall"], "time"), (lost, w["path"]["ns"], "path"),
                            (nameless, w["wall"], "waits")):
        holds(ns <= unknown * total, f"unknown {ns * 100 / (total or 1):.2f} % of the {what}: {unknown_waits(w)}"
              + "; ".join(told(n) for n in unseen[:5]))
    return f"unknown {lost * 100 / (w['path']['ns'] or 1):.2f} % of the path, {nothing_lost(t)}"


def unknown_waits(w):
    found = [x for x in w["waits"] if x["reason"].startswith(UNKNOWN) or x["by"]["kind"] == "unknown"]
    return "".join(f"{ms(x['ns'])} {x['reason']} by {ender(x['by'])} < {' < '.join(x['stack'][:8])}; " for x in found[:5])


# Steps of a way down a path: which nodes.
def is_wait(reason, kind, by="*"):
    return lambda n: n["kind"] == "wait" and reason in (None, n["reason"]) and matches(n["by"], kind, by)


def is_cpu(comm):
    return lambda n: n["kind"] == "cpu" and fnmatch.fnmatchcase(n["comm"], comm)


def is_runq(reason, by="*"):
    return lambda n: n["kind"] == "runq" and reason in (None, n["reason"]) and matches(n["by"], None, by)


def along(nodes, step, *steps):
    """Time of the nodes to which these steps lead, each a level deeper."""
    found = [n for n in nodes if step(n)]
    return sum(along(n["below"], *steps) if steps else n["ns"] for n in found)


def below(nodes, step):
    """Time of such nodes with nothing below them, however deep."""
    return sum(n["ns"] for n in leaves(nodes) if step(n))


def drawn(path, lines=12):
    return "; ".join("> " * n["depth"] + told(n) for n in path["nodes"][:lines])


def on_path(t, injected, what, *steps, share=0.95):
    """At least 95 % of the injected time at the end of these steps down the path."""
    return in_path(t, along(t.why["path"]["tree"], *steps), injected, what, share)


def in_path(t, found, injected, what, share=0.95):
    try:
        return at_least(found, injected, what + " in the path", share=share)
    except Wrong as e:
        raise Wrong(f"{e}: {drawn(t.why['path'])}") from None


def answer(name, directory, script):
    notes = []

    def note(*texts):
        notes.extend(str(x) for x in texts)

    def skip(why):
        raise Skip(why)

    space = dict(globals(), note=note, skip=skip, dir=directory, name=name, load=lambda n: Trace(f"{directory}/{n}.json"),
                 text=lambda n: open(f"{directory}/{n}", encoding="utf-8", errors="replace").read())
    try:
        with open(script, encoding="utf-8") as f:
            code = compile(f.read(), name, "exec")
        if os.path.exists(f"{directory}/{name}.json"):
            space["t"] = Trace(f"{directory}/{name}.json")
        exec(code, space)  # our own scripts
    except Skip as e:
        return f"skip {name} {e}"
    except Wrong as e:
        t = space.get("t")
        why = t and (hidden(t) or isinstance(e, Few) and process_1_ran(directory, name))
        if why:  # truth.sh tries again
            return f"skip {name} {why}; {e}"
        if t and t.lost["total"]:
            notes.append(f"lost {t.losses()}")
        return f"not ok {name} {e}" + (" | " + ", ".join(notes) if notes else "")
    except Exception as e:  # a broken check is a failed one
        line = e.__traceback__
        while line.tb_next:
            line = line.tb_next
        return f"not ok {name} {type(e).__name__}: {e} (line {line.tb_lineno} of {line.tb_frame.f_code.co_filename})"
    return f"ok {name} " + ", ".join(notes)


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        print(answer(*line.split()).replace("\n", " "), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
