#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# The examples of docs/format.md and what the renderer makes of test_view.c's run are what the page promises, and the validator
# notices what is not: each number and each name of the objects of spoor why made wrong in turn.
# usage: tests/unit/check_format.sh   (from the top of the tree)
set -u
exec "${PYTHON:-python3}" - <<'END'
import copy, json, re, sys
sys.path.insert(0, "tests/lib")
import validate_json

VALIDATORS = validate_json.load_validators()
# Numbers that may be one more, for nothing else on the line says them too.
FREE = {"t", "pid", "tid", "owner_pid", "owner_tid", "cut", "ret", "calls", "slow", "count", "max", "cpu", "before"}


def refused(o):
    try:
        validate_json.check_line(json.dumps(o).encode() + b"\n", VALIDATORS)
    except (validate_json.Offender, ValueError) as e:
        return str(e)
    return ""


def spots(o, path=()):
    """Where a number or a string is."""
    for k, v in o.items() if isinstance(o, dict) else enumerate(o):
        if isinstance(v, (dict, list)):
            yield from spots(v, (*path, k))
        else:
            yield (*path, k)


def spoiled(o):
    """(what, object) with one thing wrong: a member gone, or a number too large by 1."""
    for path in spots(o):
        new = copy.deepcopy(o)
        at = new
        for k in path[:-1]:
            at = at[k]
        key = path[-1]
        if isinstance(at, dict):
            value = at.pop(key)
            yield f"{path} gone", new
            free = key in FREE or (key == "before" and {"path", "chain"} & set(path)) # of a node
            if isinstance(value, int) and not isinstance(value, bool) and not free and path != ("ns",):
                new = copy.deepcopy(new)
                at = new
                for k in path[:-1]:
                    at = at[k]
                at[key] = value + 1
                yield f"{path} is {value + 1}", new


failed = 0


def expect(ok, what):
    global failed
    failed += not ok
    if not ok:
        print("not ok", what)


with open("docs/format.md", encoding="utf-8") as f:
    examples = [json.loads(e) for e in re.findall(r"```json\n(.*?)\n```", f.read(), re.S)]
with open("tests/golden/why-json.txt", encoding="utf-8") as f:
    printed = [json.loads(line) for line in f]
for o in examples + printed:
    expect(not refused(o), f"'{o['type']}' of {'the page' if o in examples else 'the renderer'}: {refused(o)}")
expect({o["type"] for o in examples} == set(VALIDATORS), "an example of each object on the page")
tried = 0
for o in examples:
    if o["type"] in ("call", "why"):
        for what, wrong in spoiled(o):
            tried += 1
            expect(refused(wrong), f"'{o['type']}' with {what} is refused")
expect(tried > 200, "enough is tried")
print(f"ok {len(examples) + len(printed)} objects are right, {tried} wrong ones refused" if not failed else f"# {failed} failed")
sys.exit(failed > 0)
END
