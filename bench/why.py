# SPDX-License-Identifier: GPL-2.0
"""The rows of spoor why: what it costs a command that it follows, and the rest of the machine, next to perf and bpftrace."""
import mmap
import os
import re
import struct
import subprocess
import time

import machine as mc
from report import Table, count, median, spread, verdict

HERE = os.path.dirname(os.path.abspath(__file__))
MB = 1e6
# Goals, from the plan of the product.
SLOWER, SWITCH_NS, RATE = 3.0, 60.0, 500_000
# Of why's programs, those that a switch of a task which is not traced calls for being a switch.
SWITCH_PROGRAMS = {"why_switch", "why_waking"}
EMPTY = ["empty_sched_switch", "empty_sched_waking"]
PERF_LOST, PERF_LOST_SAMPLES = 2, 13


class Workload:
    """A job of n rounds. own: it prints its seconds, otherwise they are taken from outside."""
    def __init__(self, title, argv, n, own=False):
        self.title, self.argv, self.n, self.own = title, argv, n, own


class Tool:
    """What runs with the workload: argv(bench) before its command when it starts that (wraps), or beside it."""
    def __init__(self, title, argv=None, wraps=False, goal=None):
        self.title, self.argv, self.wraps, self.goal = title, argv, wraps, goal
        self.failed = [] # messages, of the workload under way


class Run:
    """One run of a workload, and what its tracer did."""
    def __init__(self, seconds, ns, switches):
        self.seconds, self.ns, self.switches = seconds, ns, switches
        self.before = self.after = self.peak = self.kernel = self.data = 0
        self.lost, self.records, self.causes = None, 0, {}

    @property
    def rate(self):
        return self.switches * 1e9 / self.ns

    @property
    def slower(self):
        """Per cent, against the runs without any tracer before and after."""
        return 100 * (self.seconds / ((self.before + self.after) / 2) - 1)


def perf_lost(path):
    """What a perf.data lost: in the records of the ring buffer, or what perf read from the counters at the end,
    which is the same thing told twice."""
    head, lost = struct.Struct("<IHH"), {PERF_LOST: 0, PERF_LOST_SAMPLES: 0}
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
        at, size = struct.unpack_from("<QQ", m, 40)
        end = at + size
        while at + head.size <= end:
            kind, _, size = head.unpack_from(m, at)
            if size < head.size:
                raise mc.Failed(f"{path}: a record of {size} bytes")
            if kind in lost:
                lost[kind] += struct.unpack_from("<Q", m, at + head.size + (8 if kind == PERF_LOST else 0))[0]
            at += size
    return max(lost.values())


def mapped(pid, name):
    """Bytes that the process has mapped of files of this name."""
    areas = re.findall(rf"^(\w+)-(\w+) .* {re.escape(name)}$", mc.read(f"/proc/{pid}/maps"), re.M)
    return sum(int(b, 16) - int(a, 16) for a, b in areas)


def bpf_map_bytes(pid):
    text = "".join(mc.read(e.path) for e in os.scandir(f"/proc/{pid}/fdinfo"))
    return sum(int(x) for x in re.findall(r"^memlock:\s*(\d+)", text, re.M))


def error_of(text):
    """The line of a tool's output that says why it failed."""
    hung = re.search(r"did not end within \d+ seconds", str(text))
    if hung:
        return hung[0]
    lines = [x.strip() for x in str(text).splitlines() if x.strip()]
    telling = [x for x in lines if re.search(r"error|fail", x, re.I) and "RLIMIT_MEMLOCK" not in x]
    return (telling or lines or ["no message"])[-1][:200].replace("|", "/")


class Bench:
    def __init__(self, opts, machine, out, root):
        self.o, self.m, self.root = opts, machine, root
        self.others = len(mc.bpf_names())
        self.seconds, self.cores = opts.why_seconds, os.cpu_count()
        self.spoor, self.helper = os.path.join(out, "spoor"), os.path.join(out, "bench", "helper")
        machine.helper, machine.empty_object = self.helper, os.path.join(out, "bench", "empty.bpf.o")
        for path in self.spoor, self.helper, machine.empty_object:
            if not os.path.exists(path):
                raise mc.Failed(f"there is no {path}: use make bench")
        self.programs = {x: mc.tool(x) for x in ("perf", "stress-ng", "bpftrace", "gcc")}
        for name in "perf", "stress-ng", "gcc":
            if not self.programs[name]:
                machine.missing(name)
        self.notes = []
        self.idle = machine.start(["sleep", "infinity"], stdin=subprocess.DEVNULL).pid
        self.result, self.out = f"{machine.dir}/workload", f"{machine.dir}/tracer"

    def say(self, text):
        print(f"{time.monotonic() - self.o.t0:5.0f}s  {text.replace('`', '')}", flush=True)

    # ---- what runs ----

    def workloads(self):
        perf, stress, gcc = (self.programs[x] for x in ("perf", "stress-ng", "gcc"))
        source = f"{self.m.dir}/table.i"
        mc.run(gcc, "-E", "-P", "-std=gnu11", "-D_GNU_SOURCE", "-include", "string.h",
               *(f"-I{self.root}/{x}" for x in ("include", "src", "bpf")), f"{self.root}/src/view/table.c", "-o", source)
        jobs = f'seq "$1" | xargs -P {self.cores} -I % {gcc} -O2 -w -fpreprocessed -S -o /dev/null {source}'
        switch = Workload("`stress-ng --switch`", lambda n: [stress, "--quiet", "--switch", str(self.cores),
                                                             "--switch-ops", str(n)], 50000)
        return switch, [
            Workload("`perf bench sched pipe`", lambda n: [perf, "bench", "-f", "simple", "sched", "pipe", "-l", str(n)],
                     10000, own=True),
            Workload("`perf bench sched messaging`", lambda n: [perf, "bench", "-f", "simple", "sched", "messaging",
                                                               "-l", str(n)], 10, own=True),
            switch,
            Workload("a compile job", lambda n: ["sh", "-ec", jobs, "sh", str(n)], self.cores)]

    def tools(self):
        json = ["-q", "--json", "-o", self.out]
        self.floor = Tool("nothing again (noise floor)")
        self.tracked = Tool("`spoor why -- WORKLOAD`", [self.spoor, "why", *json, "--"], True, SLOWER)
        self.untracked = Tool("`spoor why -p PID` of an idle process", [self.spoor, "why", *json, "-p", str(self.idle)],
                              goal=SLOWER)
        perf = Tool("`perf sched record`", [self.programs["perf"], "sched", "record", "-o", self.out, "--"], True)
        return [self.floor, self.tracked, self.untracked, perf, *self.bpftraces()]

    def bpftraces(self):
        bpftrace = self.programs["bpftrace"]
        if not bpftrace:
            return []
        own = Tool("bpftrace, `bench/offcputime.bt`", [bpftrace, f"{HERE}/offcputime.bt"])
        self.notes.append("bpftrace's packages have no `offcputime.bt` for kernels without kprobes: the bench has its own.")
        shipped = mc.tool("runqlat.bt") or "/usr/share/bpftrace/tools/runqlat.bt"
        runqlat = Tool("bpftrace, `runqlat.bt`", [bpftrace, shipped])
        text = mc.read(shipped)
        if not text:
            self.notes.append("bpftrace's package does not have `runqlat.bt`.")
            return [own]
        try:
            mc.Tracer(self.m, runqlat.argv).stop()
        except mc.Failed as e:
            self.say(f"{shipped} does not run: {error_of(e)}")
            self.notes.append(f"`{shipped}` does not run here as it is: `{error_of(e)}`. What runs is the same script with "
                              "`#define TASK_RUNNING 0` instead of the header of the kernel.")
            runqlat = Tool("bpftrace, `runqlat.bt` (adapted)", [bpftrace, f"{self.m.dir}/runqlat.bt"])
            with open(runqlat.argv[1], "w", encoding="utf-8") as f:
                f.write(re.sub(r"^#include\s+<linux/sched.h>.*$", "#define TASK_RUNNING 0", text, flags=re.M))
        return [runqlat, own]

    # ---- one run ----

    def workload_argv(self, w):
        return [self.helper, "time", self.result, *w.argv(w.n)]

    def workload_done(self):
        return os.path.exists(self.result) and os.path.getsize(self.result) > 0

    def wait(self, argv, **kw):
        """Runs a command that ends by itself: (peak of its memory, what it printed)."""
        log = f"{self.m.dir}/log"
        if os.path.exists(self.result):
            os.unlink(self.result)
        with open(log, "wb") as f:
            proc = self.m.start(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f, cwd=self.m.dir)
        try:
            peak = mc.watch(proc, 120 + 30 * self.seconds, lambda: self.looks(proc.pid, **kw))
        except subprocess.TimeoutExpired as e:
            self.m.kill(proc)
            raise mc.Failed(f"{' '.join(argv)}: does not end") from e
        self.m.forget(proc)
        if proc.returncode:
            raise mc.Failed(f"{' '.join(argv)}: status {proc.returncode}: {mc.read(log).strip()[-500:]}")
        return peak, mc.read(log)

    def looks(self, pid, rings=None):
        if rings is not None:
            rings.append(mapped(pid, "anon_inode:[perf_event]"))
        return self.workload_done()

    def measured(self, w):
        lines = mc.read(self.result).split("\n")
        ns, switches = (int(x) for x in lines[-2].split())
        return Run(float(lines[-3]) if w.own else ns / 1e9, ns, switches)

    def plain(self, w):
        self.wait(self.workload_argv(w))
        return self.measured(w)

    def run(self, w, tool):
        if not tool.argv:
            return self.plain(w)
        r = self.wrapped(w, tool) if tool.wraps else self.beside(w, tool)
        if tool.goal:
            result = mc.SpoorOutput(self.out, need=("lost", "cost"))
            r.lost, r.data, r.records = result.lost, result.bytes, result.cost["ops"]
            r.peak, r.kernel = max(r.peak, result.cost["rss_peak"]), result.cost["map_bytes"]
            r.causes = {f"{x['what']}: {x['why']}": x["n"] for x in result.last["lost"]["causes"] if x["n"]}
        elif tool.wraps:
            r.data = os.path.getsize(self.out)
            r.lost = perf_lost(self.out)
        if os.path.exists(self.out):
            os.unlink(self.out)
        return r

    def wrapped(self, w, tool):
        rings = []
        peak, _ = self.wait([*tool.argv, *self.workload_argv(w)], rings=rings)
        r = self.measured(w)
        r.peak, r.kernel = peak, max(rings, default=0)
        return r

    def beside(self, w, tool):
        tracer = mc.Tracer(self.m, tool.argv)
        kernel = bpf_map_bytes(tracer.pid)
        r = self.plain(w)
        tracer.stop(60 if tool.goal else 20)
        text = tracer.text()
        r.peak, r.kernel, r.data = tracer.peak, kernel, len(text)
        told = re.findall(r"[Ll]ost (\d+) events", text)
        r.lost = sum(map(int, told)) if told else None
        return r

    # ---- a workload with all tools ----

    def calibrate(self, w):
        """As many rounds as take the time of one run at the best rate seen; this warms the machine up, too."""
        rate = 0
        for _ in range(3):
            rate = max(rate, w.n / max(self.plain(w).seconds, 1e-3))
            w.n = max(1, min(20 * w.n, round(rate * self.seconds)))
        self.say(f"{w.title}: {count(w.n)} rounds")

    def paired(self, w, tools):
        """A B A C A D ...: each tool between two runs without any, in an order that rotates. {tool: [Run]}"""
        runs = {t: [] for t in tools}
        for t in tools:
            t.failed = []
        self.calibrate(w)
        before = self.plain(w)
        for i in range(self.o.repeat):
            k = i % len(tools)
            for t in tools[k:] + tools[:k]:
                if len(t.failed) > 1:
                    continue
                try:
                    r = self.run(w, t)
                except mc.Failed as e:
                    if t.goal or not t.argv: # spoor and the workloads have to run, others may fail
                        raise
                    t.failed.append(error_of(e))
                    self.say(f"{i + 1}/{self.o.repeat}  {t.title} failed: {t.failed[-1]}")
                    before = self.plain(w)
                    continue
                after = self.plain(w)
                r.before, r.after = before.seconds, after.seconds
                before = after
                runs[t].append(r)
                self.say(f"{i + 1}/{self.o.repeat}  {r.seconds:.3f} s, {r.slower:+.1f} %, {r.rate:9,.0f} switches/s  "
                         f"{t.title}")
        return runs

    def workload_table(self, w, runs):
        t = Table(f"`spoor why`: {w.title}", "traced by", "seconds", "slower, %", "goal", "result", "data written, KB",
                  "resident, peak, MB", "buffers and maps, MB", "lost")
        noise = max(abs(r.slower) for r in runs[self.floor])
        for tool, rs in runs.items():
            slower = [r.slower for r in rs]
            if tool.failed:
                t.note(f"{tool.title} failed {len(tool.failed)} times of {len(rs) + len(tool.failed)}: `{tool.failed[-1]}`.")
            if not rs:
                t.row(tool.title, *["-"] * 3, "did not run", *["-"] * 4)
                continue
            goal, result = (f"≤ {tool.goal:g}", verdict(median(slower), tool.goal, noise)) if tool.goal else ("-", "-")
            sizes = ["-"] * 3 if not tool.argv else [
                spread([r.data / 1e3 for r in rs], "{:,.0f}"), spread([r.peak / MB for r in rs]),
                spread([r.kernel / MB for r in rs])]
            t.row(tool.title, spread([r.seconds for r in rs], "{:.3f}"), spread(slower, "{:+.1f}"), goal, result, *sizes,
                  self.lost_text(tool, rs))
        base = [b for rs in runs.values() for r in rs for b in (r.before, r.after)]
        t.note(f"Untraced: {spread(base, '{:.3f}')} s, {spread([r.rate for r in runs[self.floor]], '{:,.0f}')} context "
               "switches a second on the whole machine.")
        return t

    @staticmethod
    def lost_text(tool, runs):
        if not tool.argv:
            return "-"
        told = [r.lost for r in runs if r.lost is not None]
        if not told:
            return "not told"
        return count(sum(told))

    def rate_table(self, runs):
        """Losses at as many switches as there are."""
        t = Table("`spoor why -- stress-ng --switch`: losses", "", "switches a second", "records a second", "lost",
                  "lost, of the switches, %", "goal", "result")
        rs = runs[self.tracked]
        lost, rate = sum(r.lost for r in rs), median([r.rate for r in rs])
        result = "met" if not lost else f"met (counted: {count(lost)})"
        if rate < RATE:
            result += f", at {count(rate)} a second: the machine makes no more"
        t.row("traced", spread([r.rate for r in rs], "{:,.0f}"), spread([r.records * 1e9 / r.ns for r in rs], "{:,.0f}"),
              spread([r.lost for r in rs], "{:,.0f}"), f"{100 * lost / sum(r.switches for r in rs):.2f}",
              f"none at {RATE:,}, or counted", result)
        t.row("untraced", spread([r.rate for r in runs[self.floor]], "{:,.0f}"), *["-"] * 5)
        causes = {}
        for r in rs:
            for what, n in r.causes.items():
                causes[what] = causes.get(what, 0) + n
        for what, n in causes.items():
            t.note(f"Lost {what}: {count(n)}.")
        t.note("Switches are the kernel's count of the whole machine (/proc/stat), those to idle included; a record is a "
               "stay of a thread of the workload on a CPU, and what followed, that reached spoor. Records not kept for the "
               "critical path count as lost, though they are in the sums.")
        return t

    # ---- time in BPF programs ----

    def bpf_run(self, w, argv):
        """{program: (runs a switch, ns a switch)} while only tasks that are not traced switch."""
        tracer = mc.Tracer(self.m, argv) if argv else self.m.empty(*EMPTY)
        names, before = mc.bpf_names(), mc.bpf_times(tracer.pid)
        r = self.plain(w)
        after = mc.bpf_times(tracer.pid)
        tracer.stop()
        progs = {}
        for k in before.keys() & after.keys():
            name = names.get(k, "?")
            runs, ns = progs.get(name, (0, 0))
            more_ns, more_runs = (x - y for x, y in zip(after[k], before[k]))
            progs[name] = (runs + more_runs / r.switches, ns + more_ns / r.switches)
        return progs

    def bpf(self, w):
        found, empty = [], []
        stats = self.m.measure_bpf()
        for i in range(self.o.bpf_repeat):
            e = self.bpf_run(w, None).values()
            empty.append(sum(ns for _, ns in e) / sum(runs for runs, _ in e))
            found.append(self.bpf_run(w, self.untracked.argv))
            self.say(f"{i + 1}/{self.o.bpf_repeat}  BPF {sum(ns for _, ns in found[-1].values()):.0f} ns a switch, an empty "
                     f"program {empty[-1]:.0f} ns a run")
        stats.stop()
        return self.bpf_table(found, empty)

    @staticmethod
    def bpf_table(found, empty):
        t = Table("`spoor why -p PID`: BPF time of switches that are not traced", "program", "runs a switch",
                  "ns a switch, as measured", "ns a switch, net", "goal", "result")
        names = {n for p in found for n in p}

        def figures(want):
            """Per repetition: runs, ns as measured, ns net."""
            for p, e in zip(found, empty):
                runs, ns = (sum(p.get(n, (0, 0))[i] for n in want) for i in (0, 1))
                yield runs, ns, ns - e * runs

        def row(title, want, goal=None):
            runs, ns, net = zip(*figures(want))
            if goal or max(ns) >= 0.5:
                t.row(title, spread(runs, "{:.2f}"), spread(ns), spread(net),
                      *(("≤ %g" % goal, verdict(median(net), goal)) if goal else ("-", "-")))
        row("`why_switch` and `why_waking`", SWITCH_PROGRAMS, SWITCH_NS)
        for n in sorted(names, key=lambda x: -sum(f[1] for f in figures({x}))):
            row(f"`{n}`", {n})
        row("all", names)
        t.note("During `stress-ng --switch`, per context switch of the machine (/proc/stat). Net of what measuring a run "
               f"costs: {spread(empty, '{:.0f}')} ns, the figure of an empty program on sched_switch and sched_waking in the "
               "same job. Programs of less than 0.5 ns a switch are left out. `why_enter` and `why_exit` run for each of "
               "stress-ng's system calls, whether it switches or not.")
        return t

    # ---- all ----

    def tables(self):
        switch, workloads = self.workloads()
        tools = self.tools()
        tables = []
        for w in workloads:
            runs = self.paired(w, tools)
            tables.append(self.workload_table(w, runs))
            if w is switch:
                rate = self.rate_table(runs)
        return [*tables, rate, self.bpf(switch)]

    def workload_text(self):
        return (
            f"About {self.seconds:g} seconds a run. `perf bench` tells its seconds itself, the others are timed from outside, "
            "within the tracer. The compile job makes assembly of a preprocessed source of spoor's, in memory, with "
            f"`gcc -O2`, {self.cores} at a time. Each traced run stands between two untraced ones and is compared with their "
            "mean; the order of the tracers rotates, and a run without any tracer in the place of a traced one gives the "
            f"noise floor. Figures are medians of {self.o.repeat} repetitions ({self.o.bpf_repeat} for BPF time), with minimum "
            "and maximum. perf and bpftrace record the whole machine. What tracers write goes into memory. Lost: as each "
            "tool says itself.\n" + "".join(f"\n{x}\n" for x in self.notes))
