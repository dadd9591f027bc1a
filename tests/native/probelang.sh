#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Every form of the probe language, as docs/probe-language.md has it: each example is run, with both back ends, and its
# output compared with the page. Root. What needs probes on functions is skipped where the kernel has none.
#
# usage: tests/native/probelang.sh [PATTERN]      only examples whose commands have it
#	tests/vm/run-vm --fast -c 1 -t 900 KERNEL -- tests/native/probelang.sh
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
spoor=${SPOOR:-$PWD/${O:-out}/spoor}
[ -x "$spoor" ] || { echo "no $spoor: make first"; exit 1; }
ip link set lo up 2>/dev/null
failed=0
"${PYTHON:-python3}" tests/lib/probe_doc.py "$spoor" docs/probe-language.md "$@" || failed=1

# The script that -S -o writes: prints what happens, and leaves nothing behind. Each step is waited for, a minute at most.
until_true() { n=0; until "$@" || [ $n -ge 300 ]; do sleep 0.2; n=$((n + 1)); done; "$@"; }
enabled() { grep -qs 1 /sys/kernel/tracing/instances/spoor_"$pid"/events/sched/sched_process_exec/enable; }
printed() { /bin/true; grep -q 'sched_process_exec: filename=/bin/true' "$tmp/out"; }
gone() { [ ! -e /sys/kernel/tracing/instances/spoor_"$pid" ]; }
if [ ! -e /sys/kernel/tracing/trace ]; then
	echo "skip a script of -S -o # tracefs is not mounted"
	exit $failed
fi
tmp=$(mktemp -d) || exit 1
trap 'kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
pid=
"$spoor" probe -S -o "$tmp/x.sh" 'e sched/sched_process_exec f:filename=="/bin/true"' || failed=1
sh "$tmp/x.sh" >"$tmp/out" 2>&1 &
pid=$!
for step in enabled printed; do
	if until_true $step; then echo "ok a script of -S -o: $step"; else echo "not ok a script of -S -o: $step"; failed=1; cat "$tmp/out"; fi
done
kill -TERM $pid
if until_true gone; then echo "ok a script of -S -o: cleans up"; else echo "not ok a script of -S -o: cleans up"; failed=1; fi
exit $failed
