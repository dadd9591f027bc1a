# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Common to tests/vm/truth.sh and tests/native/truth.sh: run spoor around a load, compare with what is known.
#
# What is measured depends on what else the machine does, and truth is what a program says of itself: now and then they
# differ though nothing is wrong. So a scenario that fails is run again, up to three times; what is wrong fails always.
# The tries that failed are printed ("# again ..."), for a fault that comes and goes would be among them.
#
#	tracer="io --each"                  the command, before any trace
#	trace NAME [OPTION]... -- CMD...    trace a command: $T/NAME.json, its stdout in NAME.out, stderr in NAME.err
#	trace_begin NAME [OPTION]...        trace everything, in the background; returns when it is attached
#	trace_end NAME
#	verify NAME <<'E' ... E             a Python text (tests/lib/truth.py) that checks; prints the result. With LATER=DIR
#	                                    it only leaves there what is to be checked: $LATER/NAME.*, named in $LATER/order (scenarios in
#	                                    $LATER/todo and done),
#	                                    and other results are printed with "said SCENARIO" before them
#	skip NAME WHY, fail NAME WHY
#
# A failed check keeps its trace: TRUTH_KEEP=DIR copies all of them there.

lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$lib/../.." && pwd)
O=${O:-out}
[[ $O == /* ]] || O=$top/$O
spoor=${SPOOR:-$O/spoor}
progs=${PROGS:-$O/tests/progs}
T=${T:-$(mktemp -d /tmp/truth.XXXXXX)}
bg=
tracer=${tracer:-io --each}
TRIES=3
HIDDEN="hidden by the kernel" # as truth.py says

[ -x "$spoor" ] || { echo "truth.sh: no $spoor: make first" >&2; exit 97; }

# tests/progs/NAME.c, built when the build has not done so (in a VM that takes seconds each)
progs_ready() {
	local c name
	mkdir -p "$progs" 2>/dev/null
	for c in "$top"/tests/progs/*.c; do
		name=$(basename "$c" .c)
		[ -x "$progs/$name" ] && [ ! "$c" -nt "$progs/$name" ] && continue
		cc -std=gnu11 -O2 -g -D_GNU_SOURCE -o "$progs/$name" "$c" -Wl,--as-needed -luring -laio -lpthread ||
			{ echo "truth.sh: cannot build $c" >&2; exit 97; }
	done
}

# ext4 initialises inode tables and reads bitmaps after the mount, while we count; how to mount it without
quiet_mount() { # FSTYPE
	case $1-$(uname -r) in
	ext4-5.[0-9].* | ext4-5.1[0-2].*) echo noinit_itable ;;
	ext4-*) echo noinit_itable,no_prefetch_block_bitmaps ;;
	*) echo defaults ;;
	esac
}

checker_start() {
	local line
	coproc CHECKER { exec "${PYTHON:-python3}" "$lib/truth.py" 2>"$T/checker.err"; }
	# in subshells bash closes the descriptors of a coprocess, but not copies
	exec 7>&"${CHECKER[1]}" 8<&"${CHECKER[0]}"
	if ! read -r line <&8; then echo "truth.sh: no checker: $(cat "$T/checker.err")" >&2; exit 97; fi
}

results=() # of the scenario
said() { results+=("$1"); }
skip() { said "skip $*"; }
fail() { said "not ok $*"; }

verify() {
	local line
	cat >"$T/$1.py"
	if [ -n "${LATER:-}" ]; then
		cp "$T/$1".* "$LATER"/ && echo "$scenario $1" >>"$LATER/order" || fail "$1 nothing to check"
		return
	fi
	echo "$1 $T $T/$1.py" >&7
	if ! read -r line <&8; then line="not ok $1 the checker died: $(tail -n 3 "$T/checker.err" | tr '\n' ' ')"; fi
	said "$line"
}

disk_before() { cat /proc/diskstats >"$T/$1.disk0"; }
disk_after() { cat /proc/diskstats >"$T/$1.disk1"; }

# The load's failure is not the tracer's: who cares looks at trace_rc.
trace() {
	local name=$1 opts=()
	shift
	while [ "$1" != -- ]; do opts+=("$1"); shift; done
	trace_rc=0
	disk_before "$name"
	ran1 "$name.ran0"
	# shellcheck disable=SC2086 # words
	"$spoor" $tracer --json -o "$T/$name.json" "${opts[@]}" "$@" >"$T/$name.out" 2>"$T/$name.err" || trace_rc=$?
	disk_after "$name"
	ran1 "$name.ran1"
}

# How often process 1 ran: some kernels hide what happens then (docs/kernels.md).
ran1() { [ -z "${SPOOR_NATIVE:-}" ] || cat /proc/1/task/*/schedstat 2>/dev/null | awk '{ n += $3 } END { print n + 0 }' >"$T/$1"; }

# Attached when the first interval's summary is there.
trace_begin() {
	local name=$1 i=0
	shift
	rm -f "$T/$name.json" # of the try before
	# shellcheck disable=SC2086
	"$spoor" $tracer --json -i 300ms -o "$T/$name.json" "$@" 2>"$T/$name.err" &
	bg=$!
	until grep -qE '^\{"type":"(summary|sched|why|probes)"' "$T/$name.json" 2>/dev/null; do
		i=$((i + 1))
		if [ $i -gt 300 ] || ! kill -0 $bg 2>/dev/null; then
			fail "$name spoor did not attach: $(tail -c 300 "$T/$name.err" | tr '\n' ' ')"
			kill -KILL $bg 2>/dev/null
			return 1
		fi
		sleep 0.1
	done
	disk_before "$name"
	ran1 "$name.ran0"
}
trace_end() {
	disk_after "$1"
	trace_rc=0
	kill -TERM "$bg" && wait "$bg" || trace_rc=$?
	bg=
	ran1 "$1.ran1"
}

# A control group of a fifth of a CPU, whose directory is $group; the caller removes it. Fails where there is no controller.
limited_group() {
	if [ -e /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]; then
		group=/sys/fs/cgroup/cpu/spoor-${tracer%% *}-$$
		mkdir "$group" && echo 100000 >"$group/cpu.cfs_period_us" && echo 20000 >"$group/cpu.cfs_quota_us"
	else
		group=/sys/fs/cgroup/spoor-${tracer%% *}-$$
		mkdir "$group" && echo "20000 100000" >"$group/cpu.max"
	fi 2>/dev/null
}

# readahead_of NAME DEV FILE: reads FILE, of 8 MiB on DEV and not in the page cache, from beginning to end.
readahead_of() {
	trace_begin "$1" || return
	dd if="$3" of=/dev/null bs=64k 2>/dev/null
	trace_end "$1"
	verify "$1" <<-E
		ahead = t.ops("read-ahead", dev="$2", file="/${3##*/}")
		at = 0
		for o in sorted(ahead, key=lambda o: o["offset"]):
		    holds(o["offset"] == at, f"read-ahead at {o['offset']} should be at {at}")
		    at += o["bytes"]
		note(same(at, 8 << 20, "bytes read ahead"), f"by {len(ahead)} requests")
		note(same({o["comm"] for o in ahead}, {"dd"}, "of"), same(len(t.ops("read", file="/${3##*/}")), 129, "reads"))
		every = t.ops("read-ahead", dev="$2")
		note(same(t.row("$2", op="read-ahead")["count"], len(every), "in the summary"))
		note(same(t.row("$2", op="read-ahead")["bytes"], t.row("$2", rw="read-ahead")["bytes"], "bytes of the device"))
		note(as_diskstats(t, disk_change(dir, name, "$2"), "$2"), nothing_lost(t))
	E
}

# operations_in NAME DIR: every kind of operation once, in a directory of a file system; what the program says it did is
# what is to be found, with file, offset, size and result.
operations_in() {
	dd if=/dev/urandom of="$2/a" bs=1M count=1 conv=fsync 2>/dev/null
	trace "$1" -n every_op -- "$progs/every_op" "$2"
	verify "$1" <<-'E'
		did = [(d["op"], d["file"], d["offset"], d["bytes"], d["ret"]) for d in t.out["did"]]
		ops = [o for o in t.ops(comm="every_op") if o["op"] not in ("read-ahead", "page fault")
		       and (not o["file"] or o["file"].endswith(("/a", "/b")))]
		ops.sort(key=lambda o: o["t"] + o["wall"])
		found = [(o["op"], o["file"].rsplit("/", 1)[-1], o["offset"], o["bytes"], o["ret"]) for o in ops]
		nothing = ("msync", "a", -1, 4096, 0)
		for i, f in enumerate(found):
		    # of nothing to write: only the address tells the file, which older kernels do not look up
		    if f[0] == "msync" and not f[1] and not ops[i]["requests"]: found[i] = nothing
		for i, d in enumerate(did):
		    holds(i < len(found) and found[i] == d, f"operation {i}: {found[i] if i < len(found) else 'nothing'}, should be {d}")
		note(same(len(found), len(did), "operations"), f"{len(set(d[0] for d in did))} kinds")
		# without their ends the one of the page that had to be read is left (docs/kernels.md)
		holds(t.ops("page fault", comm="every_op", file="/a") or t.unseen("page faults"), "no page fault")
		note(known(t.ops(comm="every_op")), nothing_lost(t))
	E
}

# libaio_left DEV N: a program ends with 16 of N reads under way.
libaio_left() {
	trace libaio_left -- sh -c "${group:+echo \$\$ >$group/cgroup.procs;} exec $progs/aio_rw -l -d 16 -n $2 r $1"
	verify libaio_left <<-E
		ops = t.ops("libaio read", comm="aio_rw")
		holds(t.out["ops"] <= t.out["sent"] - 1, "nothing was left under way")
		note(same(len(ops), t.out["sent"], "operations"), f"{t.out['sent'] - t.out['ops']} of them left under way")
		note(same({o["ret"] for o in ops}, {4096}, "ret"), same(t.row("${1##*/}", op="libaio read")["count"], len(ops), "in the summary"))
		note(known(ops), nothing_lost(t))
	E
}

# ---- ftrace as a second witness ----

tracing=/sys/kernel/tracing
# of softirqs, and of the hard interrupts in them, whose time is no softirq's
softirq_events=(irq/{softirq,irq_handler}_{entry,exit}
	irq_vectors/{local_timer,reschedule,call_function,call_function_single,irq_work}_{entry,exit})
witness_begin() { # EVENT...
	local e
	echo 0 >$tracing/tracing_on
	echo mono >$tracing/trace_clock
	echo 16384 >$tracing/buffer_size_kb
	: >$tracing/trace
	for e; do echo 1 >"$tracing/events/$e/enable" || return; done
	echo 1 >$tracing/tracing_on
}
witness_end() { # NAME EVENT...
	local name=$1 e
	shift
	echo 0 >$tracing/tracing_on
	for e; do echo 0 >"$tracing/events/$e/enable"; done
	cp $tracing/trace "$T/$name.ftrace"
	: >$tracing/trace
	echo 1408 >$tracing/buffer_size_kb
}

# ---- the run ----

# again: was the last try's result not the final one?
again() { # TRY
	local line
	[ "$1" -lt $TRIES ] && [ -z "${LATER:-}" ] || return
	for line in "${results[@]}"; do
		[[ $line == "not ok "* || $line == "skip "*"$HIDDEN"* ]] && return
	done
	return 1
}

# truth_run [NAME]...: of the array `scenarios`; each is a function scenario_NAME, after which
# the function $after leaves the machine as it was
truth_run() {
	local scenario start try line failed=0
	[ $# -gt 0 ] || set -- "${scenarios[@]}"
	for scenario; do
		if ! declare -F "scenario_$scenario" >/dev/null; then
			echo "truth.sh: no scenario $scenario; there are: ${scenarios[*]}" >&2
			exit 97
		fi
	done
	if [ -n "${LATER:-}" ]; then printf '%s\n' "$@" >"$LATER/todo"; else checker_start; fi
	for scenario; do
		for ((try = 1; ; try++)); do
			results=() start=$EPOCHREALTIME
			"scenario_$scenario"
			$after
			[ -z "${TRUTH_TIMES:-}" ] || echo "# $scenario: $(bc <<<"$EPOCHREALTIME - $start") s"
			[ -z "${TRUTH_KEEP:-}" ] || cp "$T"/* "$TRUTH_KEEP"/ 2>/dev/null
			again $try || break
			printf '# again %s\n' "${results[@]}" | grep -E "again not ok|again skip .*$HIDDEN"
		done
		for line in "${results[@]}"; do
			echo "${LATER:+said $scenario }$line"
			[[ $line != "not ok "* ]] || failed=1
		done
		[ -z "${LATER:-}" ] || echo "$scenario" >>"$LATER/done"
	done
	rm -rf "$T"
	return $failed
}
