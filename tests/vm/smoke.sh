#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Does each helper of lib.sh do on this kernel what it says? Run in a VM:
#	tests/vm/run-vm KERNEL -- tests/vm/smoke.sh
. "$(dirname "$0")/lib.sh"

n=0 failed=0
ok() { n=$((n + 1)); echo "ok $n - $*"; }
not_ok() { n=$((n + 1)); failed=$((failed + 1)); echo "not ok $n - $*"; }
# check WHAT COMMAND...
check() { what=$1; shift; if "$@" >/tmp/out 2>&1; then ok "$what"; else not_ok "$what"; sed 's/^/# /' /tmp/out; fi; }
# between WHAT LOW VALUE HIGH
between() {
	if [ "${3:-0}" -ge "$2" ] && [ "${3:-0}" -le "$4" ]; then ok "$1 ($3)"; else not_ok "$1 ($3, wanted $2 to $4)"; fi
}

now() { date +%s%N; }
# Mean time of one direct 4k operation in us. fio measures inside one process,
# so that starting programs, slow under TCG, is not in it.
io_us() { # read|write DEV COUNT
	fio --name=t --filename="$2" --rw="$1" --bs=4k --direct=1 --ioengine=psync --io_size=$(($3 * 4))k \
		--size=4m --output-format=json 2>/tmp/fio.err |
		jq "(.jobs[0].$1.lat_ns.mean / 1000) | floor"
}

echo "# $(uname -r)"
check "the kernel's modules are there" test -e "/lib/modules/$(uname -r)/modules.dep"
check "BTF" test -s /sys/kernel/btf/vmlinux
check "tracefs" test -e /sys/kernel/tracing/available_events
check "debugfs" test -d /sys/kernel/debug/block
check "cgroup2 with io, cpu and memory" grep -q 'cpu.*io.*memory' /sys/fs/cgroup/cgroup.subtree_control
check "a writable overlay" touch "$(dirname "$0")/smoke.tmp"
check "python3" python3 -c 'import ctypes, json, socket'
check "bpftool" bpftool prog list

nb=$(mk_null_blk nb0 20000000 4)
check "null_blk $nb" test -b "$nb"
between "null_blk: a read takes its 20 ms" 20000 "$(io_us read "$nb" 20)" 40000
fast=$(mk_null_blk nb1 0 64 0)
check "null_blk, a second, irqmode 0: $fast" test -b "$fast"
between "null_blk: irqmode 0 does not wait" 0 "$(io_us read "$fast" 50)" 10000

lin=$(mk_dm_linear lin0 "$fast" 2048 1024000)
check "dm-linear $lin" test "$(blockdev --getsz "$lin")" = 1024000
dly=$(mk_dm_delay dly0 "$lin" 30 60)
check "dm-delay $dly on dm-linear" test -b "$dly"
between "dm-delay: a read takes its 30 ms" 30000 "$(io_us read "$dly" 20)" 60000
between "dm-delay: a write takes its 60 ms" 60000 "$(io_us write "$dly" 10)" 100000

flk=$(mk_dm_flakey flk0 "$fast" 0 3600)
check "dm-flakey $flk" test -b "$flk"
if dd if="$flk" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; then
	not_ok "dm-flakey: a read fails while down"
else
	ok "dm-flakey: a read fails while down"
fi

truncate -s 400M /tmp/loop.img
loop=$(mk_loop /tmp/loop.img)
check "loop $loop" dd if="$loop" of=/dev/null bs=64k count=10
scsi=$(mk_scsi_debug 25 64)
check "scsi_debug $scsi" test -b "$scsi"
between "scsi_debug: a read takes its 25 ms" 25000 "$(io_us read "$scsi" 20)" 50000
brd=$(mk_brd 16384)
check "brd $brd" test "$(blockdev --getsz "$brd")" = 32768

for fs in ext4 xfs btrfs; do
	check "$fs" mkfs_mount $fs "$loop" /tmp/mnt
	check "$fs: write and fsync" dd if=/dev/zero of=/tmp/mnt/file bs=64k count=16 conv=fsync
	check "$fs: it is mounted" grep -q "^$loop /tmp/mnt $fs " /proc/mounts
	lib_cleanup "umount /tmp/mnt"
done

# jiffies of a CPU, field of /proc/stat: 1 user ... 6 irq 7 softirq
stat_cpu() { awk -v c="cpu$1" -v f="$(($2 + 1))" '$1 == c { print $f }' /proc/stat; }
before=$(stat_cpu 1 1)
hog=$(cpu_hog 1)
sleep 1
between "cpu_hog: user time on its CPU in 1 s, ticks" 50 $(($(stat_cpu 1 1) - before)) 200
check "cpu_hog: pinned" grep -q '^Cpus_allowed_list:[[:space:]]*1$' "/proc/$hog/status"

cg=$(cgroup_new smoke)
check "cgroup $cg" test -e "$cg/io.stat"
check "cgroup: takes a process" sh -c "echo $hog >$cg/cgroup.procs && grep -q smoke /proc/$hog/cgroup"
lib_cleanup "end_process $hog"
check "cpu_hog: ends" test ! -e "/proc/$hog"

net_rx() { awk '/NET_RX/ { print $3 }' /proc/softirqs; }
before=$(net_rx) ticks=$(stat_cpu 1 7)
storm=$(softirq_storm 1 2000)
sleep 2
check "softirq_storm: runs" kill -0 "$storm"
between "softirq_storm: NET_RX on its CPU in 2 s" 500 $(($(net_rx) - before)) 10000000
echo "# softirq ticks there: $(($(stat_cpu 1 7) - ticks))"

# disks of run-vm's options, when they were asked for
for d in /dev/nvme?n1 /dev/vd? $(ls -d /dev/sd? 2>/dev/null | grep -vx "$scsi"); do
	[ -b "$d" ] && between "$d: reads, us" 1 "$(io_us read "$d" 20)" 1000000
done
if grep -q ' /out ' /proc/mounts; then check "/out is writable" sh -c 'uname -r >/out/smoke'; fi

start=$(now)
lib_cleanup 2>/tmp/cleanup
check "clean-up: no complaint" sh -c 'cat /tmp/cleanup; test ! -s /tmp/cleanup'
check "clean-up: no dm device" sh -c 'dmsetup ls; test "$(dmsetup ls)" = "No devices found"'
check "clean-up: modules can go" rmmod null_blk
check "clean-up: cgroup and netns are gone" sh -c 'test ! -e /sys/fs/cgroup/smoke && test -z "$(ip netns)"'
echo "# clean-up took $((($(now) - start) / 1000000)) ms"

if [ $failed -gt 0 ]; then echo "1..$n"; echo "# $failed of $n failed on $(uname -r)"; exit 1; fi
echo "1..$n"
echo "# all $n passed on $(uname -r)"
