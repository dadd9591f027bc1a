#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Recordings of real runs on the running kernel: what is reported is byte for byte what the run itself printed; what is left
# after SIGKILL and on a full disk; who may read. Root. Prints "ok|not ok|skip WHAT" a line.
#
# usage: tests/native/record.sh [PATTERN]      only the cases whose function names match
set -u
cd "$(dirname "$0")/../.." || exit 1
spoor=${SPOOR:-$PWD/${O:-out}/spoor}
python=${PYTHON:-python3}
failed=0 any=0
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
[ -x "$spoor" ] || { echo "no $spoor: make first"; exit 1; }
tmp=$(mktemp -d /tmp/spoor-record.XXXXXX) && chmod 755 "$tmp" || exit 1
loops=() started=()
clean_up() {
	trap '' INT TERM
	kill -KILL ${started+"${started[@]}"} 2>/dev/null
	wait
	for m in $(grep " $tmp/" /proc/mounts | cut -d' ' -f2); do umount "$m" || umount -l "$m"; done
	for d in ${loops+"${loops[@]}"}; do losetup -d "$d"; done
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

not_ok() {
	echo "not ok $*"
	failed=1
	head -c 1500 "$tmp/out" "$tmp/err" 2>/dev/null | sed 's/^/  /'
}
# result WHAT COMMAND...: ok if the command succeeds
result() { what=$1; shift; if "$@"; then echo "ok $what"; else not_ok "$what (failed: $*)"; fi; }
said() { grep -q -e "$1" "$tmp/err"; }
run() { "$@" >"$tmp/out" 2>"$tmp/err"; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

# Buffered and direct I/O, syncs, failures, and names that do harm where they are printed raw
load() {
	local d=$tmp/load
	mkdir -p "$d"
	cat >"$tmp/load.py" <<-'END'
		import os, sys
		d = sys.argv[1].encode()
		for name in (b"<script>", b"it's \"so\"", b"a\tb\033[2J", b"\xff\xfe", "日本".encode()):
		    with open(d + b"/" + name, "wb") as f:
		        f.write(b"x" * 70000)
		        f.flush()
		        os.fsync(f.fileno())
		    with open(d + b"/" + name, "rb") as f:
		        while f.read(4096):
		            pass
		for i in range(300):
		    fd = os.open(d + b"/direct", os.O_RDWR | os.O_CREAT)
		    os.pwrite(fd, b"y" * 8192, 8192 * i)
		    if not i % 50:
		        os.fdatasync(fd)
		    os.close(fd)
		fd = os.open(d, os.O_RDONLY)
		try:
		    os.read(fd, 10)
		except OSError:
		    pass
	END
	"$python" "$tmp/load.py" "$d"
}

# same WHAT -- RECORD-ARGUMENTS -- REPORT-ARGUMENTS: what the run printed, and what the report prints of it
same() {
	local what=$1 a=() b=()
	shift 2
	while [ "$1" != -- ]; do a+=("$1"); shift; done
	shift
	b=("$@")
	rm -f "$tmp"/x.spoor*
	if ! "$spoor" record -o "$tmp/x.spoor" "${a[@]}" -o "$tmp/live" -- "$python" "$tmp/load.py" "$tmp/load" 2>"$tmp/err"; then
		not_ok "$what: recorded"
		return
	fi
	run "$spoor" report "${b[@]}" "$tmp/x.spoor" || { not_ok "$what: reported"; return; }
	[ -s "$tmp/live" ] && cmp "$tmp/live" "$tmp/out" >"$tmp/err" 2>&1
	result "$what: $(wc -l <"$tmp/live") lines, the report is the same byte for byte" test $? = 0
}

case_same() {
	load
	same "io --json" -- io --json -- --json
	cp "$tmp/x.spoor" "$tmp/io.spoor"
	result "the report of it is valid" eval '"$spoor" report --json "$tmp/io.spoor" | "$python" tests/lib/validate_json.py >"$tmp/out" 2>"$tmp/err"'
	same "io -H" -- io -H -- -H
	same "io --each" -- io --each -v -- --each -v
	same "io --slower --errors" -- io --slower 1ns --errors -- --slower 1ns --errors
	same "io --top" -- io --top 7 -- --top 7
	same "io -i" -- io -i 20ms -- -i 20ms
	same "io --json -i" -- io --json -i 20ms -- --json -i 20ms
	same "io -q" -- io -q -- -q
	same "io --block --json" -- io --block --json -- --json
	same "sched --slower" -- sched --slower 10us -v -- --slower 10us -v
	same "sched --json" -- sched --json --slower 10us -- --json
	same "why" -- why -v -- -v
	same "why --call --json" -- why --call fsync --slower 1ns --json -- --json
}

# What is printed with a view that the run had not is what the same operations give: counted against the JSON of the run
case_other_views() {
	load
	"$spoor" record -o "$tmp/x.spoor" io --json -o "$tmp/live" -- "$python" "$tmp/load.py" "$tmp/load" 2>"$tmp/err"
	local all failed_ops slow wanted got
	all=$(jq -c 'select(.type == "op")' "$tmp/live" | wc -l)
	failed_ops=$(jq -c 'select(.type == "op" and .ret < 0)' "$tmp/live" | wc -l)
	run "$spoor" report --each -q "$tmp/x.spoor"
	got=$("$spoor" report --json --errors "$tmp/x.spoor" | jq -c 'select(.type == "op")' | wc -l)
	result "--errors: $got of $all operations" test "$got" = "$failed_ops" -a "$got" -ge 1
	slow=$(jq -s 'map(select(.type == "op") | .wall) | sort | reverse | .[4]' "$tmp/live")
	got=$("$spoor" report --json --top 5 "$tmp/x.spoor" | jq -s 'map(select(.type == "op") | .wall) | .[4]')
	result "--top 5: the fifth took $got ns" test "$got" = "$slow"
	wanted=$(jq -c "select(.type == \"op\" and .wall >= $slow)" "$tmp/live" | wc -l)
	got=$("$spoor" report --json --slower "${slow}ns" "$tmp/x.spoor" | jq -c 'select(.type == "op")' | wc -l)
	result "--slower ${slow}ns: $got operations" test "$got" = "$wanted"
	wanted=$(jq -c 'select(.type == "op" and .op == "fsync")' "$tmp/live" | wc -l)
	got=$("$spoor" report --json --op fsync "$tmp/x.spoor" | jq -s 'map(select(.type == "summary").rows[] | select(.row == "op") | .count) | add')
	result "--op fsync: $got, and so says the summary made of them" test "$got" = "$wanted" -a "$got" -ge 5
	run "$spoor" report --file "$tmp/load/<script>" --json "$tmp/x.spoor"
	result "--file: those of a file with < in its name" test "$(jq -r 'select(.type == "op").file' "$tmp/out" | sort -u)" = "$tmp/load/<script>"
	got=$("$spoor" report --sql 'select count(*), sum(wall = cpu + irq + softirq + runq + wait) from operations' "$tmp/x.spoor" | tail -n 1)
	result "--sql: all operations, each the sum of its parts" test "$got" = "$all	$all"
	got=$(sqlite3 "file:$tmp/x.spoor?mode=ro" 'select count(*) from operations' 2>&1)
	result "plain sqlite3: $got operations" test "$got" = "$all"
}

# Until $1 has at least $2 bytes
grow_wait() {
	for _ in $(seq 300); do
		[ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge "$2" ] && return
		sleep 0.1
	done
	return 1
}

case_sigkill() {
	load
	rm -f "$tmp"/k.spoor*
	"$spoor" record -o "$tmp/k.spoor" io -q >"$tmp/out" 2>"$tmp/err" &
	local pid=$! before after n
	started+=("$pid")
	( while :; do "$python" "$tmp/load.py" "$tmp/load"; done ) &
	local loader=$!
	started+=("$loader")
	grow_wait "$tmp/k.spoor-wal" 200000
	sleep 2
	before=$(date +%s%N)
	sleep 1.5
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	kill "$loader"
	wait "$loader" 2>/dev/null
	before=$("$python" -c "import time; print(time.monotonic_ns() - (time.time_ns() - $before))")
	cp -r "$tmp"/k.spoor* "$tmp/load"
	run "$spoor" report --json "$tmp/k.spoor"
	n=$(jq -c 'select(.type == "op")' "$tmp/out" | wc -l)
	after=$(jq -c "select(.type == \"op\" and .t > $before)" "$tmp/out" | wc -l)
	result "killed: $n operations can be read, $after of them from 1.5 s before" test "$n" -gt 1000 -a "$after" -gt 0
	result "it says that it was cut off" said "was cut off"
	result "its summary is made of them" test "$(jq 'select(.type == "summary").rows | map(select(.row == "op").count) | add' "$tmp/out")" = "$n"
	mkdir -p "$tmp/elsewhere"
	cp "$tmp/load"/k.spoor* "$tmp/elsewhere"
	chmod -R a+r "$tmp/elsewhere"
	got=$(nobody "$spoor" report --json "$tmp/elsewhere/k.spoor" 2>"$tmp/err" | jq -c 'select(.type == "op")' | wc -l)
	result "who may only read it and its log sees the same: $got" test "$got" = "$n"
	got=$("$spoor" report --sql 'select count(*) from operations' "$tmp/k.spoor" | tail -n 1)
	result "its tables are made when they are asked for: $got" test "$got" = "$n"
}

case_full_disk() {
	load
	mkdir -p "$tmp/small"
	mount -t tmpfs -o size=3m tmpfs "$tmp/small" || { echo "skip full disk: no tmpfs"; return; }
	( while :; do "$python" "$tmp/load.py" "$tmp/load"; done ) &
	local loader=$! rc n
	started+=("$loader")
	timeout 60 "$spoor" record -o "$tmp/small/f.spoor" io -q -D 50 >"$tmp/out" 2>"$tmp/err"
	rc=$?
	kill "$loader"
	wait "$loader" 2>/dev/null
	result "a full disk ends it (status $rc) with the reason" eval 'test $rc = 1 && said "the disk is full"'
	run "$spoor" report --json "$tmp/small/f.spoor"
	n=$(jq -c 'select(.type == "op")' "$tmp/out" | wc -l)
	result "what was written until then can be read: $n operations" test "$n" -gt 1000
	umount "$tmp/small"
}

case_who() {
	load
	rm -f "$tmp"/w.spoor*
	"$spoor" record -o "$tmp/w.spoor" io -q -o /dev/null -- "$python" "$tmp/load.py" "$tmp/load" 2>"$tmp/err"
	result "nobody else may read it" test "$(stat -c %a "$tmp/w.spoor")" = 600
	run nobody "$spoor" report "$tmp/w.spoor"
	result "and is told so" said "Permission denied"
	chmod 644 "$tmp/w.spoor"
	"$spoor" report "$tmp/w.spoor" >"$tmp/root" 2>/dev/null
	run nobody "$spoor" report "$tmp/w.spoor"
	result "who may reads the same without root" cmp -s "$tmp/root" "$tmp/out"
	"$spoor" record -o "$tmp/two.spoor" io -q >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	started+=("$pid")
	grow_wait "$tmp/two.spoor" 1
	run "$spoor" record -o "$tmp/two.spoor" io -D 1
	result "a second recorder on the same file is refused" said "another spoor is recording"
	run "$spoor" report "$tmp/two.spoor"
	result "a report of a recording under way is refused" said "still being recorded"
	kill -INT "$pid"
	wait "$pid"
	result "the first one was not disturbed" "$spoor" report -q -o /dev/null "$tmp/two.spoor"
	echo precious >"$tmp/mine"
	run "$spoor" record -o "$tmp/mine" io -D 1
	result "no other file is written over" eval 'said "not a recording" && test "$(cat "$tmp/mine")" = precious'
	mkdir -p "$tmp/users" && chown 65534:65534 "$tmp/users"
	SUDO_UID=65534 SUDO_GID=65534 "$spoor" record -o "$tmp/users/s.spoor" io -q -o /dev/null -D 1 2>"$tmp/err"
	result "through sudo it is the user's" test "$(stat -c %u "$tmp/users/s.spoor")" = 65534
	result "and no log is left beside it" test "$(ls "$tmp/users")" = s.spoor
	run nobody "$spoor" report "$tmp/users/s.spoor"
	result "who reads it" test $? = 0
}

case_ring() {
	load
	rm -f "$tmp"/r.spoor*
	( while :; do "$python" "$tmp/load.py" "$tmp/load"; done ) &
	local loader=$! kept
	started+=("$loader")
	"$spoor" record -o "$tmp/r.spoor" --keep 1s io -q -o /dev/null -D 5 2>"$tmp/err"
	kill "$loader"
	wait "$loader" 2>/dev/null
	run "$spoor" report --json "$tmp/r.spoor"
	kept=$(jq -s 'map(select(.type == "op")) | (map(.t) | max) - (map(.t) | min)' "$tmp/out")
	result "--keep 1s: what is kept spans $kept ns" test "$kept" -lt 3000000000 -a "$kept" -gt 200000000
	result "it says that some were dropped" said "were dropped"
}

for c in $(compgen -A function case_); do
	[[ $c == *${1:-}* ]] || continue
	any=1
	"$c"
done
[ "$any" = 1 ] || { echo "no case matches"; exit 1; }
exit $failed
