#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does spoor why name what a thread's time went to, and who ended its waits? tests/progs/blocks plays known causes. Root.
#	O=DIR tests/native/why.sh [NAME]...
# and in a VM, where it tolerates no loss, and makes slow devices too:
#	tests/vm/run-truth -s tests/native/why.sh KERNEL [NAME]...
#
# Prints "ok|not ok|skip NAME DETAIL" a line. TRUTH_KEEP=DIR: where the traces are kept.
# shellcheck disable=SC2034 # variables of tests/lib/truth.sh

here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "# why.sh: needs root" >&2; exit 97; }
[ "$(nproc)" -ge 2 ] || { echo "skip why needs two CPUs"; exit 0; }
if [ -n "${SPOOR_VM:-}" ]; then . "$here/../vm/lib.sh"; else export SPOOR_NATIVE=1; fi # nothing_lost() in lib/truth.py
T=$(mktemp -d /dev/shm/why.XXXXXX)
group=
burner=
end_all() {
	[ -z "$burner" ] || { kill -KILL "$burner" && wait "$burner"; } 2>/dev/null
	[ -z "$group" ] || rmdir "$group" 2>/dev/null
	burner=
	group=
	[ -z "${SPOOR_VM:-}" ] || lib_cleanup
}
trap 'rc=$?; end_all; rm -rf "$T" "${lib_dir:-$T}"; exit $rc' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tracer=why
. "$here/../lib/truth.sh"
progs_ready
b=$progs/blocks

# traced NAME [OPTION]... -- CMD...: fails when the command does
traced() {
	trace "$@"
	[ $trace_rc = 0 ] || { fail "$1" "exit status $trace_rc: $(tail -c 300 "$T/$1.err" | tr '\n' ' ')"; return 1; }
}
in_vm() { [ -n "${SPOOR_VM:-}" ] || { skip "$1" "slow devices and swap are made in VMs only"; return 1; }; }
may_be_realtime() { chrt -f 50 true 2>/dev/null || { skip "$1" "no real-time priority allowed here"; return 1; }; }

# kept_waiting NAME WAITER REASON OTHER: the waiter, which is what the path follows, waits for the other, which burns and sleeps
kept_waiting() {
	verify "$1" <<-E
		waiter, other, o = t.threads("$2"), t.threads("$4"), t.out
		cpu, asleep = o.get("burn_cpu", 0), o.get("sleep", 0)
		held = o.get("held", o.get("burn", 0) + asleep)
		note(why_holds(t), at_least(waited(waiter, "$3", kind="task", by="$4"), held, "$3 by $4", waiter))
		if cpu:
		    note(at_least(part(other, *ON_CPU), cpu, "$4 on the CPU", other))
		    note(at_least(part(other, "user", "irq", "softirq"), cpu, "of it not for the kernel", other))
		    note(on_path(t, min(cpu, held), "$4 on the CPU", is_wait("$3", "task", "$4"), is_cpu("$4")))
		if asleep:
		    note(at_least(waited(other, "sleep", kind="timer"), asleep, "$4 asleep", other))
		    note(same(sum(w["count"] for w in waits(other, "sleep")), o["sleeps"], "sleeps"))
		    note(on_path(t, min(asleep, held), "$4 asleep", is_wait("$3", "task", "$4"), is_wait("sleep", "timer")))
	E
}

# ---- tasks that wait for each other ----

scenario_pipeline() { traced pipeline -- "$b" pipeline && kept_waiting pipeline sink pipe middle; }

scenario_mutex() {
	traced mutex_burn -- "$b" mutex burn && kept_waiting mutex_burn waiter futex holder
	traced mutex_sleep -- "$b" mutex sleep && kept_waiting mutex_sleep waiter futex holder
}

scenario_renamed() { traced renamed -- "$b" renamed && kept_waiting renamed waiter futex renamed; }

# Each waits for all before it in the queue; on the path there is always the one who has the mutex.
scenario_convoy() {
	traced convoy -- "$b" convoy || return
	verify convoy <<-'E'
		pairs = {tuple(k.split(" by ")): ns for k, ns in t.out.items() if " by " in k}
		found = sum(min(ns, waited(t.threads(who), "futex", kind="task", by=by)) for (who, by), ns in pairs.items())
		note(why_holds(t), at_least(found, sum(pairs.values()), f"futex of {len(pairs)} pairs", t.threads("convoy?")))
		# on a busy machine who is followed may be behind others when it leaves the barrier, while the first one has it
		share = 0.8 if os.environ.get("SPOOR_NATIVE") else 0.95
		note(in_path(t, below(t.why["path"]["tree"], is_cpu("convoy?")), t.out["held_cpu"], "holders on the CPU", share))
		deep = max(n["depth"] for n in t.why["path"]["nodes"])
		holds(deep >= 5, f"only {deep} levels: {drawn(t.why['path'])}")
		note(f"{deep} levels")
	E
}

scenario_wait4() { traced wait4 -- "$b" wait4 && kept_waiting wait4 parent child child; }
scenario_unix() { traced unix -- "$b" unix && kept_waiting unix client "unix socket" server; }
scenario_tcp() { traced tcp -- "$b" tcp && kept_waiting tcp client "TCP socket" server; }

scenario_stopped() {
	traced stopped -- "$b" stopped || return
	verify stopped <<-'E'
		who, boss, ns = t.threads("stopped"), t.threads("boss"), t.out["stopped"]
		note(why_holds(t), at_least(waited(who, "stopped", kind="task", by="stopper"), ns, "stopped by stopper", who))
		note(at_least(waited(boss, "pipe", kind="task", by="stopped"), ns, "pipe by stopped", boss))
		way = is_wait("pipe", "task", "stopped"), is_wait("stopped", "task", "stopper")
		note(on_path(t, ns, "stopped", *way), on_path(t, t.out["sleep"], "stopper asleep", *way, is_wait("sleep", "timer")))
	E
}

# Who has the mutex is kept from the CPU by a third one.
scenario_inversion() {
	may_be_realtime inversion && traced inversion -- "$b" inversion || return
	verify inversion <<-'E'
		o = t.out
		note(why_holds(t), at_least(waited(t.threads("high"), "futex", kind="task", by="low"), o["held"], "futex by low", t.threads("high")))
		note(at_least(queued(t.threads("low"), "middle"), o["middle"], "low behind middle", t.threads("low")))
		note(at_least(part(t.threads("low"), "preempted"), o["middle"], "of it preempted", t.threads("low")))
		note(on_path(t, o["middle"], "low behind middle", is_wait("futex", "task", "low"), is_runq("preempted", "middle")))
	E
}

# ---- timers ----

scenario_epoll() {
	traced epoll -- "$b" epoll || return
	verify epoll <<-'E'
		loop, o = t.threads("loop"), t.out
		note(why_holds(t), at_least(waited(loop, "epoll", kind="timer"), o["waited"], "epoll by the timer", loop))
		n = sum(w["count"] for w in waits(loop, "epoll"))
		holds(o["turns"] / 2 <= n <= o["turns"] + 2, f"{n} waits in {o['turns']} turns") # it may be late
		note(f"{n} waits", on_path(t, o["waited"], "epoll by the timer", is_wait("epoll", "timer")))
	E
}

# ---- the CPU ----

# behind NAME HOG: the victim is what the path follows
behind() {
	verify "$1" <<-E
		victim, ns = t.threads("victim"), t.out["hog"]
		note(why_holds(t), at_least(queued(victim, "$2"), ns, "behind $2", victim))
		note(at_least(part(victim, "preempted"), ns, "preempted", victim))
		note(at_least(part(t.threads("$2"), *ON_CPU), ns, "$2 on the CPU", t.threads("$2"), share=0.9))
		# the path names who took the CPU: on a busy machine that is not always who had it then
		share = 0.5 if os.environ.get("SPOOR_NATIVE") else 0.95
		note(on_path(t, ns, "preempted", is_runq("preempted")), on_path(t, ns, "by $2", is_runq("preempted", "$2"), share=share))
	E
}
scenario_hog() { traced hog -- "$b" hog && behind hog hog; }
scenario_rthog() { may_be_realtime rthog && traced rthog -- "$b" rthog && behind rthog rthog; }

# A fifth of a CPU, though it is idle.
scenario_limited() {
	limited_group || { skip limited "no controller cpu"; return; }
	traced limited -- sh -c "echo \$\$ >$group/cgroup.procs; exec '$b' limited 1200" || return
	verify limited <<-'E'
		who, ns = t.threads("limited"), t.out["off"]
		holds(ns > 0.5 * t.out["wall"], f"hardly limited: {t.out}")
		# on a busy machine others have the CPU when it may run again
		share = 0.7 if os.environ.get("SPOOR_NATIVE") else 0.95
		note(why_holds(t), at_least(part(who, *RUNQ), ns, "without a CPU", who))
		note(at_least(part(who, "throttled"), ns, "throttled", who, share), on_path(t, ns, "throttled", is_runq("throttled"), share=share))
	E
}

# ---- the kernel's part: slow devices (in VMs) ----

# The data, the journal's blocks, its commit record: 60 ms each, one after the other.
slow_ext4() { # NAME
	local nb
	nb=$(mk_null_blk nb0 0 64 0) && mkfs_on ext4 "$nb" && dm=$(mk_dm_delay slow "$nb" 0 60) &&
		mount_on ext4 "$dm" /tmp/mnt "$(quiet_mount ext4)" || { fail "$1" "no file system"; return 1; }
}

scenario_fsync() {
	local dm
	in_vm fsync && slow_ext4 fsync && traced fsync -- "$b" fsync /tmp/mnt/file 6 || return
	verify fsync <<-E
		who, ns, n = t.threads("writer"), sum(t.out["fsync"]), len(t.out["fsync"])
		dev, journal = is_wait(None, "device", "$(disk_name "$dm") write"), is_wait("journal commit", "task", "jbd2/*")
		note(why_holds(t), same(n, 6, "fsyncs"))
		note(at_least(waited(who, "journal commit", kind="task", by="jbd2/*"), n * 120e6, "journal commit by jbd2", who))
		note(at_least(waited(who, "page under write-back"), n * 60e6, "page under write-back", who))
		note(at_least(waited(who, "journal commit", "page under write-back"), waited(who), "of all its waits", who))
		# nobody followed jbd2 before the first: of what it waited for then the history does not know all
		note(on_path(t, n * 120e6, "jbd2's waits", journal, is_wait(None, None)))
		note(on_path(t, (n - 1) * 120e6, "of it for the device", journal, dev))
		# the data's pages wait for a kworker that converts new blocks when the device has written them; it may have been
		# woken for other work meanwhile
		idle = is_wait("idle", None)
		note(in_path(t, below(t.why["path"]["tree"], lambda n: dev(n) or idle(n)), (n - 1) * 180e6, "the device"), f"fsyncs {ms(ns)}")
	E
}

# The same, each of them.
scenario_fsync_calls() {
	local dm
	in_vm fsync_calls && slow_ext4 fsync_calls && traced fsync_calls --call fsync --slower 20ms -- "$b" fsync /tmp/mnt/file 6 || return
	verify fsync_calls <<-E
		dev, journal = is_wait(None, "device", "$(disk_name "$dm") write"), is_wait("journal commit", "task", "jbd2/*")
		calls, truth = sorted(t.calls, key=lambda c: c["t"]), t.out["fsync"]
		note(why_holds(t), same(len(calls), 6, "slow calls"), same((t.why["call"], t.why["calls"], t.why["slow"]), ("fsync", 6, 6), "of all"))
		# the first, and the kworker's work, as above
		idle = is_wait("idle", None)
		for i, (c, ns) in enumerate(zip(calls, truth)):
		    same((c["call"], c["comm"], c["ret"]), ("fsync", "writer", 0), "call")
		    holds(180e6 <= c["wall"] <= 1.001 * ns, f"wall of a call {ms(c['wall'])}, injected 180 ms, by its own clock {ms(ns)}")
		    at_least(along(c["tree"], journal, dev if i else is_wait(None, None)), 120e6, f"jbd2's writes in {drawn({'nodes': c['path']})}")
		    at_least(below(c["tree"], lambda n: dev(n) or idle(n) or not i), 180e6, f"the device in {drawn({'nodes': c['path']})}")
		# who is interrupted between the call and its own look at the clock finds that one longer; it does not happen to most
		found, own = map(sum, zip(*sorted(zip((c["wall"] for c in calls), truth), key=lambda pair: pair[0] / pair[1])[2:]))
		note(close(found, own, "wall of four", 0.95, 1.001))
		note(on_path(t, 5 * 120e6, "jbd2's writes", journal, dev))
	E
}

# The same of a function, of a module where these have BTF.
scenario_func_calls() {
	local dm func=ext4_sync_file
	in_vm func_calls && slow_ext4 func_calls || return
	[ -e /sys/kernel/btf/ext4 ] || func=vfs_fsync_range
	traced func_calls --func $func --slower 20ms -- "$b" fsync /tmp/mnt/file 6 || return
	verify func_calls <<-E
		journal = is_wait("journal commit", "task", "jbd2/*")
		calls, truth = sorted(t.calls, key=lambda c: c["t"]), t.out["fsync"]
		note(why_holds(t), same(len(calls), 6, "slow calls"), same((t.why["call"], t.why["slow"]), ("$func", 6), "of"))
		for c, ns in zip(calls, truth):
		    same((c["call"], c["comm"], c["ret"]), ("$func", "writer", 0), "call")
		    close(c["wall"], ns, "wall of a call", 0.95, 1.001)
		    at_least(along(c["tree"], journal, is_wait(None, None)), 120e6, f"jbd2's waits in {drawn({'nodes': c['path']})}")
		note(close(sum(c["wall"] for c in calls), sum(truth), "wall", 0.95, 1.001))
	E
}

# What an int says is half of a register.
scenario_func_fails() {
	in_vm func_fails || return
	traced func_fails --func vfs_fsync_range --slower 1ns -- /usr/bin/python3 -c 'import os
try:
    os.fsync(os.pipe()[0])
except OSError as e:
    print("{\"errno\": %d}" % e.errno)' || return
	verify func_fails <<-'E'
		note(why_holds(t), same([c["ret"] for c in t.calls], [-t.out["errno"]], "returned"), same(t.out["errno"], 22, "errno"))
	E
}

scenario_fault() {
	local nb
	in_vm fault || return
	nb=$(mk_null_blk nb0 10000000 64) && mkfs_mount ext4 "$nb" /tmp/mnt "$(quiet_mount ext4)" || { fail fault "no file system"; return; }
	dd if=/dev/urandom of=/tmp/mnt/map bs=256k count=1 conv=fsync 2>/dev/null
	traced fault -- "$b" fault /tmp/mnt/map 40 || return
	verify fault <<-E
		who, o = t.threads("reader"), t.out
		holds(o["major"] >= 35, f"only {o['major']} major faults")
		dev, ns = "$(disk_name "$nb") read", min(o["major"], 40) * 10e6 # it may have had others
		note(why_holds(t), at_least(waited(who, "page-cache read", kind="device", by=dev), ns, "page-cache read", who))
		note(on_path(t, ns, "page-cache read", is_wait("page-cache read", "device", dev)))
		faults = [c for c in t.why["syscalls"] if c["call"] == "page fault"]
		holds(sum(c["count"] for c in faults) >= o["major"], f"page faults: {faults}")
	E
}

# A kworker writes, one request at a time; who calls syncfs waits for the kworker, and that for the device.
scenario_flush() {
	local nb
	in_vm flush || return
	nb=$(mk_null_blk nb0 10000000 1) && scheduler "$nb" none && mkfs_mount ext4 "$nb" /tmp/mnt "$(quiet_mount ext4)" ||
		{ fail flush "no file system"; return; }
	echo 0 >"/sys/block/$(disk_name "$nb")/queue/wbt_lat_usec"
	traced flush -- "$b" flush /tmp/mnt/file 48 || return
	verify flush <<-E
		# of the 24 requests each time the last one or two are no longer the kworker's wait
		who, ns = t.threads("flusher"), len(t.out["syncfs"]) * 22 * 10e6
		worker, dev = is_wait("write-back", "task", "kworker/*"), is_wait(None, "device", "$(disk_name "$nb") write")
		holds(sum(t.out["syncfs"]) > ns, f"they took {ms(sum(t.out['syncfs']))} only")
		note(why_holds(t), at_least(waited(who, "write-back", kind="task", by="kworker/*"), ns, "write-back by the kworker", who))
		note(on_path(t, ns, "the kworker's wait for the device", worker, dev))
		# the first time it is from the history, without a reason
		tag = is_wait("request tag", "device", "$(disk_name "$nb") write")
		note(on_path(t, ns, "of it for a request tag", worker, tag, share=0.7))
	E
}

scenario_swapin() {
	local nb dm g
	in_vm swapin || return
	nb=$(mk_null_blk nb0 0 64 0) && dm=$(mk_dm_delay slow "$nb" 20 2) && mk_swap "$dm" && g=$(cgroup_new small) &&
		echo 16M >"$g/memory.max" || { fail swapin "no swap or no cgroup"; return; }
	traced swapin -- sh -c "echo \$\$ >$g/cgroup.procs; exec '$b' swapin 20" || return
	verify swapin <<-E
		who, ns, dev = t.threads("sleeper"), t.out["major"] * 20e6, "$(disk_name "$dm") read"
		holds(t.out["major"] >= 15, f"only {t.out['major']} major faults")
		note(why_holds(t), at_least(waited(who, "swap-in", kind="device", by=dev), ns, "swap-in", who))
		note(on_path(t, ns, "swap-in", is_wait("swap-in", "device", dev)))
	E
}

# Direct reclaim: what it wants to write to swap waits for the one request that the device takes.
scenario_reclaim() {
	local nb g
	in_vm reclaim || return
	nb=$(mk_null_blk nb0 5000000 1) && scheduler "$nb" none && mk_swap "$nb" && g=$(cgroup_new small) &&
		echo 16M >"$g/memory.max" || { fail reclaim "no swap or no cgroup"; return; }
	echo 0 >"/sys/block/$(disk_name "$nb")/queue/wbt_lat_usec"
	traced reclaim -- sh -c "echo \$\$ >$g/cgroup.procs; exec '$b' reclaim 18000" || return
	verify reclaim <<-E
		who, ns = t.threads("eater"), t.out["blocked"]
		writes = disk_change(dir, name, "$(disk_name "$nb")")["write"]
		device = waits(who, "request tag", "memory reclaim", "swap-in", kind="device", by="$(disk_name "$nb") *")
		note(why_holds(t), at_least(sum(w["ns"] for w in device), ns, "by the device", who))
		within = [w for w in device if any(f.startswith(("shrink_", "evict_", "try_to_free_")) for f in w["stack"])]
		note(at_least(sum(w["ns"] for w in within), writes * 5e6, "reclaiming", who, share=0.8))
		note(in_path(t, along(t.why["path"]["tree"], is_wait(None, "device", "$(disk_name "$nb") *")), ns, "by the device"))
	E
}

# More memory than memory.high, and no swap: it is put to sleep.
scenario_reclaim_high() {
	local g
	in_vm reclaim_high || return
	g=$(cgroup_new small) && echo 16M >"$g/memory.high" || { fail reclaim_high "no cgroup"; return; }
	cat "$b" >/dev/null # it shall not be among what can be reclaimed
	traced reclaim_high -- sh -c "echo \$\$ >$g/cgroup.procs; exec '$b' reclaim 16896" || return
	verify reclaim_high <<-'E'
		who, ns = t.threads("eater"), t.out["blocked"]
		holds(ns > 50e6, f"hardly throttled: {t.out}")
		note(why_holds(t), at_least(waited(who, "memory cgroup throttle", kind="timer"), ns, "memory cgroup throttle", who))
		note(on_path(t, ns, "memory cgroup throttle", is_wait("memory cgroup throttle", "timer")))
	E
}

# ---- what must hold of anything ----

# A process that was there before, in intervals.
scenario_pid() {
	"$b" limited 600000 >/dev/null &
	burner=$!
	trace_begin pid -p $burner || return
	sleep 1
	trace_end pid
	verify pid <<-E
		th, = t.why["threads"]
		note(same($trace_rc, 0, "exit status"), same((th["tid"], th["before"], th["ended"]), ($burner, True, False), "thread"))
		note(why_holds(t), at_least(th["wall"], t.why["ns"], "wall of the window"))
		note(same(t.why["path"]["tid"], $burner, "path of"), at_least(th["parts"]["user"], part([th], *ON_CPU, *RUNQ), "user", [th], share=0.3))
		holds(sum(s["interval"] for s in t.summaries) >= 3, f"only {len(t.summaries)} summaries")
	E
}

# One thread in each kind of wait that needs no device: its stack, on this kernel, has that reason. Who ends it is the first one.
scenario_kinds() {
	traced kinds -- "$progs/kinds" 400 || return
	verify kinds <<-'E'
		reasons = {"pipe_read": "pipe", "pipe_write": "pipe", "eventfd": "eventfd", "timerfd": "timerfd", "signalfd": "signal",
		    "inotify": "inotify", "terminal": "terminal", "epoll": "epoll", "poll": "poll", "select": "select",
		    "flock": "file lock", "fcntl": "file lock", "unix": "unix socket", "unix_dgram": "unix socket",
		    "accept": "TCP connection", "tcp": "TCP socket", "udp": "UDP socket", "netlink": "netlink socket", "sleep": "sleep",
		    "futex": "futex", "child": "child", "vfork": "child until it executes", "sigwait": "signal", "sigsuspend": "signal",
		    "pause": "signal", "semaphore": "semaphore", "msgrcv": "message queue", "mq": "message queue",
		    "aio": "libaio completions", "io_uring": "io_uring completions"}
		note(why_holds(t))
		for kind, ns in t.out.items():
		    who = [th for th in t.threads(kind) if th["tid"] == th["pid"] or len(t.threads(kind)) == 1 or waited([th], reasons[kind])]
		    by = "vfork" if kind == "vfork" else "kinds"
		    found = waited(who, reasons[kind], kind="task", by=by) + part(who, *RUNQ, *ON_CPU) # it has to get there, and back
		    at_least(found, ns, f"{kind}: {reasons[kind]} by {by}", who)
		holds(len(t.out) >= 27, f"only {sorted(t.out)}")
		odd = {w["reason"] for w in t.why["waits"] if w["reason"].startswith("unknown")}
		note(f"{len(t.out)} kinds", f"unknown: {sorted(odd)}" if odd else "no reason unknown")
	E
}

# Who sleeps already when the window begins: from there on it counts, and says so, by whatever it was asked for.
scenario_asleep() {
	local how name
	sleep 600 &
	burner=$!
	while [ "$(cat /proc/$burner/comm)" != sleep ]; do sleep 0.05; done
	sleep 0.2
	for name in asleep asleep_ended asleep_comm; do
		how="-p $burner"
		[ $name != asleep_comm ] || how="-n sleep"
		trace_begin $name $how || return
		sleep 0.5
		[ $name != asleep_ended ] || kill -KILL $burner
		sleep 0.3
		trace_end $name
		verify $name <<-E
			th, = [x for x in t.why["threads"] if x["tid"] == $burner]
			note(same($trace_rc, 0, "exit status"), same((th["before"], th["ended"]), (True, "$name" == "asleep_ended"), "before, ended"))
			w, = [x for x in th["waits"] if x["before"]]
			note(same((w["reason"], w["count"], w["before"]), ("sleep", 1, 1), "the wait"))
			note(why_holds(t), close(w["ns"], th["wall"], "all its time", 0.9, 1))
			holds("$name" == "asleep_ended" or th["wall"] >= 0.95 * t.why["ns"] - 5e6, f"{ms(th['wall'])} of {ms(t.why['ns'])}")
			same(sum(x["before"] for x in waits([th])), 1, "waits that began before")
			node, = [n for n in t.why["path"]["nodes"] if n["tid"] == $burner and n["kind"] == "wait" and n["before"]] or [None]
			holds("$name" == "asleep_comm" or node, drawn(t.why["path"]))
		E
		[ $name != asleep_ended ] || { wait $burner 2>/dev/null; sleep 600 & burner=$!; sleep 0.5; }
	done
}

# Who gets the name that was asked for within the window: from then on, though it never wakes up again.
scenario_becomes() {
	cp "$(command -v sleep)" "$T/becomes" && trace_begin becomes -n becomes || return
	"$T/becomes" 600 &
	burner=$!
	while [ "$(cat /proc/$burner/comm)" != becomes ]; do sleep 0.05; done
	sleep 0.7
	trace_end becomes
	verify becomes <<-E
		th, = t.threads("becomes")
		note(same($trace_rc, 0, "exit status"), same((th["tid"], th["before"], th["ended"]), ($burner, False, False), "before, ended"))
		note(why_holds(t), at_least(waited([th], "sleep"), 700e6, "asleep", [th]))
	E
}

# As many forks as there can be: each child is there, for as long as it lived.
scenario_forks() {
	traced forks -- sh -c 'f() { i=0; while [ $i -lt 800 ]; do (:); i=$((i + 1)); done; }; f & f & wait; echo "{}"' || return
	verify forks <<-'E'
		note(why_holds(t), same(len(t.why["threads"]), 1603, "threads"))
		alive = [th["tid"] for th in t.why["threads"] if not th["ended"]]
		holds(len(alive) <= 1, f"{len(alive)} of them have not ended")
		born = sum(w["count"] for w in waits(t.threads("sh"), "child", kind="task", by="sh"))
		note(f"{1603e9 / t.why['ns']:.0f} a second, {born} of them waited for")
	E
}

# Another thread than the first executes a program: that one's number is its own from then on.
scenario_executed() {
	traced executed -- /usr/bin/python3 -c 'import os, threading, time
def late():
    time.sleep(0.3)
    print("{}", flush=True)
    os.execvp("sleep", ["sleep", "0.4"])
threading.Thread(target=late).start()
time.sleep(60)' || return
	verify executed <<-'E'
		other, = [th for th in t.why["threads"] if th["tid"] != th["pid"]]
		first, new = sorted((th for th in t.why["threads"] if th["tid"] == th["pid"]), key=lambda th: th["t"])
		note(why_holds(t), same([th["comm"] for th in (first, new)], ["python3", "sleep"], "names"))
		same([(th["pid"], th["ended"]) for th in (other, new)], [(first["pid"], True)] * 2, "process, ended")
		note(at_least(waited([other], "sleep", kind="timer"), 300e6, "the thread slept", [other]))
		note(at_least(waited([first], "sleep", kind="task", by="python3"), 0.9 * 300e6, "the first one until it was killed", [first]))
		note(at_least(waited([new], "sleep", kind="timer"), 400e6, "the program slept", [new]))
		same(other["t"] + other["wall"], new["t"], "where the thread goes on")
	E
}

# Somebody sets the clock: nothing that is measured goes by it.
scenario_clock_steps() {
	in_vm clock_steps || return
	traced clock_steps -- sh -c 'for i in 1 2 3; do date -s "+1 day" >/dev/null; sleep 0.2; date -s "-2 days" >/dev/null; sleep 0.1; done; echo "{}"' || return
	verify clock_steps <<-'E'
		note(why_holds(t), at_least(waited(t.threads("sleep"), "sleep", kind="timer"), 900e6, "asleep", t.threads("sleep")))
		holds(900e6 < t.why["ns"] < 60e9, f"a window of {ms(t.why['ns'])}")
	E
}

# Whatever threads do: the sums hold, and each one's time is what it measured itself.
scenario_random() {
	local seed time=500
	[ -z "${SPOOR_VM:-}" ] || time=800
	for seed in 1 2 3; do
		traced random_$seed -- "$b" random $seed $time || continue
		verify random_$seed <<-'E'
			# to begin and to end takes time too, and the way from a timer's start to sleep
			slack, way = (20e6, 3e5) if os.environ.get("SPOOR_NATIVE") else (150e6, 2.5e6)
			note(why_holds(t), same(t.out["workers"], len({l["name"] for l in t.out["lives"] if l["name"].startswith("worker")}), "workers"))
			by_tid, lives = {th["tid"]: th for th in t.why["threads"]}, t.out["lives"]
			for l in lives:
			    holds(l["tid"] in by_tid, f"no thread {l['tid']} ({l['name']}) among {sorted(by_tid)}")
			    th, who = by_tid[l["tid"]], f"{l['name']} {l['tid']}"
			    same((th["comm"], th["ended"]), (l["name"], True), who)
			    # the first one executes the program before, and says all this after
			    close(th["wall"], l["wall"], f"{who}: wall", 0.99, 1.01, slack * (3 if l["name"] == "random" else 1))
			    holds(th["wall"] >= 0.99 * l["wall"] - 0.5e6, f"{who}: was there {ms(th['wall'])}, says {ms(l['wall'])}")
			    close(part([th], *ON_CPU), l["cpu"], f"{who}: on the CPU", 0.8, 1.2, slack / 2)
			    asleep = waited([th], "sleep", kind="timer")
			    holds(asleep >= 0.95 * l["sleep_ns"] - way * l["sleeps"], f"{who}: slept {ms(asleep)}, says {ms(l['sleep_ns'])}; {where_it_went([th])}")
			slept, said = (sum(w["count"] for w in waits(by_tid.values(), "sleep")), sum(l["sleeps"] for l in lives))
			holds(abs(slept - said) <= said / 50, f"{slept} sleeps, they say {said}")
			others = {th["comm"] for th in by_tid.values()} - {l["name"] for l in lives}
			holds(not others, f"not of the command: {others}")
			seen = {w["reason"] for w in t.why["waits"]}
			wanted = {k for k in ("pipe", "futex", "eventfd", "poll", "child") if t.out.get(k, 0) > 20e6}
			holds(wanted and wanted <= seen, f"reasons {sorted(seen)}, they say {wanted}")
			note(f"{len(lives)} threads, {len(t.why['path']['nodes'])} nodes merged from {len(t.why['chain']['nodes'])}")
		E
	done
}

scenarios=(pipeline mutex renamed convoy wait4 unix tcp stopped inversion epoll hog rthog limited fsync fsync_calls func_calls func_fails fault flush swapin
	reclaim reclaim_high pid kinds asleep becomes forks executed clock_steps random)
after=end_all

[ -z "${TRUTH_KEEP:-}" ] || mkdir -p "$TRUTH_KEEP"
truth_run "$@"
