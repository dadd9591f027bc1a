#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does spoor sched say what the kernel's own counters say? Root.
#	O=DIR tests/native/sched.sh [NAME]...
# and in a VM, where it tolerates no loss, and has ftrace as a second witness:
#	tests/vm/run-truth -s tests/native/sched.sh KERNEL [NAME]...
#
# Prints "ok|not ok|skip NAME DETAIL" a line. TRUTH_KEEP=DIR: where the traces are kept.
# shellcheck disable=SC2034 # variables of tests/lib/truth.sh

here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "# sched.sh: needs root" >&2; exit 97; }
[ "$(nproc)" -ge 2 ] || { echo "skip sched needs two CPUs"; exit 0; }
T=$(mktemp -d /dev/shm/sched.XXXXXX)
[ -n "${SPOOR_VM:-}" ] || export SPOOR_NATIVE=1 # nothing_lost() in lib/truth.py
group=
end_all() {
	[ -z "$group" ] || rmdir "$group" 2>/dev/null
	group=
}
trap 'rc=$?; end_all; rm -rf "$T"; exit $rc' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tracer=sched
. "$here/../lib/truth.sh"
progs_ready
w=$progs/waiter

# The kernel's counter of delays ends one when the scheduler reads its clock at the beginning of the choice of the next task; and
# from a wake-up that lets the current task be preempted until that is done this clock stands still (rq_clock_skip_update). A
# tracepoint comes when the choice is made. In an emulator on a busy host that is some 50 us to a millisecond later each time. So
# that counter says how long it was at least, and in a VM ftrace, at the same tracepoints, how long.
trace_queues() { # NAME -- CMD...
	local events=()
	[ -n "${SPOOR_NATIVE:-}" ] || events=(sched/sched_{switch,wakeup,wakeup_new,process_exit})
	[ ${#events[@]} = 0 ] || witness_begin "${events[@]}" || { fail "$1" "no ftrace"; return 1; }
	trace "$@"
	[ ${#events[@]} = 0 ] || witness_end "$1" "${events[@]}"
}

# Two that want one CPU all the time.
scenario_spin() {
	trace_queues spin -- sh -c "'$w' hog 1 1500 spin '$T/spin.hog' & '$w' victim 1 1500 spin '$T/spin.victim'; wait" || return
	verify spin <<-'E'
		import json
		for who in ("hog", "victim"):
		    truth, found = json.loads(text(f"spin.{who}")), t.tasks(who)
		    queued = truth["delay"] if os.environ.get("SPOOR_NATIVE") else queued_by_ftrace(f"{dir}/{name}.ftrace", found["pid"])
		    note(close(found["ns"], queued, f"{who}: delay", slack=2e6), at_least(found["ns"], truth["delay"] - late(found), "of the kernel's"))
		    # the kernel's has interrupts in it, many and long in an emulator
		    note(at_least(found["ran"], truth["spun"], f"{who}: ran, by its own clock"))
		    holds(found["ran"] <= 1.05 * truth["ran"], f"{who}: ran {ms(found['ran'])}, the kernel counted {ms(truth['ran'])}")
		    holds(truth["involuntary"] <= found["involuntary"] <= truth["involuntary"] + 3, f"{who}: involuntary {found['involuntary']}, truth {truth['involuntary']}")
		    holds(truth["voluntary"] <= found["voluntary"] <= truth["voluntary"] + 3, f"{who}: voluntary {found['voluntary']}, truth {truth['voluntary']}")
		    note(f"involuntary {found['involuntary']}")
		# on a busy machine others preempt it too
		note(at_least(t.preempted("hog", "victim"), t.tasks("victim")["ns"], "preempted by hog", share=0.001 if os.environ.get("SPOOR_NATIVE") else 0.7))
		others = {p["comm"] for p in t.sched["processes"]} - {"hog", "victim", "sh", "waiter", "spoor"}
		holds(not others, f"not of the command: {others}")
		note(nothing_lost(t))
	E
}

# One that sleeps and, when it is woken, must wait until a hog of higher priority gives the CPU up: were it to get the CPU at once,
# its delay would be nothing but the way through the scheduler.
scenario_wakeup() {
	trace_queues wakeup -- sh -c "'$w' sleeper 1 1800 sleep '$T/wakeup.sleeper' & sleep 0.2; '$w' hog 1 1900 spin '$T/wakeup.hog'; wait" || return
	verify wakeup <<-'E'
		import json
		truth, found = json.loads(text("wakeup.sleeper")), t.tasks("sleeper", prio=130)
		holds(truth["missed"] > 500e6, f"it hardly had to wait: {truth}")
		# since 6.12 a sleeper may be left on the run queue for a while, and the kernel counts that too; its own clock does not
		counted = min(truth["delay"], truth["missed"])
		queued = counted if os.environ.get("SPOOR_NATIVE") else queued_by_ftrace(f"{dir}/{name}.ftrace", found["pid"], 130)
		note(close(found["ns"], queued, "delay", slack=2e6), at_least(found["ns"], counted - late(found), "of the kernel's"))
		holds(found["ns"] <= truth["missed"] + late(found), f"delay {ms(found['ns'])}, but by its own clock it missed {ms(truth['missed'])} only")
		note(f"by its own clock at most {ms(truth['missed'])}")
		holds(truth["voluntary"] <= found["voluntary"] <= truth["voluntary"] + 3, f"voluntary {found['voluntary']}, truth {truth['voluntary']}")
		holds(found["woken"] >= truth["voluntary"] - 2, f"woken {found['woken']}, slept {truth['voluntary']}")
		note(f"woken {found['woken']}", nothing_lost(t))
	E
}

scenario_migrations() {
	trace migrations -- sh -c "'$w' roamer 1 1000 roam '$T/migrations.roamer'; :"
	verify migrations <<-'E'
		import json
		truth, found = json.loads(text("migrations.roamer")), t.tasks("roamer")
		holds(truth["migrations"] >= 0, "no /proc/PID/sched") if truth["migrations"] >= 0 else skip("this kernel has no /proc/PID/sched")
		holds(truth["migrations"] > 20, f"it moved {truth['migrations']} times only")
		note(same(found["migrations"], truth["migrations"], "migrations"), nothing_lost(t))
	E
}

# A real-time hog: single delays name it.
scenario_realtime() {
	chrt -f 50 true 2>/dev/null || { skip realtime "no real-time priority allowed here"; return; }
	trace realtime --slower 100ms -- sh -c "'$w' victim 1 3500 spin '$T/realtime.victim' & sleep 0.8; chrt -f 50 '$w' hog 1 300 spin '$T/realtime.hog'; wait"
	verify realtime <<-'E'
		found = [d for d in t.delays if d["comm"] == "victim" and any(r["comm"] == "hog" for r in d["ran"])]
		holds(found, f"no delay of the victim with the hog: {[(d['comm'], d['ns'], [r['comm'] for r in d['ran']]) for d in t.delays]}")
		d = max(found, key=lambda d: d["ns"])
		hog = [r["ns"] for r in d["ran"] if r["comm"] == "hog"][0]
		note(same(d["how"], "preempted", "it was"), at_least(hog, d["ns"], "hog ran meanwhile", share=0.6))
		rows = [p for p in t.sched["processes"] if p["comm"] == "hog" and p["policy"] == "fifo"]
		holds(rows and rows[0]["prio"] == 49, f"priority of the hog: {[(p['policy'], p['prio']) for p in t.sched['processes'] if p['comm'] == 'hog']}")
		note(nothing_lost(t))
	E
}

# Limited to a fifth of a CPU: it waits though the CPU is idle.
scenario_cpu_max() {
	limited_group || { skip cpu_max "no controller cpu"; return; }
	trace cpu_max --slower 20ms -c "$group" -- sh -c "echo \$\$ >$group/cgroup.procs; '$w' limited 1 1500 spin '$T/cpu_max.limited'; :"
	verify cpu_max <<-E
		found = t.tasks("limited")
		note(at_least(found["ns"], 1500e6 * 0.8, "delay", share=0.75), at_least(1500e6 * 0.2, found["ran"], "limit, ran", share=0.6))
		note(same({p["cgroup"] for p in t.sched["processes"] if p["comm"] == "limited"}, {"/${group##*/}"}, "cgroup"))
		holds(any(c["cgroup"] == "/${group##*/}" and c["ns"] >= found["ns"] for c in t.sched["cgroups"]), "no such row of cgroups")
		note(nothing_lost(t))
	E
}

# What the CPUs did, as /proc/stat has it in ticks. Its window is not ours: it is made of intervals.
scenario_cpus() {
	trace cpus -i 200ms -- sh -c "'$w' hog 1 3000 half '$T/cpus.hog'; :"
	verify cpus <<-'E'
		import json
		def stat(name):
		    return {f[0][3:]: [int(x) for x in f[1:9]] for f in (l.split() for l in text(name).splitlines()) if re.match(r"cpu\d", f[0])}
		before, after, hog = stat("cpus.hog.stat0"), stat("cpus.hog.stat1"), json.loads(text("cpus.hog"))
		window = hog["end"] - hog["begin"]
		def within(cpu, part):
		    sums = 0
		    for s in t.summaries:
		        share = min(s["t"] + s["ns"], hog["end"]) - max(s["t"], hog["begin"])
		        if s["interval"] and share > 0:
		            sums += [c["parts"][part] for c in s["cpus"] if c["cpu"] == cpu][0] * share / s["ns"]
		    return sums / window
		for cpu in (c["cpu"] for c in t.sched["cpus"]):
		    ticks = [b - a for a, b in zip(before[str(cpu)], after[str(cpu)])]
		    # idle time is measured, busy time counted in ticks, of which an emulator loses some
		    found, truth = within(cpu, "idle"), (ticks[3] + ticks[4]) * 1e7 / window
		    note(f"CPU {cpu} idle {found * 100:.1f} %, /proc/stat {truth * 100:.1f} %")
		    holds(abs(found - truth) < 0.02, f"CPU {cpu} idle {found * 100:.1f} %, /proc/stat says {truth * 100:.1f} %")
		    holds(within(cpu, "unknown") < 0.02, f"CPU {cpu}: unknown {within(cpu, 'unknown') * 100:.1f} %")
		note(nothing_lost(t))
	E
}

# Two writers of one file: one holds the inode's lock, the other sleeps for it. What it was without a CPU was that wait.
scenario_locks() {
	trace locks -n waiter -- "$progs/inode_lock" -n 20 -w 100 "$T/locks.file"
	rm -f "$T/locks.file"
	verify locks <<-'E'
		import json
		if t.unseen("locks"):
		    holds(not t.sched["locks"], "locks that cannot be seen")
		    skip("this kernel has no contention tracepoints, and spoor says so")
		truth = json.loads(text("locks.out"))
		found = [l for l in t.sched["locks"] if l["kind"] == "rwsem write" and l["owner"] == "holder"]
		holds(found, f"no such lock among {[(l['kind'], l['where'], l['owner']) for l in t.sched['locks']]}")
		top = max(found, key=lambda l: l["ns"])
		holds("write_iter" in top["where"] and top["where"] in top["stack"], f"taken in {top['where']}, stack {top['stack']}")
		note(f"{top['count']} waits in {top['where']} for {top['owner']}")
		# not less than the time without a CPU, but for the way to sleep and back; not more than its writes took
		ns = sum(l["ns"] for l in found)
		note(at_least(ns, truth["waiter_off_cpu_ns"], "waited", share=0.9))
		holds(ns <= truth["waiter_ns"], f"waited {ns} ns, its writes took {truth['waiter_ns']}")
		holds(all(0 < l["max"] <= l["ns"] for l in t.sched["locks"]), "max is not within ns")
	E
}

scenarios=(spin wakeup migrations realtime cpu_max cpus locks)
after=end_all

[ -z "${TRUTH_KEEP:-}" ] || mkdir -p "$TRUTH_KEEP"
truth_run "$@"
