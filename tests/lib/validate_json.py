#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
"""Checks `spoor --json` on stdin: every line against docs/format.schema.json, and the sums of docs/format.md.

Prints "N objects, N ops"; on the first offender prints it and exits with 1. With --partial the stream may lack
its end (spoor was killed, or piped through head): the final "lost" and "cost" are not asked for.
"""
import json
import os
import sys

import jsonschema

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "format.schema.json")


class Offender(Exception):
    pass


def check(ok, what):
    if not ok:
        raise Offender(what)


def load_validators():
    """One validator a type, so that an error names the member instead of 'not valid under any of'."""
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft7Validator.check_schema(schema)
    types = [alternative["$ref"].rsplit("/", 1)[1] for alternative in schema["oneOf"]]
    return {t: jsonschema.Draft7Validator({"$ref": "#/definitions/" + t, "definitions": schema["definitions"]})
            for t in types}


def refuse_double(pairs):
    members = dict(pairs)
    check(len(members) == len(pairs), "a member twice: " + ", ".join(k for k, _ in pairs))
    return members


def refuse_constant(name):
    raise Offender(name + " is not JSON")


def check_parts(o):
    total = sum(o["parts"].values())
    check(total == o["wall"], f"parts add up to {total}, wall is {o['wall']}")
    waits = sum(w["ns"] for w in o["waits"])
    check(waits == o["parts"]["wait"], f"waits add up to {waits}, parts.wait is {o['parts']['wait']}")
    check(o["runq_preempted"] <= o["parts"]["runq"],
          f"runq_preempted {o['runq_preempted']} is more than parts.runq {o['parts']['runq']}")


def check_stages(op):
    """One request's stages follow each other; none is its own parent. (A parent may have had no room.)"""
    ends = {}
    for s in sorted(op["stages"], key=lambda s: (s["request"], s["t"], s["ns"])):
        check(s["parent"] != s["request"], f"request {s['request']} is its own parent")
        check(s["t"] >= ends.get(s["request"], 0), f"request {s['request']}: stage '{s['name']}' overlaps the one before")
        ends[s["request"]] = s["t"] + s["ns"]


def check_op(op):
    check_parts(op)
    check_stages(op)
    check("cache_hit" not in op["flags"] or not op["stages"], "a cache hit with block stages")


def check_row(row, final):
    if row["row"] == "op":
        check_parts(row)
    else:
        total = sum(s["ns"] for s in row["stages"])
        check(total == row["wall"], f"stages add up to {total}, wall is {row['wall']}")
    lower = [b[0] for b in row["hist"]]
    check(lower == sorted(set(lower)), "hist is not in order")
    counted = sum(b[1] for b in row["hist"])
    check(not final or counted == row["count"], f"hist adds up to {counted}, count is {row['count']}")
    check(row["errors"] <= row["count"], f"{row['errors']} errors of {row['count']}")
    if row["count"]:
        order = [row[k] for k in ("p50", "p90", "p99", "p999", "max")]
        check(order == sorted(order), f"percentiles out of order: {order}")
        check(row["min"] <= row["mean"] <= row["max"], "mean is not between min and max")


def check_summary(s):
    order = [r["row"] for r in s["rows"]]
    check(order == sorted(order, key=["op", "device"].index), "operations come first, then devices")
    for i, row in enumerate(s["rows"]):
        try:
            check_row(row, not s["interval"])
        except Offender as e:
            raise Offender(f"rows[{i}] ({row['dev']} {row.get('op', row.get('rw'))}): {e}") from None


def check_probes(p):
    for a in p["aggregates"]:
        for r in a["rows"]:
            check(r["count"] > 0, f"a row of {a['probe']} without hits")
            check(("sum" in r) == (a["fn"] != "count"), f"{a['fn']} of {a['probe']}: sum")
            check(("buckets" in r) == (a["fn"] in ("hist", "linear")), f"{a['fn']} of {a['probe']}: buckets")
            if "sum" in r:
                check(r["min"] <= r["max"], f"{a['probe']}: min {r['min']}, max {r['max']}")
                check(r["min"] * r["count"] <= r["sum"] <= r["max"] * r["count"], f"{a['probe']}: sum {r['sum']} of {r['count']}")
            if "buckets" in r:
                check(sum(r["buckets"]) == r["count"], f"{a['probe']}: buckets add up to {sum(r['buckets'])}, count {r['count']}")
                check(len(a["bounds"]) == len(r["buckets"]) + 1, f"{a['probe']}: {len(a['bounds'])} bounds")
                check(a["bounds"] == sorted(set(a["bounds"])), f"{a['probe']}: bounds do not rise")


def check_lost(lost):
    total = sum(c["n"] for c in lost["causes"])
    check(total == lost["total"], f"causes add up to {total}, total is {lost['total']}")


def check_delay(d):
    total = sum(r["ns"] for r in d["ran"]) + d["rest"]
    check(total == d["ns"], f"ran and rest add up to {total}, ns is {d['ns']}")
    check(sum(r["stretches"] for r in d["ran"]) <= d["stretches"], "more stretches than there were")


def check_delays(d, final):
    lower = [b[0] for b in d["hist"]]
    check(lower == sorted(set(lower)), "hist is not in order")
    if not final:  # counts are read while they grow
        return
    counted = sum(b[1] for b in d["hist"])
    check(counted == d["count"], f"hist adds up to {counted}, count is {d['count']}")
    check(d["preempted"] + d["woken"] == d["count"], "preempted and woken do not add up to count")
    check(d["preempted_ns"] + d["woken_ns"] == d["ns"], "preempted_ns and woken_ns do not add up to ns")
    order = [d[k] for k in ("p50", "p90", "p99", "p999", "max")]
    check(order == sorted(order), f"percentiles out of order: {order}")


def check_sched(s):
    for c in s["cpus"]:
        total = sum(c["parts"].values())
        check(total == s["ns"], f"CPU {c['cpu']}: parts add up to {total}, the window is {s['ns']}")
        total = sum(i["ns"] for i in c["idle"])
        check(total == c["parts"]["idle"], f"CPU {c['cpu']}: idle states add up to {total}, not {c['parts']['idle']}")
    for kind in ("cpus", "processes", "cgroups"):
        for i, d in enumerate(s[kind]):
            try:
                check_delays(d, not s["interval"])
            except Offender as e:
                raise Offender(f"{kind}[{i}]: {e}") from None
        for key in ("count", "ns", "migrations", "ran"):
            total, wanted = (sum(d[key] for d in s[k]) for k in (kind, "cpus"))
            check(s["interval"] or total == wanted, f"{key} of {kind} adds up to {total}, of cpus to {wanted}")


def check_by(by):
    """A task has an id, and nothing else has; nobody has no name either."""
    check(bool(by["tid"]) == (by["kind"] == "task") and (by["tid"] or not by["pid"]), f"not the ids of a '{by['kind']}': {by}")
    check(by["kind"] or not by["name"], f"nobody has a name: {by}")


def check_node(n):
    check(n.get("before", 0) <= n["count"], f"before {n.get('before')} of {n['count']} waits")
    check_by(n["by"])
    check(n["count"] > 0 and n["ns"] > 0, "a node of nothing")
    if n["kind"] == "cpu":
        total = sum(n["parts"].values())
        check(total == n["ns"], f"parts add up to {total}, ns is {n['ns']}")
    check(n["kind"] in ("wait", "runq") or not n["by"]["kind"], f"somebody ended what is neither wait nor run queue: {n['by']}")


def check_level(nodes, i, depth, parent, merged):
    """Nodes from i on, at this depth and below, tile `parent` (t, ns) exactly; returns the index behind them."""
    t, total, last = parent["t"], 0, None
    while i < len(nodes) and nodes[i]["depth"] >= depth:
        n = nodes[i]
        check(n["depth"] == depth, f"nodes[{i}]: depth {n['depth']} right below depth {depth - 1}")
        check_node(n)
        if merged:
            check(n["t"] == 0 and (last is None or n["ns"] <= last), f"nodes[{i}]: merged, with a time or not the largest first")
        else:
            check(n["t"] == t, f"nodes[{i}]: begins at {n['t']}, the one before ended at {t}")
            check(n["count"] == 1, f"nodes[{i}]: not merged, but {n['count']} of them")
        t, total, last, i = t + n["ns"], total + n["ns"], n["ns"], i + 1
        if i < len(nodes) and nodes[i]["depth"] > depth:
            check(n["kind"] == "wait" and n["by"]["kind"] == "task", f"nodes[{i - 1}]: only what a task ended is taken apart")
            i = check_level(nodes, i, depth + 1, n, merged)
    check(total == parent["ns"], f"at depth {depth} before nodes[{i}]: {total} ns, the whole is {parent['ns']}")
    return i


def check_path(path, merged):
    check_level(path["nodes"], 0, 0, path, merged)
    if not merged:
        for n in path["nodes"]:
            check(n["depth"] or n["tid"] == path["tid"], "a node of another thread at depth 0")


def check_why_parts(o, what):
    total = sum(o["parts"].values())
    check(total == o["wall"], f"{what}: parts add up to {total}, wall is {o['wall']}")


def check_call(c):
    check_why_parts(c, c["call"])
    check_path({"t": c["t"], "ns": c["wall"], "pid": c["pid"], "tid": c["tid"], "nodes": c["path"]}, False)


def check_mean(s):
    check(s["count"] > 0 and s["max"] <= s["ns"] <= s["count"] * s["max"], f"count, ns and max of {s} cannot be")


def check_why_sums(o, what):
    """The waits and the run queue of a thread, or of all."""
    check_why_parts(o, what)
    parts = o["parts"]
    for key, wanted in (("waits", parts["wait"]), ("runq", parts["preempted"] + parts["woken"] + parts["throttled"])):
        ns = [s["ns"] for s in o[key]]
        check(sum(ns) == wanted, f"{what}: {key} add up to {sum(ns)}, the parts are {wanted}")
        check(ns == sorted(ns, reverse=True), f"{what}: {key} are not the largest first")
        for s in o[key]:
            check_by(s["by"])
            check(s["count"] > 0, f"{what}: {key} that were none")
    for w in o["waits"]:
        check(w["before"] <= w["count"], f"before {w['before']} of {w['count']} waits")
        check_mean(w)
        check(w["owner_tid"] or not (w["owner_pid"] or w["owner"]), f"{what}: an owner without an id: {w}")
        check(w["lock"] or not w["owner_tid"], f"{what}: an owner of no lock: {w}")
        check(w["lock"] or not w["lock_name"], f"{what}: a name of no lock: {w}")
        check(w["owner_tid"] or not w["owner_stack"], f"{what}: a stack of no owner: {w}")
        check(w["before"] <= w["count"], f"{what}: more waits that began before than there were: {w}")


def on_cpu(thread):
    return sum(thread["parts"][p] for p in ("user", "kernel", "irq", "softirq"))


def check_threads(why):
    for t in why["threads"]:
        what = f"thread {t['tid']}"
        check_why_sums(t, what)
        before = sum(w["before"] for w in t["waits"])
        check(before <= t["before"], f"{what}: {before} waits that began before it was there")
        check(why["interval"] or why["t"] <= t["t"] and t["t"] + t["wall"] <= why["t"] + why["ns"], f"{what}: it lives outside of the window")
    for key in ("wall", *(("parts", p) for p in why["parts"])):
        get = (lambda o, k=key: o[k]) if isinstance(key, str) else (lambda o, k=key: o[k[0]][k[1]])
        total = sum(get(t) for t in why["threads"])
        check(total == get(why), f"{key} of all threads adds up to {total}, not {get(why)}")
    for key in ("waits", "runq"):
        total, wanted = sum(s["count"] for t in why["threads"] for s in t[key]), sum(s["count"] for s in why[key])
        check(total == wanted, f"count of the {key} of all threads adds up to {total}, not {wanted}")
    total, wanted = sum(s["before"] for t in why["threads"] for s in t["waits"]), sum(s["before"] for s in why["waits"])
    check(total == wanted, f"waits of all threads that began before add up to {total}, not {wanted}")
    order = [on_cpu(t) for t in why["threads"]]
    check(order == sorted(order, reverse=True), "threads are not in the order of their CPU time")
    ids = [(t["tid"], t["t"]) for t in why["threads"]]
    check(len(set(ids)) == len(ids), "a thread twice")


def check_why(why):
    check_why_sums(why, "all")
    check_threads(why)
    for s in why["syscalls"]:
        check_mean(s)
        check(s["cpu"] <= s["ns"], f"{s['call']}: more CPU time than it took")
    order = [s["cpu"] for s in why["syscalls"]]
    check(order == sorted(order, reverse=True), "system calls are not in the order of their CPU time")
    check(why["slow"] <= why["calls"], "more slow calls than calls")
    check(why["call"] or not why["calls"], "calls of nothing")
    for key in ("path", "chain"):
        if why[key]:
            try:
                check_path(why[key], key == "path")
            except Offender as e:
                raise Offender(f"{key}: {e}") from None
    check(not why["chain"] or (not why["call"] and why["path"]), "a chain beside --call, or without a path")
    for key in ("t", "ns", "pid", "tid", "comm") if why["chain"] else ():
        check(why["chain"][key] == why["path"][key], f"{key} of path and of chain differ")


RULES = {"op": check_op, "summary": check_summary, "delay": check_delay, "sched": check_sched, "call": check_call,
         "why": check_why, "probes": check_probes, "lost": check_lost}


def check_line(line, validators):
    text = line.decode("utf-8")
    check(text.endswith("\n"), "the last line is cut off")
    o = json.loads(text, object_pairs_hook=refuse_double, parse_constant=refuse_constant)
    check(isinstance(o, dict) and o.get("type") in validators, "no such type")
    error = jsonschema.exceptions.best_match(validators[o["type"]].iter_errors(o))
    if error:
        raise Offender("/".join(["", *map(str, error.absolute_path)]) + ": " + error.message)
    RULES.get(o["type"], lambda _: None)(o)
    return o["type"]


def check_stream(stream, partial):
    validators = load_validators()
    counts = dict.fromkeys(validators, 0)
    number, line = 0, b""
    try:
        for number, line in enumerate(stream, 1):
            kind = check_line(line, validators)
            check((kind == "format") == (number == 1), "'format' is the first line, and only that")
            counts[kind] += 1
        line = b""
        check(number > 0, "nothing came")
        check(partial or (counts["lost"] and counts["cost"]), "the end is missing: no 'lost' or no 'cost'")
    except (Offender, ValueError) as e:
        print(f"line {number}: {e}\n{line[:2000].decode('utf-8', 'replace').rstrip()}".rstrip())
        return 1
    print(f"{number} objects, {counts['op']} ops")
    return 0


def main():
    if sys.argv[1:] not in ([], ["--partial"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    return check_stream(sys.stdin.buffer, "--partial" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
