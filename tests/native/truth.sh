#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does spoor io find known causes under their own names on the kernel that runs here? What this one can show without
# devices that delay (tests/vm/truth.sh has them): root, loop devices over /dev/shm, cgroups of our own.
#	O=DIR tests/native/truth.sh [NAME]...
#
# Prints "ok|not ok|skip NAME DETAIL" a line. TRUTH_KEEP=DIR: where the traces are kept.
# shellcheck disable=SC2034 # variables of tests/lib/truth.sh

here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "# truth.sh: needs root" >&2; exit 97; }
undo=()
export SPOOR_NATIVE=1 # nothing_lost() in lib/truth.py
end_all() {
	local i
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do eval "${undo[i]}" >/dev/null 2>&1; done
	undo=()
}
# ours alone, so that nobody else's is unmounted
if ! mountpoint -q /sys/kernel/tracing; then
	[ -n "${TRUTH_NS:-}" ] || TRUTH_NS=1 exec unshare -m "$0" "$@"
	mount -t tracefs tracefs /sys/kernel/tracing
fi
T=$(mktemp -d /dev/shm/truth.XXXXXX)
# What else runs here shall not be measured: before it, when the CPUs are busy.
renice -n -15 $$ >/dev/null 2>&1
trap 'rc=$?; end_all; rm -rf "$T"; exit $rc' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
. "$here/../lib/truth.sh"
progs_ready

# ours FILE: a loop device over it, in $loop. /dev/loop0 is left to others.
ours() {
	local file=$1 first=
	shift
	loop=$(losetup --show -f "$@" "$file") || return
	if [ "$loop" = /dev/loop0 ]; then
		first=$loop
		loop=$(losetup --show -f "$@" "$file") || { losetup -d "$first"; return 1; }
		losetup -d "$first"
	fi
	undo+=("losetup -d $loop")
}
disk() { # SIZE_MB
	rm -f "$T/disk"
	truncate -s "$1M" "$T/disk"
	ours "$T/disk"
}
file_system() { # FSTYPE SIZE_MB: on $loop, at $mnt
	mnt=$T/mnt
	mkdir -p "$mnt"
	disk "$2" || return
	mkfs_dev "$1" "$loop" && mount -t "$1" -o "$(quiet_mount "$1")" "$loop" "$mnt" && undo+=("umount $mnt")
}
mkfs_dev() {
	case $1 in
	ext4) mkfs.ext4 -q -F -E nodiscard "$2" ;;
	xfs) mkfs.xfs -q -f -K "$2" ;;
	btrfs) mkfs.btrfs -q -f -K "$2" ;;
	esac >/dev/null 2>&1
}
# cgroup v1 or v2 with a limit of reads or writes a second, in $group
limited() { # read|write NUMBER DEVICE
	local number
	number=$(lsblk -ndo MAJ:MIN "$3" | tr -d ' ')
	if [ -e "/sys/fs/cgroup/blkio/blkio.throttle.$1_iops_device" ]; then
		group=/sys/fs/cgroup/blkio/spoor-truth-$$
		mkdir "$group" && undo+=("rmdir $group") && echo "$number $2" >"$group/blkio.throttle.$1_iops_device"
	elif [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		group=/sys/fs/cgroup/spoor-truth-$$
		mkdir "$group" && undo+=("rmdir $group") && echo "$number ${1:0:1}iops=$2" >"$group/io.max"
	else
		return 1
	fi
}

scenario_counts() {
	disk 64 || { skip counts "no loop device"; return; }
	trace_begin counts || return
	fio --filename="$loop" --size=64m --direct=1 --output-format=json --output="$T/counts.fio" --name=job \
		--rw=randrw --bsrange=4k-64k --io_size=16m --ioengine=libaio --iodepth=8 >/dev/null 2>&1
	trace_end counts
	verify counts <<-E
		import json
		job = json.loads(text("counts.fio"))["jobs"][0]
		dev = "${loop#/dev/}"
		note(as_fio(t, job, dev, "libaio read", "libaio write"))
		note(as_diskstats(t, disk_change(dir, name, dev), dev))
		ops = t.ops("libaio read", "libaio write", dev=dev)
		lat = sum(job[k]["lat_ns"]["mean"] * job[k]["total_ios"] for k in ("read", "write"))
		note(close(wall(ops), lat, "wall", 0.8, 1.02))
		note(known(ops), nothing_lost(t))
	E
	trace_psync
}
trace_psync() {
	trace_begin counts_psync || return
	fio --filename="$loop" --size=64m --direct=1 --output-format=json --output="$T/counts_psync.fio" --name=job \
		--rw=randrw --bsrange=4k-64k --io_size=16m --ioengine=psync --numjobs=3 --group_reporting >/dev/null 2>&1
	trace_end counts_psync
	verify counts_psync <<-E
		import json
		job = json.loads(text("counts_psync.fio"))["jobs"][0]
		dev = "${loop#/dev/}"
		note(as_fio(t, job, dev, "pread64", "pwrite64"))
		note(as_diskstats(t, disk_change(dir, name, dev), dev))
		ops = t.ops("pread64", "pwrite64", dev=dev)
		lat = sum(job[k]["lat_ns"]["mean"] * job[k]["total_ios"] for k in ("read", "write"))
		note(close(wall(ops), lat, "wall", 0.8, 1.02))
		device = sum(1 for o in ops if any(s["name"] == "device" for s in o["stages"]))
		note(same(device, len(ops), "with device stages"), known(ops), nothing_lost(t))
	E
}

# Reads of 128 MB from the cache, so that the CPU is lost within them; what the scheduler counted is the truth.
scenario_runq_busy() {
	local cpu hog
	cpu=$(($(nproc) - 1))
	dd if=/dev/zero of="$T/cached" bs=1M count=128 2>/dev/null
	taskset -c $cpu sh -c 'while :; do :; done' &
	hog=$!
	trace runq_busy -- taskset -c $cpu "$progs/readers" -B -r -o -z 134217728 -n 10 "$T/cached"
	kill -KILL $hog; wait $hog 2>/dev/null
	verify runq_busy <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: o["bytes"] == 134217728)
		note(same(len(ops), 10, "reads"), close(part(ops, "runq"), t.out["run_delay_ns"], "runq"))
		holds(part(ops, "runq") > 0.2 * wall(ops), "hardly any waiting: " + where_it_went(ops))
		note(f"preempted {ms(sum(o['runq_preempted'] for o in ops))}", known(ops), nothing_lost(t))
	E
}

scenario_softirq() {
	local load
	disk 64 && dd if=/dev/zero of="$T/cached" bs=1M count=128 2>/dev/null || { skip softirq "no loop device"; return; }
	fio --filename="$loop" --size=64m --direct=1 --name=load --rw=randread --bs=4k --ioengine=libaio --iodepth=16 \
		--runtime=20 --time_based >/dev/null 2>&1 &
	load=$!
	sleep 0.5
	witness_begin irq/softirq_entry irq/softirq_exit || { skip softirq "no ftrace"; kill $load; return; }
	trace softirq -- "$progs/readers" -B -o -z 134217728 -n 20 "$T/cached"
	witness_end softirq irq/softirq_entry irq/softirq_exit
	kill $load; wait $load 2>/dev/null
	verify softirq <<-'E'
		ops = t.ops("pread64", comm="readers", where=lambda o: o["bytes"] == 134217728)
		intervals = softirqs(f"{dir}/{name}.ftrace", ops[0]["tid"])
		truth = overlap(intervals, ops)
		if len(intervals) < 20: skip(f"only {len(intervals)} softirqs came")
		# ftrace prints microseconds
		note(close(part(ops, "softirq"), truth, "softirq", 0.8, 1.2, 100000), f"{len(intervals)} softirqs", known(ops), nothing_lost(t))
	E
}

scenario_cache_hit() {
	dd if=/dev/urandom of="$T/cached" bs=1M count=4 2>/dev/null
	trace cache_hit -n readers -- "$progs/readers" -B -z 16384 -n 500 "$T/cached"
	verify cache_hit <<-E
		ops = t.ops("pread64", comm="readers", file="/cached")
		note(same(len(ops), 500, "reads"), same(sum(o["ret"] for o in ops), t.out["bytes"], "bytes"))
		note(same(sum("cache_hit" in o["flags"] for o in ops), 500, "with the flag"))
		note(same(sum(len(o["stages"]) for o in ops), 0, "stages"), same(wait(ops), 0, "waits"), nothing_lost(t))
	E
}

scenario_operations() {
	file_system ext4 128 || { skip operations "no ext4"; return; }
	operations_in operations "$mnt"
}

scenario_readahead() {
	file_system ext4 128 || { skip readahead "no ext4"; return; }
	dd if=/dev/urandom of="$mnt/big" bs=1M count=8 conv=fsync 2>/dev/null
	dd of="$mnt/big" oflag=nocache conv=notrunc,fdatasync count=0 2>/dev/null
	readahead_of readahead "${loop#/dev/}" "$mnt/big"
}

fsync_on() {
	file_system "$1" 512 || { skip "fsync_$1" "no $1 here"; return; }
	trace_begin "fsync_$1" || return
	"$progs/fsyncer" -n 100 "$mnt/load" >/dev/null &
	"$progs/fsyncer" -n 100 "$mnt/file" >"$T/fsync_$1.out"
	wait $!
	trace_end "fsync_$1"
	verify "fsync_$1" <<-E
		ops = t.ops("fsync", comm="fsyncer", file="/file")
		note(same(len(ops), 100, "fsyncs"), close(wall(ops), t.out["fsync_ns"], "wall", 0.7, 1.01))
		named = {r: ns for r, ns in reasons(ops) if r.startswith(("journal", "transaction", "page under", "ordered", "device cache", "metadata"))}
		note(at_least(sum(named.values()), wait(ops), "log and data, of the waiting", ops))
		dev = "${loop#/dev/}"
		note(as_diskstats(t, disk_change(dir, name, dev), dev))
		note(where_it_went(ops), known(ops), nothing_lost(t))
	E
}
scenario_journal() { fsync_on ext4; }
scenario_fsync_xfs() { fsync_on xfs; }
scenario_fsync_btrfs() { fsync_on btrfs; }

# What this kernel does not show must be named, and the wait is there nevertheless.
scenario_throttled() {
	disk 64 && limited read 25 "$loop" || { skip throttled "no blkio controller"; return; }
	trace throttled -- sh -c "echo \$\$ >$group/cgroup.procs; exec $progs/readers -n 30 $loop"
	verify throttled <<-E
		dev = "${loop#/dev/}"
		ops = [o for o in t.ops("pread64", comm="readers", dev=dev) if o["wall"] > 15e6]
		holds(wall(ops) > 0.8e9, "not throttled: " + where_it_went(t.ops("pread64", dev=dev)))
		note(at_least(wait(ops, "block I/O", "direct I/O"), wall(ops) - part(ops, "runq"), "wait block I/O", ops), known(ops), nothing_lost(t))
		if t.unseen("throttled"):
		    why = [u["why"] for u in t.cost["unseen"] if "throttled" in u["what"]][0]
		    holds(stage(ops, "throttled") == 0, "unseen, but there is a stage")
		    skip(f"the stage is not visible here ({why}), and said to be so; as a wait: " + ", ".join(x for x in [where_it_went(ops)]))
		note(at_least(stage(ops, "throttled"), wall(ops), "stage throttled", ops))
	E
}

scenario_merged() {
	disk 64 && echo none >"/sys/block/${loop#/dev/}/queue/scheduler" || { skip merged "no loop device"; return; }
	trace merged -- "$progs/aio_rw" -d 16 -b 16 -n 1600 w "$loop"
	verify merged <<-E
		dev = "${loop#/dev/}"
		ops = t.ops("libaio write", comm="aio_rw")
		d = disk_change(dir, name, dev)
		if not d["merges"]: skip("the load did not merge")
		note(f"merges {d['merges']}", same(len(ops), 1600, "writes"), as_diskstats(t, d, dev))
		bare = sum(not any(s["name"] == "device" and not s["unfinished"] for s in o["stages"]) for o in ops)
		holds(bare == 0, f"{bare} of {len(ops)} merged operations have no finished device stage; lost {t.losses()}")
		note(known(ops), nothing_lost(t))
	E
}

scenario_nested() {
	local mode outer inner
	for mode in direct buffered; do
		file_system ext4 256 || { skip nested_$mode "no ext4"; end_all; continue; }
		outer=${loop#/dev/}
		dd if=/dev/urandom of="$mnt/disk" bs=1M count=64 conv=fsync 2>/dev/null
		ours "$mnt/disk" --direct-io=$([ $mode = direct ] && echo on || echo off) || { skip nested_$mode "no loop"; end_all; continue; }
		inner=${loop#/dev/}
		dd of="$mnt/disk" oflag=nocache conv=notrunc,fdatasync count=0 2>/dev/null
		trace nested_$mode -- "$progs/readers" -n 200 "$loop"
		verify nested_$mode <<-E
			ops = t.ops("pread64", comm="readers", dev="$inner")
			note(same(len(ops), 200, "reads"))
			bad = {}
			n = 0
			for o in ops:
			    dev_of = {s["request"]: s["dev"] for s in o["stages"]}
			    links = {(s["dev"], dev_of.get(s["parent"])) for s in o["stages"]}
			    n += ("$outer", "$inner") in links
			    if not links <= {("$inner", None), ("$outer", "$inner")}: bad[str(links)] = 1
			holds(not bad, f"nesting: {list(bad)[:3]}")
			holds(n >= (200 if "$mode" == "direct" else 20), f"only {n} reads show the lower device")
			note(f"{n} with the lower device", known(ops), nothing_lost(t))
		E
		end_all
	done
}

scenario_errors() {
	mkdir -p "$T/small"
	mount -t tmpfs -o size=1m small "$T/small" && undo+=("umount $T/small") && truncate -s 16M "$T/small/disk" &&
		ours "$T/small/disk" || { skip errors "no device that fails"; return; }
	trace errors --errors -- "$progs/readers" -w -q -n 600 "$loop"
	verify errors <<-E
		dev = "${loop#/dev/}"
		ops = t.ops("pwrite64", comm="readers")
		holds(t.out["errors"] > 0, "no write failed")
		note(same(len(ops), t.out["errors"], "failed writes"), same({o["ret"] for o in ops} <= {-5, -28}, True, "ret"))
		note(same(t.row(dev, op="pwrite64")["errors"], len(ops), "errors of operations"))
		note(same(t.row(dev, rw="write")["errors"], len(ops), "errors of the device"))
		holds(all(any(s["error"] for s in o["stages"]) for o in ops), f"no stage has an error: {ops[0]['stages']}")
		note(nothing_lost(t))
	E
}

asynchronous() { # NAME OPS KIND PROGRAM...
	local name=$1 n=$2 kind=$3
	shift 3
	disk 64 || { skip "$name" "no loop device"; return; }
	trace "$name" -- "$@" "$loop"
	[ $trace_rc = 0 ] || { skip "$name" "$(tail -n 1 "$T/$name.err")"; return; }
	verify "$name" <<-E
		dev = "${loop#/dev/}"
		ops = t.ops("$kind")
		note(same(len(ops), $n, "operations"), same(sum(o["ret"] for o in ops), t.out["bytes"], "bytes"))
		row = t.row(dev, op="$kind")
		note(same((row["count"], row["bytes"]), ($n, t.out["bytes"]), "in the summary"))
		bare = sum(not any(s["name"] == "device" for s in o["stages"]) for o in ops)
		holds(not bare, f"{bare} of {len(ops)} have no device stage")
		# what is reaped without a system call ends for us with its completion
		low = 0.2 if any("reap_unseen" in o["flags"] for o in ops) else 0.4
		holds(low * t.out["latency_ns"] < wall(ops) <= 1.001 * t.out["latency_ns"], "wall is " + ms(wall(ops)) + ", latency " + ms(t.out["latency_ns"]))
		note(f"wall {wall(ops) * 100 / t.out['latency_ns']:.1f} % of the program's latency")
		note(as_diskstats(t, disk_change(dir, name, dev), dev), known(ops), nothing_lost(t), where_it_went(ops))
	E
	end_all
}
scenario_libaio() {
	asynchronous libaio 600 "libaio read" "$progs/aio_rw" -d 8 -n 600 r
	asynchronous libaio_batch 600 "libaio read" "$progs/aio_rw" -d 16 -b 8 -z 16384 -n 600 r
}
scenario_libaio_left() {
	disk 64 && limited read 400 "$loop" || { skip libaio_left "no blkio controller"; return; }
	libaio_left "$loop" 400
}
scenario_io_uring() {
	asynchronous io_uring 600 "io_uring read" "$progs/uring_rw" -d 8 -n 600 r
	asynchronous io_uring_batch 600 "io_uring write" "$progs/uring_rw" -d 16 -b 8 -z 16384 -n 600 w
}
scenario_io_uring_workers() { asynchronous io_uring_workers 600 "io_uring read" "$progs/uring_rw" -a -d 8 -n 600 r; }
scenario_io_uring_sqpoll() { asynchronous io_uring_sqpoll 600 "io_uring read" "$progs/uring_rw" -s -d 8 -n 600 r; }

scenario_faults() {
	file_system ext4 128 || { skip faults "no ext4"; return; }
	dd if=/dev/urandom of="$mnt/map" bs=1M count=32 conv=fsync 2>/dev/null
	trace faults -- "$progs/faults" "$mnt/map" 500
	verify faults <<-E
		if t.unseen("page faults"): skip(str([u for u in t.cost["unseen"] if "page faults" in u["what"]]))
		ops = t.ops("page fault", comm="faults", file="/map")
		major = [o for o in ops if o["requests"]]
		ends = all("end_unseen" in o["flags"] for o in major)
		# without their ends, one whose read was over before it had to wait is none (docs/kernels.md)
		holds(t.out["major"] * (0.99 if ends else 1) <= len(major) <= t.out["major"],
		      f"major faults: spoor says {len(major)}, should be {t.out['major']}")
		note(f"major faults {len(major)} of {t.out['major']}, of {len(ops)} faults")
		note("their ends unseen" if ends else "with their ends")
		note(close(wall(major), t.out["latency_ns"], "wall", 0.5 if ends else 0.8, 1.001), known(major), nothing_lost(t))
	E
}

scenario_killed() {
	local load
	disk 64 && limited read 1 "$loop" || { skip killed "no blkio controller"; return; }
	trace_begin killed || return
	sh -c "echo \$\$ >$group/cgroup.procs; exec $progs/readers -B -n 20 $loop" >/dev/null &
	load=$!
	sleep 1.5
	kill -KILL $load
	wait $load 2>/dev/null
	trace_end killed
	verify killed <<-E
		ops = t.ops("pread64", comm="readers", dev="${loop#/dev/}")
		holds(ops, "no reads")
		o = max(ops, key=lambda o: o["t"])
		note(f"{len(ops)} reads, the last: wall {ms(o['wall'])}, ret {o['ret']}, flags {o['flags']}")
		holds(o["ret"] < 0 or "killed" in o["flags"], "neither failed nor killed")
		note(known(ops), nothing_lost(t))
	E
}

# The holder has to sleep with the lock held: who waits for a lock whose holder runs may spin, which is CPU time.
scenario_inode_lock() {
	local fs load
	for fs in ext4 xfs; do
		file_system $fs 512 || { skip inode_lock_$fs "no $fs here"; end_all; continue; }
		load="exec $progs/inode_lock -d -n 15 -w 100"
		if limited write 100 "$loop"; then
			load="echo \$\$ >$group/cgroup.procs; $load -z 65536"
		else
			load="$load -z 33554432"
		fi
		trace inode_lock_$fs -- sh -c "$load $mnt/file"
		verify inode_lock_$fs <<-E
			ops = t.ops("pwrite64", comm="waiter")
			note(same(len(ops), t.out["waiter_ops"], "writes"), close(wall(ops), t.out["waiter_ns"], "wall", 0.9, 1.001))
			off = t.out["waiter_off_cpu_ns"]
			if off < 50e6: skip(f"the threads hardly got in each other's way: without a CPU for {ms(off)}")
			injected = off - part(ops, "runq") - (t.out["waiter_ns"] - wall(ops))
			note(at_least(wait(ops, "inode lock"), injected, "wait inode lock", ops), known(ops), nothing_lost(t))
		E
		end_all
	done
}

scenario_threads_10000() {
	disk 64 || { skip threads_10000 "no loop device"; return; }
	[ "$(cat /proc/sys/kernel/threads-max)" -gt 30000 ] && [ "$(ulimit -u)" = unlimited ] || [ "$(ulimit -u)" -gt 20000 ] ||
		{ skip threads_10000 "not that many threads allowed"; return; }
	trace threads_10000 --op reads --slower 1s --max-inflight 32768 -- "$progs/many_threads" -t 10000 "$loop"
	[ "$(grep -c 'only' "$T/threads_10000.err")" = 0 ] || { skip threads_10000 "$(cat "$T/threads_10000.err")"; return; }
	verify threads_10000 <<-E
		r = t.row("${loop#/dev/}", op="pread64")
		note(same(r["count"], 10000, "reads"), same(r["bytes"], t.out["bytes"], "bytes"))
		bios = t.losses().get("bios: more in flight than there are slots", 0)
		holds(t.lost["total"] == bios, f"lost {t.losses()}")
		# neighbours that wait together are merged
		count, d = t.rows_of("${loop#/dev/}", "read")[0], disk_change(dir, name, "${loop#/dev/}")
		note(same(count + bios, d["read"], f"requests with {bios} lost bios"), f"merged {d['merges']}")
	E
}

# What needs devices or rights that are not here: said, not left out.
scenario_not_here() {
	skip dm_delay "no device mapper target here; in VMs"
	skip null_blk "no null_blk here; in VMs"
	skip request_tag "a loop device's depth cannot be set to 1; in VMs"
	case $(uname -r) in
	[1-5].* | 6.[0-9].* | 6.1[0-7].*) skip runq_cpu_max "in VMs" ;;
	*) skip runq_cpu_max "this kernel throttles a task on its way back to user mode, when the operation is over; in VMs" ;;
	esac
	skip dirty_throttle "would change the machine's limits of dirty memory; in VMs"
	skip drivers "no nvme, scsi or spare virtio disk here; in VMs (loop: counts)"
	skip device_removed "a loop device goes away only when nobody uses it; in VMs"
	skip hotplug "the machine's processors are not ours; in VMs"
}

scenarios=(counts runq_busy softirq cache_hit operations readahead journal fsync_xfs fsync_btrfs throttled merged nested errors libaio libaio_left io_uring
	io_uring_workers io_uring_sqpoll faults killed inode_lock threads_10000 not_here)
after=end_all

[ -z "${TRUTH_KEEP:-}" ] || mkdir -p "$TRUTH_KEEP"
truth_run "$@"
