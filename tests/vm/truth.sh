#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The inner half of tests/vm/run-truth: causes known loads, in the VM, and leaves in /out what is to be checked.
# shellcheck disable=SC2034 # variables of tests/lib/truth.sh

here=$(dirname "$0")
. "$here/lib.sh"
mountpoint -q /out || { echo "truth.sh: no /out: use tests/vm/run-truth" >&2; exit 97; }
LATER=/out
T=$lib_dir/truth # goes with it
mkdir "$T"
. "$here/../lib/truth.sh"
[ -x "$progs/readers" ] || { echo "truth.sh: no $progs: make progs first" >&2; exit 97; }

# ---- devices ----

scenario_dm_delay() {
	local nb dm
	nb=$(mk_null_blk nb0 0 64 0) && dm=$(mk_dm_delay slow "$nb" 50 50) || { fail dm_delay "no device"; return; }
	trace dm_delay -- "$progs/readers" -n 20 "$dm"
	verify dm_delay <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
		note(same(len(ops), 20, "reads"), same(sum(o["ret"] for o in ops), t.out["bytes"], "bytes"))
		note(at_least(stage(ops, "device", "$(disk_name "$dm")"), 20 * 50e6, "stage device of dm", ops))
		note(at_least(wait(ops, "direct I/O", "block I/O"), 20 * 50e6, "wait direct I/O", ops))
		note(close(wall(ops), t.out["latency_ns"], "wall", 0.9, 1.001))
		holds(all(s["parent"] == 0 for o in ops for s in o["stages"] if s["dev"] == "$(disk_name "$nb")"),
		      "the lower device's request does not serve the upper's")
		holds(stage(ops, "device", "$(disk_name "$nb")") > 0, "no stages of the lower device")
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$dm")"), "$(disk_name "$dm")"))
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$nb")"), "$(disk_name "$nb")"))
		note(known(ops), nothing_lost(t))
	E
}

scenario_null_blk() {
	local nb
	nb=$(mk_null_blk nb0 20000000 16) || { fail null_blk "no device"; return; }
	trace null_blk -- "$progs/readers" -n 40 "$nb"
	verify null_blk <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
		note(same(len(ops), 40, "reads"))
		note(at_least(stage(ops, "device", "$(disk_name "$nb")"), 40 * 20e6, "stage device", ops))
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$nb")"), "$(disk_name "$nb")"))
		note(known(ops), nothing_lost(t))
	E
}

scenario_request_tag() {
	local nb
	nb=$(mk_null_blk nb0 10000000 1) && scheduler "$nb" none || { fail request_tag "no device"; return; }
	trace request_tag -- "$progs/readers" -t 8 -n 10 "$nb"
	verify request_tag <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
		note(same(len(ops), 80, "reads"))
		# one request at a time is under way: who is not on the device waits for the tag
		queue = t.out["latency_ns"] - stage(ops, "device") - part(ops, "cpu", "irq", "softirq", "runq")
		note(at_least(wait(ops, "request tag"), queue, "wait request tag", ops))
		note(at_least(stage(ops, "get request"), queue, "stage get request", ops))
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$nb")"), "$(disk_name "$nb")"))
		note(known(ops), nothing_lost(t))
	E
}

scenario_drivers() {
	local scsi devs=() args=() d i
	scsi=$(mk_scsi_debug 2 16) || { fail drivers "no scsi_debug"; return; }
	modprobe nvme 2>/dev/null
	for d in /dev/nvme0n1 /dev/vda "$scsi"; do
		[ -b "$d" ] && devs+=("$d")
	done
	for i in "${!devs[@]}"; do
		args+=(--name="$(disk_name "${devs[i]}")" --filename="${devs[i]}")
	done
	trace_begin drivers || return
	fio --direct=1 --size=16m --io_size=1m --bsrange=4k-32k --rw=randrw --ioengine=libaio --iodepth=4 \
		--output-format=json --output="$T/drivers.fio" "${args[@]}" >"$T/drivers.fioerr" 2>&1
	trace_end drivers
	verify drivers <<-E
		import json
		fio = json.loads(text("drivers.fio")[text("drivers.fio").index("{"):])
		for dev in "${devs[*]##*/}".split():
		    job = [j for j in fio["jobs"] if j["jobname"] == dev][0]
		    note(as_fio(t, job, dev, "libaio read", "libaio write"))
		    note(as_diskstats(t, disk_change(dir, name, dev), dev))
		    ops = t.ops("libaio read", "libaio write", dev=dev)
		    d, total = stage(ops, "device", dev), wall(ops)
		    holds(d > 0 and all(o["stages"] for o in ops), f"{dev}: operations without stages: "
		          f"{sum(not o['stages'] for o in ops)} of {len(ops)}")
		    lat = sum(job[k]["lat_ns"]["mean"] * job[k]["total_ios"] for k in ("read", "write"))
		    note(close(total, lat, f"{dev} wall", 0.75, 1.05))
		    note(known(ops))
		note(nothing_lost(t))
		want = {"nvme", "vd", "sd"}
		have = {w for w in want for d in "${devs[*]##*/}".split() if d.startswith(w)}
		note(same(sorted(have), sorted(want), "drivers"))
	E
}

scenario_dm_loop_ext4() {
	local nb dev loop dm mode
	for mode in direct buffered; do
		nb=$(mk_null_blk nb0 10000000 64) && mkfs_mount ext4 "$nb" /tmp/mnt &&
			dd if=/dev/zero of=/tmp/mnt/disk bs=1M count=8 conv=fsync 2>/dev/null &&
			loop=$(mk_loop /tmp/mnt/disk --direct-io=$([ $mode = direct ] && echo on || echo off)) &&
			dm=$(mk_dm_linear top "$loop") || { fail dm_loop_ext4_$mode "no device"; lib_cleanup; continue; }
		echo 3 >/proc/sys/vm/drop_caches
		echo 0 >"/sys/block/$(disk_name "$nb")/bdi/read_ahead_kb"
		trace dm_loop_ext4_$mode -- "$progs/readers" -n 20 "$dm"
		verify dm_loop_ext4_$mode <<-E
			ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
			note(same(len(ops), 20, "reads"))
			chain = []
			for o in ops:
			    top = {s["request"]: (s["dev"], s["parent"]) for s in o["stages"]}
			    dev_of = {r: d for r, (d, p) in top.items()}
			    chain.append(tuple(f"{d}<{dev_of.get(p, '-')}" for d, p in top.values()))
			want = ("$(disk_name "$dm")<-", "$(disk_name "$loop")<$(disk_name "$dm")", "$(disk_name "$nb")<$(disk_name "$loop")")
			reads = sum("$(disk_name "$nb")<$(disk_name "$loop")" in c for c in chain)
			# read buffered, a page may already be there
			holds(reads >= (20 if "$mode" == "direct" else 15) and all(set(c) <= set(want) for c in chain),
			      f"nesting of requests: {sorted(set(chain))}, should be {want}")
			note(at_least(stage(ops, "device", "$(disk_name "$nb")"), reads * 10e6, "stage device of the disk", ops))
			note(at_least(stage(ops, "device", "$(disk_name "$loop")"), reads * 10e6, "stage device of the loop", ops))
			note(known(ops), nothing_lost(t))
		E
		lib_cleanup
	done
}

scenario_merged() {
	local nb
	nb=$(mk_null_blk nb0 1000000 64) && scheduler "$nb" none || { fail merged "no device"; return; }
	trace merged -- "$progs/aio_rw" -d 16 -b 16 -n 160 w "$nb"
	verify merged <<-E
		ops = t.ops("libaio write", comm="aio_rw")
		d = disk_change(dir, name, "$(disk_name "$nb")")
		holds(d["merges"] > 100, f"the load did not merge: {d}")
		note(f"merges {d['merges']}", same(len(ops), t.out["ops"], "writes"))
		note(as_diskstats(t, d, "$(disk_name "$nb")"))
		bare = sum(not any(s["name"] == "device" and not s["unfinished"] for s in o["stages"]) for o in ops)
		holds(bare == 0, f"{bare} of {len(ops)} merged operations have no finished device stage; lost {t.losses()}")
		# 10 batches of one request each; every operation shares its batch's millisecond
		note(at_least(stage(ops, "device"), len(ops) * 1e6, "stage device", ops))
		note(known(ops), nothing_lost(t))
	E
}

scenario_errors() {
	local nb dm
	nb=$(mk_null_blk nb0 0 64 0) && dm=$(mk_dm_flakey flaky "$nb" 0 3600) || { fail errors "no device"; return; }
	trace errors --errors -- "$progs/readers" -n 15 "$dm"
	verify errors <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
		note(same(t.out["errors"], 15, "the program's errors"), same(len(ops), 15, "failed reads"))
		note(same({o["ret"] for o in ops}, {-5}, "ret"))
		note(same(t.row("$(disk_name "$dm")", op="pread64")["errors"], 15, "errors of operations"))
		holds(all(any(s["error"] == 5 and s["dev"] == "$(disk_name "$dm")" for s in o["stages"]) for o in ops),
		      f"no stage says EIO: {ops[0]['stages']}")
		note(same(t.row("$(disk_name "$dm")", rw="read")["errors"], 15, "errors of the device"))
		note(nothing_lost(t))
	E
}

scenario_device_removed() {
	local scsi load
	scsi=$(mk_scsi_debug 900 16) || { fail device_removed "no device"; return; }
	trace_begin device_removed || return
	"$progs/readers" -t 4 -n 8 "$scsi" >"$T/device_removed.out" 2>&1 &
	load=$!
	sleep 1.3
	echo 1 >"/sys/block/$(disk_name "$scsi")/device/delete"
	wait $load
	trace_end device_removed
	verify device_removed <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
		note(same($trace_rc, 0, "exit status"))
		note(same(len(ops), t.out["ops"], "reads"), f"failed {t.out['errors']}")
		# 6.12 answers reads of the removed disk with 0, others with an error
		holds(t.out["errors"] > 0 or t.out["bytes"] < t.out["ops"] * 4096, "the load did not see it go")
		note(same(sum(o["ret"] for o in ops if o["ret"] > 0), t.out["bytes"], "bytes"))
		note(same(sum(o["ret"] < 0 for o in ops), t.out["errors"], "failed reads"))
		note(close(wall(ops), t.out["latency_ns"], "wall", 0.9, 1.001), known(ops), nothing_lost(t))
	E
}

# ---- the CPU ----

# Sleeping 2 ms in each read, it must wait for the CPU each time that it wakes up. What the scheduler counted itself
# is the truth.
scenario_runq_busy() {
	local nb
	nb=$(mk_null_blk nb0 2000000 16) || { fail runq_busy "no device"; return; }
	cpu_hog 1 >/dev/null
	trace runq_busy -- nice -n 15 taskset -c 1 "$progs/readers" -r -n 60 "$nb"
	verify runq_busy <<-E
		ops = t.ops("pread64", comm="readers", dev="$(disk_name "$nb")")
		note(same(len(ops), 60, "reads"))
		# 6.12's scheduler leaves a sleeper on the run queue for a while and counts its sleep too. And who is
		# preempted on the way back to user mode, after sys_exit, is not in the operation any more.
		after = t.out["latency_ns"] - wall(ops)
		truth = min(t.out["run_delay_ns"], t.out["latency_ns"] - 60 * 2e6 - part(ops, "cpu")) - after
		# the emulator may run the other processor for long between the scheduler's look at the clock and ours
		note(close(part(ops, "runq"), truth, "runq", 0.8, 1.2))
		holds(part(ops, "runq") > 0.3 * wall(ops), "hardly any waiting: " + where_it_went(ops))
		note(known(ops), nothing_lost(t))
	E
}

scenario_runq_cpu_max() {
	local g
	[ -e /sys/fs/cgroup/cgroup.controllers ] && grep -q cpu /sys/fs/cgroup/cgroup.controllers ||
		{ skip runq_cpu_max "no cgroup2 with cpu"; return; }
	g=$(cgroup_new quota) || { fail runq_cpu_max "no cgroup"; return; }
	[ -e "$g/cpu.max" ] || { skip runq_cpu_max "this kernel has no cpu.max"; return; }
	dd if=/dev/urandom of=/tmp/cached bs=1M count=16 2>/dev/null
	echo "10000 100000" >"$g/cpu.max"
	trace runq_cpu_max -c "$g" -- sh -c "echo \$\$ >$g/cgroup.procs; exec $progs/readers -B -r -z 8388608 -n 20 /tmp/cached"
	verify runq_cpu_max <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: o["bytes"] == 8388608)
		note(same(len(ops), 20, "reads"))
		note(close(part(ops, "runq"), t.out["run_delay_ns"], "runq", 0.85, 1.15))
		holds(part(ops, "runq") > 0.3 * wall(ops), "hardly throttled: " + where_it_went(ops))
		holds(all(o["cgroup"] == "/quota" for o in ops), f"cgroup {ops[0]['cgroup']}")
		note(known(ops), nothing_lost(t))
	E
}

scenario_softirq() {
	local storm
	dd if=/dev/urandom of=/tmp/cached bs=1M count=8 2>/dev/null
	# The storm begins when all is attached: QEMU loses a race with code patching when both CPUs are busy
	# ("Oops: int3").
	witness_begin "${softirq_events[@]}" || { fail softirq "no ftrace"; return; }
	trace_begin softirq || return
	storm=$(softirq_storm 1 3000) || fail softirq "no storm"
	sleep 1
	taskset -c 1 "$progs/readers" -B -z 4194304 -n 150 /tmp/cached >"$T/softirq.out"
	lib_cleanup "end_process $storm"
	trace_end softirq
	witness_end softirq "${softirq_events[@]}"
	verify softirq <<-'E'
		ops = t.ops("pread64", comm="readers", where=lambda o: o["bytes"] == 4194304)
		note(same(len(ops), 150, "reads"))
		intervals = softirqs(f"{dir}/{name}.ftrace", ops[0]["tid"])
		truth = overlap(intervals, ops)
		holds(len(intervals) > 50, f"only {len(intervals)} softirqs")
		note(close(part(ops, "softirq"), truth, "softirq", 0.9, 1.1, 2000 * len(intervals)), f"{len(intervals)} softirqs") # it prints us
		note(known(ops), nothing_lost(t))
	E
}

scenario_hotplug() {
	local nb load
	[ -e /sys/devices/system/cpu/cpu1/online ] || { skip hotplug "CPU 1 cannot be taken away"; return; }
	nb=$(mk_null_blk nb0 5000000 16) || { fail hotplug "no device"; return; }
	trace_begin hotplug || return
	"$progs/readers" -t 4 -n 60 "$nb" >"$T/hotplug.out" &
	load=$!
	for i in 0 1 0 1; do
		sleep 0.2
		echo $i >/sys/devices/system/cpu/cpu1/online
	done
	wait $load
	trace_end hotplug
	verify hotplug <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
		note(same($trace_rc, 0, "exit status"), same(len(ops), t.out["ops"], "reads"))
		note(at_least(stage(ops, "device"), len(ops) * 5e6, "stage device", ops))
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$nb")"), "$(disk_name "$nb")"))
		note(known(ops), nothing_lost(t))
	E
}

scenario_threads_10000() {
	local nb
	nb=$(mk_null_blk nb0 1000000 64) || { fail threads_10000 "no device"; return; }
	echo 100000 >/proc/sys/kernel/threads-max
	echo 100000 >/proc/sys/kernel/pid_max
	trace threads_10000 --op reads --slower 1s --max-inflight 32768 -- "$progs/many_threads" -t 10000 "$nb"
	verify threads_10000 <<-E
		r = t.row("$(disk_name "$nb")", op="pread64")
		note(same(t.out["threads"], 10000, "threads"), same(r["count"], 10000, "reads"), same(r["bytes"], t.out["bytes"], "bytes"))
		bios = t.losses().get("bios: more in flight than there are slots", 0)
		# neighbours that wait together are merged
		count, d = t.rows_of("$(disk_name "$nb")", "read")[0], disk_change(dir, name, "$(disk_name "$nb")")
		note(same(count + bios, d["read"], f"requests with {bios} lost bios"), f"merged {d['merges']}")
		# of a request merged from more than it keeps, the rest is counted
		links = t.losses().get("links: more operations in one request than it keeps", 0)
		holds(t.lost["total"] == bios + links and links <= d["merges"] // 4, f"lost {t.losses()}")
		note(f"lost links {links}")
		note(f"trees {len(t.op)}", f"peak {t.cost['rss_peak'] >> 20} MB")
	E
}

# ---- files ----

scenario_cache_hit() {
	dd if=/dev/urandom of=/root/cached bs=1M count=4 2>/dev/null
	cat /root/cached >/dev/null
	trace cache_hit -n readers -- "$progs/readers" -B -z 16384 -n 200 /root/cached
	verify cache_hit <<-E
		ops = t.ops("pread64", comm="readers", file="/root/cached")
		note(same(len(ops), 200, "reads"), same(sum(o["ret"] for o in ops), t.out["bytes"], "bytes"))
		note(same(sum("cache_hit" in o["flags"] for o in ops), 200, "with the flag"))
		note(same(sum(len(o["stages"]) for o in ops), 0, "stages"), same(wait(ops), 0, "waits"))
		note(nothing_lost(t))
	E
	rm -f /root/cached
}

# Only the journal is slow, so all that fsync takes is the journal's.
scenario_journal() {
	local nb0 nb1 dm
	nb0=$(mk_null_blk nb0 0 64 0) && nb1=$(mk_null_blk nb1 0 64 0) && dm=$(mk_dm_delay slow "$nb1" 0 20) &&
		mkfs.ext4 -q -F -O journal_dev "$dm" 65536 >/dev/null &&
		mkfs.ext4 -q -F -E nodiscard -J device="$dm" "$nb0" >/dev/null &&
		mkdir -p /tmp/mnt && mount "$nb0" /tmp/mnt && at_exit "retry 40 umount /tmp/mnt" ||
		{ fail journal "no file system"; return; }
	trace_begin journal || return
	"$progs/fsyncer" -n 15 /tmp/mnt/load >/dev/null & # the load
	"$progs/fsyncer" -n 15 /tmp/mnt/file >"$T/journal.out"
	wait $!
	trace_end journal
	verify journal <<-E
		ops = t.ops("fsync", comm="fsyncer", file="/mnt/file")
		note(same(len(ops), t.out["fsyncs"], "fsyncs"), close(wall(ops), t.out["fsync_ns"], "wall", 0.95, 1.001))
		# at least the descriptor, then the commit block: 20 ms each
		journal = wait(ops, "journal commit", "journal buffer", "journal transaction locked")
		note(at_least(journal, len(ops) * 40e6, "journal", ops), f"{journal * 100 / wait(ops):.1f} % of the waiting")
		holds(t.ops("journal commit"), "no journal commits as operations: " + str({o["op"] for o in t.op}))
		own = t.ops("journal commit")
		note(f"journal commits {len(own)}", at_least(stage(own, "device", "$(disk_name "$dm")"), len(own) * 20e6, "their device time", own))
		note(known(ops), known(own), nothing_lost(t))
	E
}

scenario_operations() {
	local nb
	nb=$(mk_null_blk nb0 0 64 0) && mkfs_mount ext4 "$nb" /tmp/mnt || { fail operations "no device"; return; }
	operations_in operations /tmp/mnt
}

scenario_readahead() {
	local nb
	nb=$(mk_null_blk nb0 0 64 0) && mkfs_mount ext4 "$nb" /tmp/mnt "$(quiet_mount ext4)" || { fail readahead "no device"; return; }
	dd if=/dev/urandom of=/tmp/mnt/big bs=1M count=8 conv=fsync 2>/dev/null
	dd of=/tmp/mnt/big oflag=nocache conv=notrunc,fdatasync count=0 2>/dev/null
	readahead_of readahead "$(disk_name "$nb")" /tmp/mnt/big
}

fsync_on() { # FSTYPE
	local nb dm fs=$1
	nb=$(mk_null_blk nb0 0 64 0) && mkfs_on "$fs" "$nb" && dm=$(mk_dm_delay slow "$nb" 0 10) &&
		mount_on "$fs" "$dm" /tmp/mnt "$(quiet_mount "$fs")" ||
		{ skip "fsync_$fs" "no $fs"; return; }
	trace_begin "fsync_$fs" || return
	"$progs/fsyncer" -n 10 /tmp/mnt/load >/dev/null &
	"$progs/fsyncer" -n 15 /tmp/mnt/file >"$T/fsync_$fs.out"
	wait $!
	trace_end "fsync_$fs"
	verify "fsync_$fs" <<-E
		ops = t.ops("fsync", comm="fsyncer", file="/mnt/file")
		note(same(len(ops), t.out["fsyncs"], "fsyncs"), close(wall(ops), t.out["fsync_ns"], "wall", 0.95, 1.001))
		named = {r: ns for r, ns in reasons(ops) if r.startswith(("journal", "transaction", "page under", "ordered", "device cache"))}
		# at least the data and the log, one after the other
		note(at_least(sum(named.values()), len(ops) * 20e6, "log and data", ops))
		note(at_least(sum(named.values()), wait(ops), "log and data, of the waiting", ops))
		everyone = [o for o in t.op if o["dev"] == ops[0]["dev"]]
		note(where_it_went(ops), known(ops), "of all: " + known(everyone))
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$dm")"), "$(disk_name "$dm")"), nothing_lost(t))
	E
}
scenario_fsync_ext4() { fsync_on ext4; }
scenario_fsync_xfs() { fsync_on xfs; }
scenario_fsync_btrfs() { fsync_on btrfs; }

scenario_io_max() {
	local nb g
	nb=$(mk_null_blk nb0 0 64 0) && g=$(cgroup_new limit) || { fail io_max "no device or cgroup"; return; }
	[ -e "$g/io.max" ] || { skip io_max "this kernel has no io.max"; return; }
	echo "$(lsblk -ndo MAJ:MIN "$nb" | tr -d ' ') riops=20" >"$g/io.max" || { fail io_max "io.max refuses"; return; }
	trace io_max -- sh -c "echo \$\$ >$g/cgroup.procs; exec $progs/readers -n 30 $nb"
	verify io_max <<-E
		ops = t.ops("pread64", comm="readers", where=lambda o: "direct" in o["flags"])
		note(same(len(ops), 30, "reads"))
		if t.unseen("throttled"): skip(str(t.cost["unseen"]))
		slow = [o for o in ops if o["wall"] > 20e6]
		holds(wall(slow) > 0.8e9, "hardly throttled: " + where_it_went(ops))
		note(at_least(stage(slow, "throttled"), wall(slow), "stage throttled", slow))
		row = {s["name"]: s["ns"] for s in t.row("$(disk_name "$nb")", rw="read")["stages"]}
		note(at_least(row.get("throttled", 0), wall(slow), "in the summary"))
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$nb")"), "$(disk_name "$nb")"), known(ops), nothing_lost(t))
	E
}

scenario_dirty_throttle() {
	local nb
	# 6 MB/s: much slower than an emulated processor writes to the cache
	nb=$(mk_null_blk nb0 20000000 1) && mkfs_mount ext4 "$nb" /tmp/mnt || { fail dirty_throttle "no device"; return; }
	at_exit "echo $(cat /proc/sys/vm/dirty_ratio) >/proc/sys/vm/dirty_ratio"
	at_exit "echo $(cat /proc/sys/vm/dirty_background_ratio) >/proc/sys/vm/dirty_background_ratio"
	echo 1048576 >/proc/sys/vm/dirty_background_bytes
	echo 4194304 >/proc/sys/vm/dirty_bytes
	witness_begin writeback/balance_dirty_pages || { fail dirty_throttle "no ftrace"; return; }
	trace_begin dirty_throttle || return
	dd if=/dev/zero of=/tmp/mnt/file bs=256k count=60 2>/dev/null
	trace_end dirty_throttle
	witness_end dirty_throttle writeback/balance_dirty_pages
	verify dirty_throttle <<-'E'
		import re
		ops = t.ops("write", comm="dd", file="/mnt/file")
		note(same(len(ops), 60, "writes"))
		events = [rest for pid, _, _, rest in ftrace(f"{dir}/{name}.ftrace", "balance_dirty_pages") if pid == ops[0]["tid"]]
		truth = sum(max(0, int(re.search(r"\bpause=(-?\d+)", e)[1])) for e in events) * 10**6
		note(at_least(wait(ops, "dirty throttle"), truth, "wait dirty throttle", ops), f"{len(events)} pauses")
		holds(truth > 0.2 * wall(ops), "hardly throttled: " + where_it_went(ops))
		back = t.ops("writeback", file="/mnt/file")
		holds(back, "no write-back of the file as operations: " + str({o["op"] for o in t.op}))
		note(f"write-backs {len(back)}", known(ops), known(back, 0.01, UNKNOWN[:1]), nothing_lost(t))
	E
}

scenario_inode_lock() {
	local nb dm fs
	for fs in ext4 xfs; do
		nb=$(mk_null_blk nb0 0 64 0) && mkfs_on $fs "$nb" && dm=$(mk_dm_delay slow "$nb" 0 20) &&
			mount_on $fs "$dm" /tmp/mnt "$(quiet_mount $fs)" ||
			{ fail inode_lock_$fs "no device"; lib_cleanup; continue; }
		trace inode_lock_$fs -- "$progs/inode_lock" -d -z 1048576 -n 15 /tmp/mnt/file
		verify inode_lock_$fs <<-E
			ops = t.ops("pwrite64", comm="waiter")
			note(same(len(ops), t.out["waiter_ops"], "writes"), close(wall(ops), t.out["waiter_ns"], "wall", 0.9, 1.001))
			holds(t.out["waiter_ns"] > 15 * 5e6, "no contention: " + where_it_went(ops))
			injected = t.out["waiter_off_cpu_ns"] - part(ops, "runq") - (t.out["waiter_ns"] - wall(ops))
			note(at_least(wait(ops, "inode lock"), injected, "wait inode lock", ops))
			note(known(ops), "all: " + known(t.op), nothing_lost(t))
		E
		lib_cleanup
	done
}

scenario_faults() {
	local nb
	nb=$(mk_null_blk nb0 3000000 64) && mkfs_mount ext4 "$nb" /tmp/mnt || { fail faults "no device"; return; }
	dd if=/dev/urandom of=/tmp/mnt/map bs=1M count=8 conv=fsync 2>/dev/null
	trace faults -- "$progs/faults" /tmp/mnt/map 100
	verify faults <<-E
		ops = t.ops("page fault", comm="faults", file="/mnt/map")
		major = [o for o in ops if o["requests"]]
		note(same(len(major), t.out["major"], "major faults"), f"of {len(ops)} faults")
		note(at_least(stage(ops, "device", "$(disk_name "$nb")"), len(major) * 3e6, "stage device", ops))
		note(at_least(wait(ops, "page-cache read"), len(major) * 3e6, "wait page-cache read", ops))
		note(close(wall(major), t.out["latency_ns"], "wall", 0.8, 1.001), known(ops), nothing_lost(t))
	E
}

scenario_killed() {
	local nb dm load
	nb=$(mk_null_blk nb0 0 64 0) && dm=$(mk_dm_delay slow "$nb" 1500 1500) || { fail killed "no device"; return; }
	trace_begin killed || return
	"$progs/readers" -B -n 5 "$dm" >/dev/null &
	load=$!
	sleep 0.8
	kill -KILL $load
	wait $load 2>/dev/null
	dd if="$dm" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null # it has survived
	trace_end killed
	verify killed <<-E
		ops = t.ops("pread64", comm="readers", dev="$(disk_name "$dm")")
		note(same(len(ops), 1, "reads of the killed"), same(ops[0]["tid"], $load, "thread"))
		o = ops[0]
		note(f"wall {ms(o['wall'])}", f"ret {o['ret']}", f"flags {o['flags']}")
		holds(o["ret"] < 0 or "killed" in o["flags"], "neither failed nor killed")
		holds(0.2e9 < o["wall"] < 2.5e9, "wall")
		note(at_least(wait(ops, "page-cache read", "page lock", "read-ahead"), o["wall"], "wait page-cache read", ops, 0.9))
		note(same(len(t.ops("read", comm="dd", flag="direct")), 1, "reads afterwards"), known(ops), nothing_lost(t))
	E
}

# ---- asynchronous ----

asynchronous() { # NAME OPS KIND PROGRAM...: every operation takes 5 ms
	local name=$1 n=$2 kind=$3 nb
	shift 3
	nb=$(mk_null_blk nb0 5000000 64) && scheduler "$nb" none || { fail "$name" "no device"; return; }
	trace "$name" -- "$@" "$nb"
	[ $trace_rc = 0 ] || { skip "$name" "$(tail -n 1 "$T/$name.err")"; return; }
	verify "$name" <<-E
		ops = t.ops("$kind")
		note(same(len(ops), $n, "operations"), same(sum(o["ret"] for o in ops), t.out["bytes"], "bytes"))
		row = t.row("$(disk_name "$nb")", op="$kind")
		note(same((row["count"], row["bytes"]), ($n, t.out["bytes"]), "in the summary"))
		holds(all("async" in o["flags"] for o in ops), "not all are async")
		bare = sum(not o["stages"] for o in ops)
		if bare and t.unseen("worker"): skip(str([u for u in t.cost["unseen"] if "worker" in u["what"]]) + ", " + where_it_went(ops))
		holds(not bare, f"{bare} of {len(ops)} have no stages")
		note(at_least(stage(ops, "device", "$(disk_name "$nb")"), $n * 5e6, "stage device", ops))
		note(at_least(wait(ops, "in flight"), $n * 5e6, "wait in flight", ops))
		note(f"wall {wall(ops) * 100 / t.out['latency_ns']:.1f} % of the program's latency")
		# what is reaped without a system call ends for us with its completion
		low = 0.2 if any("reap_unseen" in o["flags"] for o in ops) else 0.6
		holds(low * t.out["latency_ns"] < wall(ops) <= 1.001 * t.out["latency_ns"], "wall is " + ms(wall(ops)) + ", latency " + ms(t.out["latency_ns"]))
		note(as_diskstats(t, disk_change(dir, name, "$(disk_name "$nb")"), "$(disk_name "$nb")"))
		note(known(ops), nothing_lost(t), where_it_went(ops))
	E
	lib_cleanup
}
scenario_libaio() {
	asynchronous libaio 120 "libaio read" "$progs/aio_rw" -d 8 -n 120 r
	asynchronous libaio_batch 120 "libaio read" "$progs/aio_rw" -d 16 -b 8 -z 16384 -n 120 r
}
# What a program leaves under way when it ends is counted too.
scenario_libaio_left() {
	local nb
	nb=$(mk_null_blk nb0 50000000 64) && scheduler "$nb" none || { fail libaio_left "no device"; return; }
	libaio_left "$nb" 40
}
scenario_io_uring() {
	asynchronous io_uring 120 "io_uring read" "$progs/uring_rw" -d 8 -n 120 r
	asynchronous io_uring_batch 120 "io_uring write" "$progs/uring_rw" -d 16 -b 8 -z 16384 -n 120 w
}
scenario_io_uring_workers() { asynchronous io_uring_workers 120 "io_uring read" "$progs/uring_rw" -a -d 8 -n 120 r; }
scenario_io_uring_sqpoll() { asynchronous io_uring_sqpoll 120 "io_uring read" "$progs/uring_rw" -s -d 8 -n 120 r; }

# Not a check of a cause: many code paths of a file system over a slow device, to see which stacks have no name yet.
# Run it by name.
scenario_survey() {
	local nb dm fs i load
	for fs in ext4 xfs btrfs; do
		nb=$(mk_null_blk nb0 0 64 0) && dm=$(mk_dm_delay slow "$nb" 4 4) && mkfs_mount $fs "$dm" /tmp/mnt || return
		trace_begin survey_$fs || return
		fio --directory=/tmp/mnt --size=8m --runtime=6 --time_based --bsrange=4k-256k --output=/dev/null \
			--name=buffered --rw=randrw --ioengine=psync --fsync=8 --name=direct --rw=randrw --direct=1 --ioengine=psync \
			--name=shared1 --filename=shared --rw=randrw --ioengine=psync --name=shared2 --filename=shared --rw=randrw \
			--direct=1 --ioengine=psync --fdatasync=4 --name=mapped --rw=randrw --ioengine=mmap --fsync=16 \
			--name=uring --rw=randrw --ioengine=io_uring --iodepth=8 --fsync=16 &
		load=$!
		for i in 1 2 3 4 5; do
			mkdir /tmp/mnt/d$i
			dd if=/dev/zero of=/tmp/mnt/d$i/f bs=256k count=16 conv=fsync 2>/dev/null
			cp --sparse=never /tmp/mnt/d$i/f /tmp/mnt/d$i/g
			sync -f /tmp/mnt
			truncate -s 4096 /tmp/mnt/d$i/g
			rm -rf /tmp/mnt/d$((i - 1))
		done
		wait $load
		trace_end survey_$fs
		verify survey_$fs <<-'E'
			ops = [o for o in t.op if o["dev"].startswith(("dm-", "0:", "nb", "/tmp", "btrfs")) or "/mnt" in o["file"] or o["op"].startswith(("writeback", "journal"))]
			kinds = {}
			for o in ops: kinds.setdefault(o["op"], []).append(o)
			note(", ".join(f"{k} {len(v)}: {unnamed(v) * 100 / wall(v):.2f} %" for k, v in sorted(kinds.items())))
			note(str(reasons(ops)), unknown_stacks(ops), f"lost {t.losses()}")
			print(unknown_stacks(t.op), file=sys.stderr)
			known(ops)
		E
		lib_cleanup
	done
}

scenarios=(dm_delay null_blk request_tag runq_busy runq_cpu_max softirq journal io_max dirty_throttle inode_lock cache_hit
	operations readahead merged dm_loop_ext4 drivers libaio libaio_left io_uring io_uring_workers io_uring_sqpoll faults fsync_ext4 fsync_xfs fsync_btrfs
	errors killed device_removed hotplug threads_10000)
after=lib_cleanup

truth_run "$@"
