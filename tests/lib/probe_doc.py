#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the examples of docs/probe-language.md.

usage: tests/lib/probe_doc.py SPOOR PAGE [PATTERN]      PATTERN: only examples whose command has it

A fenced block whose first word is "probe" or "error": the line that begins with "$ " is the command, the others are in
its output (of "error": in its messages, and it fails), in that order; "..." stands for anything within a line. Further words:
function: the kernel must let its functions be probed; bpf: the ftrace back end cannot do it; ftrace: only it can; show: nothing is run, nothing
is needed; x86_64: registers of that machine. Prints "ok|not ok|skip WHAT" a line.
"""
import os
import platform
import re
import shlex
import subprocess
import sys

SLOW = 8 if os.environ.get("SPOOR_VM") else 1


def examples(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for m in re.finditer(r"^```(probe|error)([^\n]*)\n\$ ([^\n]*)\n(.*?)^```$", text, re.M | re.S):
        yield m[1], m[2].split(), m[3], m[4].splitlines()


def pattern(line):
    return re.compile(".*?".join(re.escape(part) for part in re.split(r"\s*\.\.\.\s*", line.rstrip())))


def missing(lines, output):
    """The first of the lines that the output does not have, after the one before it."""
    rest = iter(output)
    for line in lines:
        if not any(pattern(line).search(got) for got in rest):
            return line
    return None


def run(spoor, command, extra=()):
    words = shlex.split(command)
    words[0:2] = [spoor, "probe", *extra]
    return subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=20 * SLOW, stdin=subprocess.DEVNULL)


def check(spoor, kind, command, lines, extra=()):
    """What is wrong, or None."""
    try:
        r = run(spoor, command, extra)
    except subprocess.TimeoutExpired:
        return "it does not end"
    if (r.returncode != 0) != (kind == "error"):
        return f"exit status {r.returncode}\n{r.stdout[-1500:]}{r.stderr[-1500:]}"
    want = missing(lines, (r.stderr if kind == "error" else r.stdout).splitlines())
    return None if want is None else f"no line like: {want}\n{r.stdout[-1500:]}{r.stderr[-1500:]}"


def leftovers():
    found = []
    for name in ("kprobe_events", "uprobe_events"):
        try:
            with open("/sys/kernel/tracing/" + name, encoding="utf-8") as f:
                found += [line.strip() for line in f if "spoor_" in line]
        except OSError:
            pass
    try:
        found += [d for d in os.listdir("/sys/kernel/tracing/instances") if d.startswith("spoor_")]
    except OSError:
        pass
    return found


def functions(spoor):
    """None, or why this kernel's functions cannot be probed."""
    r = subprocess.run([spoor, "probe", "-q", "p vfs_read", "--", "/bin/true"], capture_output=True, text=True)
    return None if r.returncode == 0 else r.stderr.splitlines()[0] if r.stderr else f"exit status {r.returncode}"


def main():
    spoor, page, only = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""
    why_not, failed, any_left = functions(spoor), False, False
    for kind, words, command, lines in examples(page):
        if only not in command:
            continue
        if "function" in words and "show" not in words and kind != "error" and why_not:
            print(f"skip {command} # {why_not}")
            continue
        if "x86_64" in words and platform.machine() != "x86_64":
            print(f"skip {command} # registers of another machine")
            continue
        ways = [()] if kind == "error" or "bpf" in words or "show" in words else [(), ("--backend", "ftrace")]
        ways = ways[1:] if "ftrace" in words else ways
        for extra in ways:
            wrong = check(spoor, kind, command, lines, extra)
            failed |= wrong is not None
            print(f"{'ok' if wrong is None else 'not ok'} {' '.join(extra)}{' ' if extra else ''}{command}")
            if wrong:
                print("  " + wrong.replace("\n", "\n  "))
    any_left = leftovers()
    print(f"{'not ok' if any_left else 'ok'} nothing stays in tracefs {' '.join(any_left)}")
    return failed or bool(any_left)


if __name__ == "__main__":
    sys.exit(main())
