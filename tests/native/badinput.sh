#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bad input and bad days of `spoor io` and `spoor why` on the running kernel: each gets a clear message or a correct result, and
# nothing stays attached. Root. Prints "ok|not ok|skip WHAT DETAIL" a line. A case that fails is run again: some have to
# be in time, which a busy machine is not always. "# again ..." says what failed first.
#
# usage: tests/native/badinput.sh [PATTERN]      only the cases whose function names match
#	tests/vm/run-vm --fast -c 1 -t 600 KERNEL -- tests/native/badinput.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
spoor=${SPOOR:-$PWD/${O:-out}/spoor}
python=${PYTHON:-python3}
failed=0 any=0
# under emulation, a tenth of the speed
slow=1; [ -z "${SPOOR_VM:-}" ] || slow=8
ok() { echo "ok $*"; }
skip() { echo "skip $*"; }
not_ok() {
	echo "not ok $*"
	failed=1
	head -c 1500 "$tmp/out" "$tmp/err" 2>/dev/null | sed 's/^/  /'
}
# result WHAT DETAIL COMMAND...: ok if the command succeeds
result() { what="$1: $2"; shift 2; if "$@"; then ok "$what"; else not_ok "$what (failed: $*)"; fi; }

[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
[ -x "$spoor" ] || { echo "no $spoor: make first"; exit 1; }
tmp=$(mktemp -d /dev/shm/spoor-bad.XXXXXX)
loops=() started=()
clean_up() {
	trap '' INT TERM
	kill -KILL ${started+"${started[@]}"} 2>/dev/null
	wait
	for d in ${loops+"${loops[@]}"}; do losetup -d "$d"; done
	for m in $(grep " $tmp/" /proc/mounts | cut -d' ' -f2); do umount "$m" || umount -l "$m"; done
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A loop device over a file in memory -> $dev
make_loop() { # FILE SIZE
	truncate -s "$2" "$1"
	dev=$(losetup --show -f "$1") || exit 1
	loops+=("$dev")
}
# Direct reads of $dev until the number is reached; fio's own count -> $fio_ios
fio_reads() { # COUNT [OPTION...]
	local n=$1
	shift
	n=$((n / slow))
	fio --name=reads --filename="$dev" --rw=randread --bs=4k --direct=1 --ioengine=libaio --iodepth=16 --norandommap \
		--io_size=$((n * 4))k --size=64m --output-format=json --output="$tmp/fio.json" "$@" || return
	fio_ios=$(jq '.jobs[0].read.total_ios' "$tmp/fio.json")
}

# Until $dev has had so many more reads, whoever makes them
while_reads() {
	local stat=/sys/block/${dev##*/}/stat first now i
	read -r first _ <"$stat"
	for ((i = 0; i < 200 * slow; i++)); do
		sleep 0.05
		read -r now _ <"$stat"
		[ $((now - first)) -lt "$1" ] || return 0
	done
}

# spoor in the background, output in $tmp/out and err; back when it is attached, which it shows by giving up
# privileges -> $pid
start() {
	"$spoor" "$@" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	started+=("$pid")
	attached "$pid" || not_ok "start: spoor $* was not attached after $((5 * slow)) s"
}
attached() { # PID
	local full i
	full=$(sed -n 's/^CapEff:\s*//p' /proc/self/status)
	for ((i = 0; i < 100 * slow; i++)); do
		sleep 0.05
		grep -q "^CapEff:\s*$full" "/proc/$1/status" 2>/dev/null || return 0
	done
	return 1
}
finish() { kill "-${1:-INT}" "$pid"; wait "$pid"; rc=$?; } 2>/dev/null

# Exit status, empty stdout, and a message on stderr that says it: within a few seconds.
refused() { # WHAT STATUS PATTERN OPTION...
	local what=$1 want=$2 pattern=$3
	shift 3
	timeout -s KILL $((10 * slow)) "$spoor" "$@" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	if [ $rc = "$want" ] && [ ! -s "$tmp/out" ] && grep -qE "$pattern" "$tmp/err"; then
		ok "$what: $(head -n 1 "$tmp/err")"
	else
		not_ok "$what: status $rc, wanted $want and a message like '$pattern'"
	fi
}

summary() { grep '^{"type":"summary"' "${2:-$tmp/out}" | grep -F '"interval":false' | jq -s ".[0] | $1"; }
lost() { grep '^{"type":"lost"' "${2:-$tmp/out}" | jq -s ".[0] | $1"; }
reads_counted() { summary "[.rows[] | select(.row == \"op\" and .op == \"libaio read\") | .count] | add" "$@"; }
# Checks of what spoor wrote, by one process for all: in a VM to begin takes it seconds.
valid() { checked valid "$1"; }
# Do the sums hold, in FILE, and EXPRESSION of its threads t?
why_adds_up() { checked sums "$@"; } # FILE [EXPRESSION]
checked() { # valid|sums FILE [EXPRESSION]
	local bad
	[ -n "${CHECKER_PID:-}" ] || checker_start
	echo "$*" >&7
	read -r bad <&8 || bad="the checker died: $(tail -n 3 "$tmp/checker.err")"
	[ "$bad" = 0 ] || { echo "$bad"; cat "$tmp/$1"; return 1; }
}
checker_start() {
	cat >"$tmp/checker.py" <<-'E'
		import contextlib, json, sys
		tmp, most = sys.argv[1], int(sys.argv[2])
		sys.path.insert(0, "tests/lib")
		import validate_json
		validators = validate_json.load_validators()
		validate_json.load_validators = lambda: validators
		# a line takes a millisecond: of long ones the beginning and the end
		def valid(path, _):
		    with open(path, "rb") as f:
		        lines = f.readlines()
		    return validate_json.check_stream(lines if len(lines) <= 2 * most else lines[:most] + lines[-most:], False)
		def same(a, b, what):
		    if a != b:
		        sys.exit(print(f"  {what}: {a}, not {b}") or 1)
		def part(x, *names):
		    return sum(x["parts"][n] for n in names)
		def tables(x, what):
		    same(sum(w["ns"] for w in x["waits"]), part(x, "wait"), f"{what}: waits")
		    same(sum(q["ns"] for q in x["runq"]), part(x, "preempted", "woken", "throttled"), f"{what}: run queue")
		def nodes(path, what):
		    above = []
		    for n in path["nodes"] + [{"depth": 0, "ns": 0}]:
		        while len(above) > n["depth"]:
		            up = above.pop()
		            if up[1]:
		                same(up[1], up[0], f"{what}: below a node")
		        if above:
		            above[-1][1] += n["ns"]
		        above.append([n["ns"], 0])
		    same(sum(n["ns"] for n in path["nodes"] if not n["depth"]), path["ns"], what)
		# Parts are the wall time, waits the part wait, entries of the run queue the three parts that are one; a path's nodes are
		# its time, and those below a node that of the node.
		def sums(path, expression):
		    with open(path) as f:
		        whys = [o for o in map(json.loads, f) if o["type"] == "why"]
		    same(len(whys), 1, "results")
		    w, t = whys[0], whys[0]["threads"]
		    for x in t:
		        same(sum(x["parts"].values()), x["wall"], f"{x['comm']}[{x['tid']}]: parts")
		        tables(x, f"{x['comm']}[{x['tid']}]")
		    same(sum(x["wall"] for x in t), w["wall"], "threads")
		    same({p: sum(x["parts"][p] for x in t) for p in w["parts"]}, w["parts"], "parts of threads")
		    tables(w, "all")
		    for name in ("path", "chain"):
		        if w.get(name):
		            nodes(w[name], name)
		    print(len(t), "threads")
		    return not eval(expression or "t", {"t": t})
		for line in sys.stdin:
		    kind, path, expression = (line.rstrip("\n").split(" ", 2) + [""])[:3]
		    with open(f"{tmp}/{kind}", "w") as out, contextlib.redirect_stdout(out):
		        try:
		            bad = int({"valid": valid, "sums": sums}[kind](path, expression))
		        except SystemExit as e:
		            bad = e.code
		        except Exception as e:
		            bad = f"{type(e).__name__}: {e}".replace("\n", " ")
		    print(bad, flush=True)
	E
	coproc CHECKER { exec "$python" "$tmp/checker.py" "$tmp" $((500 / slow)) 2>"$tmp/checker.err"; }
	started+=("$CHECKER_PID")
	disown "$CHECKER_PID" # that it is killed at the end is not worth a word
	# in subshells bash closes the descriptors of a coprocess, but not copies
	exec 7>&"${CHECKER[1]}" 8<&"${CHECKER[0]}"
}

# ---- what was typed ----

case_input() {
	refused "no command" 2 "Usage: spoor"
	refused "unknown command" 2 "did you mean 'io'" oi
	refused "unknown option" 2 "did you mean.*slower" io --slwer 5ms
	refused "an argument too much" 2 "." io 5ms
	refused "unknown unit" 2 "5parsec" io --slower 5parsec
	refused "unknown unit of -D" 2 "10x" io -D 10x
	refused "a negative time" 2 "." io -D -5
	refused "unknown device" 1 "loop99" io -d loop99
	refused "unknown device number" 1 "998:7" io -d 998:7
	refused "a device that is a file" 1 "not a block device" io -d /etc/passwd
	refused "a device that is a character device" 1 "not a block device" io -d /dev/null
	refused "unknown pid" 2 "no process 4194303" io -p 4194303
	refused "a pid that is a word" 2 "not a process id" io -p init
	refused "unknown thread" 2 "no thread 4194303" io -t 4194303
	refused "unknown cgroup" 1 "no/such" io -c /no/such
	refused "a cgroup that is a file" 1 "." io -c /etc/passwd
	refused "unknown container" 1 "deadbeef1234" io --container deadbeef1234
	refused "unknown kind of operation" 2 "did you mean 'reads'" io --op raeds
	refused "unknown file" 1 "/no/such" io --file /no/such
	refused "sync of a file" 2 "belong to no file" io --file /etc/passwd --op sync
	refused "journal commits of a file" 2 "belong to no file" io --file /etc/passwd --op "journal commit"
	refused "a comm that is too long" 2 "15" io -n a-name-of-more-than-15-bytes
	refused "an output that cannot be written" 1 "/no/such/dir" io -D 0.1 -o /no/such/dir/x
	refused "nothing after --" 2 "command" io --
}

case_empty_result() {
	"$spoor" io -D 0.3s -n no-such-name >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "empty filter result" "$(head -n 1 "$tmp/out")" test $rc = 0 -a -s "$tmp/out"
	"$spoor" io -D 0.3s -n no-such-name --each --json >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "empty filter result, JSON" "no rows, valid" test $rc = 0 -a "$(summary '.rows | length')" = 0
	result "empty filter result, JSON" "valid" valid "$tmp/out"
}

case_command_status() {
	"$spoor" io -- /no/such/program >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "a command that is not there" "$(cat "$tmp/err")" test $rc = 127 -a -s "$tmp/err"
	"$spoor" io -- /etc/passwd >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "a command that is not a program" "$(cat "$tmp/err")" test $rc = 126 -a -s "$tmp/err"
	"$spoor" io -- sh -c 'exit 3' >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "the command's exit status is spoor's" 3 test $rc = 3
	(trap '' CHLD && exec "$spoor" io --json -q -- sh -c 'exit 3') >"$tmp/out" 2>"$tmp/err" &
	wait $!
	rc=$?
	result "a command where the end of children is ignored" "status $rc" test $rc = 3
	result "-q --json has its end" "$(tail -n 1 "$tmp/out" | cut -c 1-40)" valid "$tmp/out"
	"$spoor" io -- sh -c 'kill -9 $$' >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "the command was killed" 137 test $rc = 137
}

# ---- what the machine lacks ----

case_no_root() {
	chmod 711 "$tmp"
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$spoor" io -D 1 >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "no root" "$(head -n 1 "$tmp/err")" test $rc = 1 -a ! -s "$tmp/out"
	result "no root" "the message says root" grep -q root "$tmp/err"
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$spoor" doctor >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "doctor without root" "fails and says why" test $rc != 0 -a -s "$tmp/out"
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$spoor" io --help >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "--help without root" "$(head -n 1 "$tmp/out")" test $rc = 0
}

# In a container processes have other numbers than the kernel's tracepoints give.
case_pid_namespace() {
	local n
	unshare -pf --mount-proc "$spoor" io --json --each --op reads -- dd if="$dev" of=/dev/null bs=4k count=20 iflag=direct \
		>"$tmp/out" 2>"$tmp/err"
	rc=$?
	n=$(grep -c '"type":"op".*"comm":"dd".*"dev":"'"${dev#/dev/}"'"' "$tmp/out")
	result "PID namespace" "status $rc, $n of the command's 20 reads" test $rc = 0 -a "$n" = 20
	unshare -pf --mount-proc "$spoor" io --json --each -n spoor -D 0.5s -o "$tmp/each" >"$tmp/out" 2>"$tmp/err"
	n=$(grep -c '"file":"'"$tmp/each" "$tmp/each")
	result "PID namespace" "$n of its own writes" test "$n" = 0
}

case_no_tracefs() {
	unshare -m sh -c 'umount -a -t tracefs; umount -l /sys/kernel/debug 2>/dev/null; umount -l /sys/kernel/tracing 2>/dev/null
		grep -q "tracefs\|debugfs" /proc/mounts && exit 99
		exec "$@"' sh "$spoor" io --json -d "$dev" -- dd if="$dev" of=/dev/null bs=4k count=10 iflag=direct \
		>"$tmp/out" 2>"$tmp/err"
	rc=$?
	n=$(summary '[.rows[] | select(.row == "op" and .op == "read") | .count] | add')
	result "tracefs not mounted" "status $rc, $n of 10 reads counted" test $rc = 0 -a "${n:-0}" = 10
}

case_no_btf() {
	unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh "$spoor" io -D 0.3 >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "no BTF" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1
	result "no BTF" "the message says BTF" grep -qi btf "$tmp/err"
}

# A kernel that lacks what NAME was: what hangs on it is said to be unseen, the rest is there.
without() { # NAME PATTERN
	local n
	"$python" tests/lib/btf_without.py "$tmp/btf" "$1" || { skip "a kernel without $1: it has none to begin with"; return; }
	unshare -m sh -c 'mount --bind "$1" /sys/kernel/btf/vmlinux && shift && exec "$@"' sh "$tmp/btf" \
		"$spoor" io --json --each --op reads -d "$dev" -- dd if="$dev" of=/dev/null bs=4k count=10 iflag=direct >"$tmp/out" 2>"$tmp/err"
	rc=$?
	n=$(jq -c 'select(.type == "op" and .comm == "dd" and any(.stages[]; .name == "device"))' "$tmp/out" | wc -l)
	result "a kernel without $1" "status $rc, $n of 10 reads with their requests" test $rc = 0 -a "$n" = 10
	result "a kernel without $1" "unseen: $(jq -r 'select(.type == "cost") | .unseen[].what' "$tmp/out" | grep -E "$2")" \
		grep -qE "\"unseen\":.*\"what\":\"[^\"]*($2)" "$tmp/out"
}
case_unknown_kernel() {
	without btf_trace_block_getrq "get request"
	without bi_status "stacked devices"
	without d_name "names of files"
	without f_pos "offsets"
	[ $slow = 1 ] || return
	without btf_trace_irq_handler_exit "part irq"
	without __sector "sectors"
	without start_time_ns "completion was not shown"
	without bi_io_vec "read-ahead"
	without sp "reasons"
	without f_flags "direct"
	"$python" tests/lib/btf_without.py "$tmp/btf" btf_trace_block_rq_issue
	unshare -m sh -c 'mount --bind "$1" /sys/kernel/btf/vmlinux && shift && exec "$@"' sh "$tmp/btf" \
		"$spoor" io -D 0.3 >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "a kernel without what must be" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1 -a ! -s "$tmp/out"
	result "a kernel without what must be" "the message names it" grep -q "block_rq_issue" "$tmp/err"
}

case_few_descriptors() {
	(ulimit -n 24; exec "$spoor" io -D 0.3) >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "24 file descriptors" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1 -a -s "$tmp/err"
}

# ---- days ----

case_two_at_once() {
	start io --json -d "$dev"
	local first=$pid
	"$spoor" io --json -d "$dev" --each >"$tmp/out2" 2>"$tmp/err2" &
	local second=$!
	started+=("$second")
	attached $second
	fio_reads 20000
	kill -INT "$first" "$second"
	wait "$first" && wait "$second"
	rc=$?
	local a b
	a=$(reads_counted) b=$(reads_counted "$tmp/out2")
	result "two at once" "status $rc, fio $fio_ios, they $a and $b" test $rc = 0 -a "$a" = "$fio_ios" -a "$b" = "$fio_ios"
	valid "$tmp/out"; rc=$?; result "two at once" "first: valid JSON" test $rc = 0
	valid "$tmp/out2"; rc=$?; result "two at once" "second: valid JSON" test $rc = 0
}

case_process_killed() {
	start io --json --each -d "$dev"
	fio --name=k --filename="$dev" --rw=randrw --bs=64k --direct=1 --ioengine=libaio --iodepth=32 --size=64m --time_based \
		--runtime=60 --output=/dev/null --thread --numjobs=2 &
	local victim=$!
	while_reads 100
	kill -KILL $victim
	wait $victim 2>/dev/null
	finish
	result "process killed in the middle" "status $rc" test $rc = 0
	valid "$tmp/out"; rc=$?; result "process killed in the middle" "$(cat "$tmp/valid")" test $rc = 0
	result "process killed in the middle" "it had operations" test "$(summary '[.rows[].count] | add')" -gt 0
	# nothing of it stays: the next run starts clean
	"$spoor" io --json -D 0.3 -d "$dev" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "process killed: the next run is empty" "$(summary '.rows | length') rows" test "$(summary '.rows | length')" = 0
}

case_ring_full() {
	start io --json --each -d "$dev"
	kill -STOP "$pid"
	fio_reads $((slow > 1 ? 400000 : 300000))
	kill -CONT "$pid"
	finish
	local counted n printed
	counted=$(reads_counted) n=$(lost '[.causes[] | select(.why | test("ring")) | .n] | add')
	printed=$(grep -c '"type":"op","op":"libaio read"' "$tmp/out")
	result "ring full: losses are counted" "$n lost" test $rc = 0 -a "${n:-0}" -gt 0
	result "ring full: the summary is exact" "fio $fio_ios, spoor $counted" test "$counted" = "$fio_ios"
	result "ring full: printed + lost = all" "$printed + $n" test $((printed + n)) = "$fio_ios"
	valid "$tmp/out"; rc=$?; result "ring full: valid JSON" "$(tail -n 1 "$tmp/valid")" test $rc = 0
}

case_io_error() {
	mkdir "$tmp/small"
	mount -t tmpfs -o size=1m none "$tmp/small" || { skip "I/O error: no tmpfs"; return; }
	local before=$dev
	make_loop "$tmp/small/file" 16m
	"$spoor" io --json --errors -d "$dev" -- dd if=/dev/zero of="$dev" bs=256k count=32 oflag=direct >"$tmp/out" 2>"$tmp/err"
	local n
	n=$(grep -c '"type":"op".*"ret":-\(5\|28\)' "$tmp/out")
	result "I/O error" "$n operations with EIO or ENOSPC" test "$n" -ge 1
	n=$(summary '[.rows[] | select(.row == "device") | .errors] | add')
	result "I/O error" "$n failed requests in the device's row" test "${n:-0}" -ge 1
	dev=$before
}

# reader_gone LABEL COMMAND HOW...: the reader goes away, and spoor ends soon and without complaint
reader_gone() {
	local label=$1 command=$2 how t0 load
	shift 2
	while :; do dd if="$dev" of=/dev/null bs=4k count=100 iflag=direct 2>/dev/null; done &
	load=$!
	started+=("$load")
	for how; do
		t0=$SECONDS
		# shellcheck disable=SC2086 # words
		timeout -s KILL $((30 * slow)) bash -c '"$1" ${@:2} 2>"$TMP_ERR" | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}' sh \
			"$spoor" $command -D 60 $how --slower 1us
		rc=$?
		result "$label| head -1 with ${how:-(summary)}" "status $rc after $((SECONDS - t0)) s" test $rc = 0 -a $((SECONDS - t0)) -lt $((15 + 5 * slow))
		result "$label| head -1 with ${how:-(summary)}" "no complaint" test ! -s "$tmp/err"
	done
	kill $load; wait $load 2>/dev/null
}

case_output() {
	local hows=("" --each --json)
	[ $slow = 1 ] || hows=(--each)
	for how in "${hows[@]}"; do
		timeout -s KILL $((20 * slow)) "$spoor" io -D 1 $how >/dev/full 2>"$tmp/err"
		rc=$?
		result "stdout is full ${how:-(summary)}" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1 -a -s "$tmp/err"
		timeout -s KILL $((20 * slow)) "$spoor" io -D 1 $how >&- 2>"$tmp/err"
		rc=$?
		result "stdout is closed ${how:-(summary)}" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1 -a -s "$tmp/err"
	done
	timeout -s KILL $((20 * slow)) "$spoor" io -D 0.5 -o /dev/full >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "-o /dev/full" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1 -a -s "$tmp/err"
	reader_gone "" io --each --json "-i 0.2s"
}

# Programs, maps and links of the process, by id: others may be tracing at the same time.
bpf_ids() {
	sed -n 's/^\(prog\|map\|link\)_id:\s*/\1 /p' "/proc/$1"/fdinfo/* 2>/dev/null | sort -u
}
bpf_left() { # of the ids in FILE
	for kind in prog map link; do bpftool $kind show | sed -n "s/^\([0-9]*\):.*/$kind \1/p"; done | sort -u | comm -12 - "$1"
}
case_signals() {
	local sig how want hows=("io -d $dev" "io --each" "why -n fio" "why --call io_submit")
	for sig in INT TERM HUP KILL; do
		# after KILL it is the kernel that cleans up
		[ $slow = 1 ] || case $sig in
		INT | HUP) hows=("io --each") ;;
		TERM) hows=("why -n fio") ;;
		KILL) hows=("io --each" "why -n fio") ;;
		esac
		for how in "${hows[@]}"; do
			start $how
			bpf_ids "$pid" >"$tmp/ids"
			# else the check below would show nothing
			[ -s "$tmp/ids" ] && [ "$(bpf_left "$tmp/ids")" = "$(cat "$tmp/ids")" ] || not_ok "SIG$sig: the ids are wrong"
			fio_reads 2000
			finish $sig
			want=0
			[ $sig != KILL ] || want=137
			result "SIG$sig with $how" "status $rc" test $rc = $want
			[ $sig = KILL ] || result "SIG$sig with $how" "the summary comes" grep -q "^lost: " "$tmp/out"
			# the kernel frees them after a grace period
			for _ in {1..40}; do bpf_left "$tmp/ids" >"$tmp/left"; [ -s "$tmp/left" ] || break; sleep 0.1; done
			result "SIG$sig with $how" "$(wc -l <"$tmp/ids") programs, maps and links, none left" test ! -s "$tmp/left"
		done
	done
	result "signals" "nothing pinned in /sys/fs/bpf" test -z "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug' 2>/dev/null)"
}

# Whenever the signal comes: spoor ends, the command does not run on its own.
case_interrupted_early() {
	local bad=0 delay begin
	local delays=(0.00 0.01 0.02 0.04 0.06 0.08 0.10 0.12 0.15 0.20 0.25 0.30)
	[ $slow = 1 ] || delays=(0.01 0.5 1.5)
	for delay in "${delays[@]}"; do
		rm -f "$tmp/child"
		"$spoor" io -- sh -c 'echo $$ >"$1"; exec sleep 30' sh "$tmp/child" >"$tmp/out" 2>"$tmp/err" &
		pid=$!
		started+=("$pid")
		sleep $delay
		begin=$SECONDS
		kill -TERM $pid
		wait $pid
		rc=$?
		if [ $((SECONDS - begin)) -gt $((2 * slow)) ]; then echo "  after $delay s: took $((SECONDS - begin)) s"; bad=1; fi
		sleep 0.1
		[ -s "$tmp/child" ] || continue
		kill "$(cat "$tmp/child")"
		# attaching takes longer; a command that has started is left to end as it wants
		[[ $delay < 0.05 ]] && { echo "  after $delay s: the command was started nevertheless"; bad=1; }
	done
	result "SIGTERM at ${#delays[@]} moments of the start" "ends soon, does not start the command" test $bad = 0
}

case_terminal() {
	cat >"$tmp/terminal.py" <<-'E'
		import fcntl, os, pty, re, struct, sys, termios, unicodedata
		def resize(fd, columns):
		    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
		pid, fd = pty.fork()
		if not pid:
		    os.environ["TERM"] = "xterm"
		    os.execv(sys.argv[1], sys.argv[1:])
		resize(fd, 150)
		seen, sizes = b"", [(3, 90), (6, 150)]
		while True:
		    if sizes and seen.count("── ".encode()) >= sizes[0][0]:
		        resize(fd, sizes.pop(0)[1])
		        seen += b"<<resized>>"
		    try:
		        data = os.read(fd, 65536)
		    except OSError:
		        break
		    if not data:
		        break
		    seen += data
		status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
		parts = re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", seen).decode("utf-8", "replace").split("<<resized>>")
		def widest(text):
		    return max([0] + [sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
		                      for line in text.replace("\r", "").split("\n")[1:]])
		# what was being printed while the size changed does not count: from the next table on
		print(status, *map(widest, parts[:1] + [p.partition("\n── ")[2] for p in parts[1:]]))
	E
	while :; do dd if="$dev" of=/dev/null bs=4k count=100 iflag=direct 2>/dev/null; done &
	local load=$!
	started+=("$load")
	LC_ALL=C.UTF-8 "$python" "$tmp/terminal.py" "$spoor" io -i 0.3s -D 4s >"$tmp/out" 2>"$tmp/err"
	kill $load; wait $load 2>/dev/null
	local status wide narrow again
	read -r status wide narrow again <"$tmp/out"
	result "terminal resized 150 -> 90 -> 150" "status $status, widest lines $wide, $narrow, $again" \
		test "$status" = 0 -a "$wide" -le 150 -a "$narrow" -le 90 -a "$narrow" -gt 0 -a "$again" -le 150
}

# ---- spoor why ----

case_why_input() {
	refused "why: nobody's time" 2 "whose time" why
	refused "why: unknown system call" 2 "no system call 'fsnyc'" why --call fsnyc
	refused "why: --call and --func" 2 "give one" why --call fsync --func vfs_fsync
	refused "why: --slower of no call" 2 "is for calls" why -n sh --slower 1ms
	refused "why: --top of no call" 2 "is for calls" why -n sh --top 3
	refused "why: --top 5000" 2 "at most" why --call read --top 5000
	refused "why: -q with -v" 2 "contradict" why -q -v -n sh
	refused "why: unknown pid" 2 "no process 4194303" why -p 4194303
	refused "why: nothing after --" 2 "command" why --
	refused "why: an output that cannot be written" 1 "/no/such/dir" why --call read -D 0.1 -o /no/such/dir/x
	# locked down, or not there
	refused "why: unknown function" 1 "no function no_such_function|fentry" why --func no_such_function -D 0.1
}

case_why_empty() {
	local how
	for how in "-n no-such-name" "--call fsync -n no-such-name"; do
		"$spoor" why --json -D 0.3s $how >"$tmp/out" 2>"$tmp/err"
		rc=$?
		result "why: empty, $how" "status $rc" test $rc = 0
		result "why: empty, $how" "sums" why_adds_up "$tmp/out" "not t"
		result "why: empty, $how" "valid" valid "$tmp/out"
	done
}

case_why_command_status() {
	"$spoor" why -- /no/such/program >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "why: a command that is not there" "$(head -n 1 "$tmp/err")" test $rc = 127 -a -s "$tmp/err"
	"$spoor" why -- /etc/passwd >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "why: a command that is not a program" "$(head -n 1 "$tmp/err")" test $rc = 126 -a -s "$tmp/err"
	"$spoor" why --json -- sh -c 'sleep 0.1; exit 3' >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "why: the command's exit status is spoor's" 3 test $rc = 3
	result "why: the command's exit status is spoor's" "sums" why_adds_up "$tmp/out"
	"$spoor" why -- sh -c 'kill -9 $$' >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "why: the command was killed" 137 test $rc = 137
}

case_why_output() {
	local how
	for how in "" --json; do
		timeout -s KILL $((20 * slow)) "$spoor" why $how -- sleep 0.2 >/dev/full 2>"$tmp/err"
		rc=$?
		result "why: stdout is full $how" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1 -a -s "$tmp/err"
		timeout -s KILL $((20 * slow)) "$spoor" why $how -n sh -D 0.5 >&- 2>"$tmp/err"
		rc=$?
		result "why: stdout is closed $how" "status $rc: $(head -n 1 "$tmp/err")" test $rc = 1 -a -s "$tmp/err"
	done
	reader_gone "why: " "why --call read" "" --json
}

case_why_process_killed() {
	sh -c 'while :; do sleep 0.01; done' &
	local victim=$!
	started+=("$victim")
	start why --json -p $victim
	sleep 1
	kill -KILL $victim
	wait $victim 2>/dev/null
	sleep 0.2
	finish
	result "why: process killed in the middle" "status $rc" test $rc = 0
	result "why: process killed in the middle" "it has ended, sums" \
		why_adds_up "$tmp/out" "len(t) > 2 and [x['ended'] for x in t if x['tid'] == $victim] == [True]"
	valid "$tmp/out"; rc=$?; result "why: process killed in the middle" "$(cat "$tmp/valid")" test $rc = 0
}

case_why_two_at_once() {
	sh -c 'while :; do sleep 0.01; done' &
	local load=$!
	started+=("$load")
	sleep 600 & # of which nothing is seen
	started+=("$!")
	start why --json -p $load
	local first=$pid
	"$spoor" why --json -n sleep >"$tmp/out2" 2>"$tmp/err2" &
	local second=$!
	started+=("$second")
	attached $second
	sleep 1
	kill -INT "$first" "$second"
	wait "$first" && wait "$second"
	rc=$?
	kill $load; wait $load 2>/dev/null
	result "why: two at once" "status $rc" test $rc = 0
	result "why: two at once" "sums of the first" why_adds_up "$tmp/out" "{'sh', 'sleep'} <= {x['comm'] for x in t}"
	result "why: two at once" "sums of the second" why_adds_up "$tmp/out2" "{x['comm'] for x in t} == {'sleep'}"
	valid "$tmp/out2"; rc=$?; result "why: two at once" "second: valid JSON" test $rc = 0
}

# A shell that forks as fast as it can: each child is there.
case_why_forks() {
	local n=$((4000 / slow)) t0=${EPOCHREALTIME/[.,]/}
	"$spoor" why --json -- bash -c "for ((i = 0; i < $n; i++)); do (:); done" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	local us=$((${EPOCHREALTIME/[.,]/} - t0))
	result "why: forks" "status $rc, $((n * 1000000 / us)) a second" test $rc = 0
	result "why: forks" "$n children, sums" why_adds_up "$tmp/out" "len(t) == $n + 1"
}

case_why_threads() {
	local n=$((2000 / slow))
	cat >"$tmp/threads.py" <<-'E'
		import sys, threading
		threading.stack_size(65536)
		gate = threading.Barrier(int(sys.argv[1]) + 1)
		all = [threading.Thread(target=gate.wait) for _ in range(int(sys.argv[1]))]
		for t in all: t.start()
		gate.wait()
		for t in all: t.join()
	E
	timeout -s KILL $((30 * slow)) "$spoor" why --json -- "$python" "$tmp/threads.py" $n >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "why: threads" "status $rc" test $rc = 0
	result "why: threads" "$n, sums" why_adds_up "$tmp/out" "sum(x['wall'] > 0 for x in t) >= $n + 1"
	timeout -s KILL $((30 * slow)) "$spoor" why --json --call futex --top 5 -- "$python" "$tmp/threads.py" $n >"$tmp/out" 2>"$tmp/err"
	rc=$?
	result "why: threads, --call futex" "status $rc" test $rc = 0
	result "why: threads, --call futex" "sums" why_adds_up "$tmp/out"
}

# Cases in which the kernel has no part, once spoor is attached or because it is not: among the VMs, one's is enough.
same_everywhere="case_input case_why_input case_command_status case_why_command_status case_output case_why_output
	case_empty_result case_why_empty case_terminal"
one_kernel=6.1

modprobe -q loop
make_loop "$tmp/disk" 64m
export TMP_ERR=$tmp/err
: >"$tmp/out" >"$tmp/err"
for c in $(declare -F | sed -n 's/^declare -f \(case_.*\)/\1/p'); do
	[[ $c == *${1:-}* ]] || continue
	[ $slow = 1 ] || [ -n "${1:-}" ] || [[ $(uname -r) == $one_kernel.* ]] || [[ " $same_everywhere " != *[[:space:]]"$c"[[:space:]]* ]] || continue
	[ -d "$tmp" ] || { echo "not ok somebody removed $tmp"; exit 1; }
	t0=$SECONDS failed=0
	$c >"$tmp/said"
	if [ $failed != 0 ]; then
		sed -n 's/^not ok/# again &/p' "$tmp/said"
		failed=0
		$c >"$tmp/said"
	fi
	cat "$tmp/said"
	[ $failed = 0 ] || any=1
	echo "# $c: $((SECONDS - t0)) s"
done
exit $any
