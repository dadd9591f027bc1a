# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# Ground truth inside a VM: devices and loads whose delays are known because
# the test set them. Source it: . "$(dirname "$0")/lib.sh"
#
# What is made is printed (a device's path, a process's id), so use it as
#	dev=$(mk_null_blk nb0 2000000 16) || exit 1
# and everything ends, newest first, when the shell exits. A function that
# fails says why on stderr, returns non-zero and leaves nothing.

# Refuse to load modules into, or make cgroups on, a machine that is not ours.
if [ "${SPOOR_VM:-}" != 1 ]; then
	echo "lib.sh: not inside a VM of tests/vm/run-vm" >&2
	exit 97
fi

# The clean-up list is a file, since $(...) runs in a subshell whose variables
# are lost. Newest first.
lib_dir=$(mktemp -d /run/vm-lib.XXXXXX) || exit 97
: >"$lib_dir/cleanup"

lib_fail() { echo "lib.sh: $*" >&2; return 1; }

# at_exit COMMAND...: the words are run as one line of shell
at_exit() {
	{ echo "$*"; cat "$lib_dir/cleanup"; } >"$lib_dir/cleanup.new" &&
		mv "$lib_dir/cleanup.new" "$lib_dir/cleanup"
}

# Undo everything now, or only what ends with WORDS (as in "umount /mnt"); a
# test may do so between its parts.
lib_cleanup() {
	: >"$lib_dir/running"
	while IFS= read -r line; do
		case $line in
		*"${1:-}") echo "$line" >>"$lib_dir/running" ;;
		*) echo "$line" ;;
		esac
	done <"$lib_dir/cleanup" >"$lib_dir/cleanup.new"
	mv "$lib_dir/cleanup.new" "$lib_dir/cleanup"
	while IFS= read -r line; do
		eval "$line" </dev/null >/dev/null 2>"$lib_dir/err" ||
			echo "lib.sh: clean-up failed: $line: $(cat "$lib_dir/err")" >&2
	done <"$lib_dir/running"
}
trap 'lib_rc=$?; lib_cleanup; rm -rf "$lib_dir"; exit $lib_rc' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# retry N COMMAND...: device nodes appear, and users let go of them, a bit late
retry() {
	lib_n=$1; shift
	until "$@" 2>"$lib_dir/retry"; do
		lib_n=$((lib_n - 1))
		[ $lib_n -gt 0 ] || { cat "$lib_dir/retry" >&2; return 1; }
		sleep 0.05
	done
}

end_process() {
	kill -KILL "$1" 2>/dev/null || :
	while kill -0 "$1" 2>/dev/null; do sleep 0.02; done
}

# ---- block devices -------------------------------------------------------

# mk_null_blk NAME COMPLETION_NSEC QUEUE_DEPTH [IRQMODE] [BLOCKING]
# A request queue whose every request takes COMPLETION_NSEC. IRQMODE 2 (timer,
# the default) is the one that waits; 0 completes at once, 1 by softirq.
# 1 GiB, kept in memory as it is written, so that a file system fits on it.
mk_null_blk() {
	modprobe null_blk nr_devices=0 || return
	modprobe configfs
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config || return
	lib_c=/sys/kernel/config/nullb/$1
	mkdir "$lib_c" || return
	at_exit "echo 0 >$lib_c/power; rmdir $lib_c"
	for lib_kv in queue_mode=2 submit_queues=1 size=1024 blocksize=4096 memory_backed=1 \
		completion_nsec="$2" hw_queue_depth="$3" irqmode="${4:-2}" blocking="${5:-0}" power=1; do
		echo "${lib_kv#*=}" >"$lib_c/${lib_kv%%=*}" || lib_fail "null_blk refuses $lib_kv" || return
	done
	# 6.0 and later name the disk after the directory, earlier ones by number
	if [ -b "/dev/$1" ]; then echo "/dev/$1"; else echo "/dev/nullb$(cat "$lib_c/index")"; fi
}

# the name that spoor and /proc/diskstats use for a device's path
disk_name() {
	lib_d=$(readlink -f "/sys/dev/block/$((0x$(stat -Lc %t "$1"))):$((0x$(stat -Lc %T "$1")))")
	echo "${lib_d##*/}"
}
scheduler() { echo "$2" >"/sys/block/$(disk_name "$1")/queue/scheduler"; }

# there is no udev to make the node, or to wait for
export DM_DISABLE_UDEV=1

dm_create() { # NAME TABLE
	modprobe dm-mod || return
	dmsetup create "$1" --table "$2" || return
	at_exit "retry 40 dmsetup remove $1"
	echo "/dev/mapper/$1"
}
sectors() { blockdev --getsz "$1"; }

# mk_dm_linear NAME UNDERLYING [START SECTORS]
mk_dm_linear() {
	lib_s=${4:-$(($(sectors "$2") - ${3:-0}))}
	dm_create "$1" "0 $lib_s linear $2 ${3:-0}"
}

# mk_dm_delay NAME UNDERLYING MS_READ MS_WRITE
mk_dm_delay() {
	modprobe dm-delay && lib_s=$(sectors "$2") || return
	dm_create "$1" "0 $lib_s delay $2 0 $3 $2 0 $4"
}

# mk_dm_flakey NAME UNDERLYING SECONDS_UP SECONDS_DOWN [FEATURE...]
# Errors on everything while down; FEATURE drop_writes or error_writes narrows it.
mk_dm_flakey() {
	modprobe dm-flakey && lib_s=$(sectors "$2") || return
	lib_name=$1 lib_t="0 $lib_s flakey $2 0 $3 $4"
	shift 4
	[ $# = 0 ] || lib_t="$lib_t $# $*"
	dm_create "$lib_name" "$lib_t"
}

# mk_loop FILE [LOSETUP-OPTION...]
mk_loop() {
	modprobe loop || return
	lib_f=$1; shift
	lib_d=$(losetup --show -f "$@" "$lib_f") || return
	at_exit "retry 40 losetup -d $lib_d"
	echo "$lib_d"
}

scsi_debug_disk() {
	lib_b=$(echo /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*)
	[ -d "$lib_b" ] && [ -b "/dev/${lib_b##*/}" ]
}

# mk_scsi_debug DELAY_MS SIZE_MB: a SCSI disk; one at a time, it is a module
mk_scsi_debug() {
	# scanning the bus is not part of the experiment: without delay
	modprobe scsi_debug delay=0 dev_size_mb="$2" || return
	modprobe sd_mod
	at_exit "retry 100 rmmod scsi_debug"
	retry 100 scsi_debug_disk || lib_fail "scsi_debug made no disk" || return
	lib_b=$(echo /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*)
	# ndelay is finer than delay (ticks), but ends below one second. Both are
	# refused while commands are queued.
	if [ "$1" -lt 1000 ]; then
		retry 40 scsi_debug_set ndelay $(($1 * 1000000))
	else
		retry 40 scsi_debug_set delay $(($1 / 4))	# Debian has HZ=250
	fi || return
	echo "/dev/${lib_b##*/}"
}
scsi_debug_set() { sh -c 'echo "$2" >"/sys/bus/pseudo/drivers/scsi_debug/$1"' sh "$@"; }

# mk_brd SIZE_KB: a RAM disk, bio-based: it has no request queue
mk_brd() {
	modprobe brd rd_nr=1 rd_size="$1" || return
	at_exit "retry 40 rmmod brd"
	retry 40 test -b /dev/ram0 || lib_fail "no /dev/ram0" || return
	echo /dev/ram0
}

# mkfs_mount FSTYPE DEV DIR [MOUNT-OPTIONS]
# xfs wants 300 MB at least, btrfs 110 MB. The halves: on a slow device, make it before that is slow.
mkfs_mount() { mkfs_on "$1" "$2" && mount_on "$1" "$2" "$3" "${4:-}"; }
mkfs_on() {
	case $1 in
	ext4) mkfs.ext4 -q -F -E nodiscard,lazy_journal_init=1 "$2" ;;
	xfs) mkfs.xfs -q -f -K "$2" ;;
	btrfs) modprobe btrfs && mkfs.btrfs -q -f -K "$2" ;;
	*) mkfs -t "$1" "$2" ;;
	esac >/dev/null
}
mount_on() {
	mkdir -p "$3" && mount -t "$1" -o "${4:-defaults}" "$2" "$3" || return
	at_exit "retry 40 umount $3"
}

# mk_swap DEV: swap is on it, a page at a time
mk_swap() {
	mkswap "$1" >/dev/null && swapon "$1" || return
	at_exit "retry 40 swapoff $1"
	at_exit "echo $(cat /proc/sys/vm/page-cluster) >/proc/sys/vm/page-cluster"
	echo 0 >/proc/sys/vm/page-cluster
}

# ---- loads ---------------------------------------------------------------

# cpu_hog CPU: a busy loop there until the exit; prints its process id
cpu_hog() {
	taskset -c "$1" sh -c 'while :; do :; done' >/dev/null 2>&1 &
	at_exit "end_process $!"
	echo $!
}

# cgroup_new NAME: prints its directory; who is still in it at the end is killed
cgroup_new() {
	lib_g=/sys/fs/cgroup/$1
	mkdir -p "$lib_g" || return
	at_exit "cgroup_end $lib_g"
	echo "$lib_g"
}
cgroup_end() {
	# the caller itself may be inside
	echo $$ >/sys/fs/cgroup/cgroup.procs
	while read -r lib_p; do kill -KILL "$lib_p" || :; done <"$1/cgroup.procs"
	retry 40 rmdir "$1"
}

# softirq_storm CPU [PACKETS_PER_SECOND]
# Network softirqs on that CPU until the exit; prints the sender's process id.
# The sender, in a netns behind a veth, runs on another CPU, and receive
# packet steering moves its packets' softirqs here: so they interrupt whoever
# runs here, as a network card's would. Without a rate it sends all it can,
# and then ksoftirqd takes over a good part of the work.
softirq_storm() {
	lib_ns=storm$1 lib_if=vstorm$1
	lib_other=$(awk -v c="$1" '/^processor/ && $3 != c { print $3; exit }' /proc/cpuinfo)
	[ -n "$lib_other" ] || lib_fail "softirq_storm needs a second CPU" || return
	modprobe veth && ip netns add "$lib_ns" || return
	at_exit "ip netns del $lib_ns"
	ip link add "$lib_if" type veth peer name eth0 netns "$lib_ns" || return
	at_exit "ip link del $lib_if"
	ip addr add "10.99.$1.1/24" dev "$lib_if" && ip link set "$lib_if" up &&
		ip -n "$lib_ns" addr add "10.99.$1.2/24" dev eth0 &&
		ip -n "$lib_ns" link set eth0 up || return
	printf '%x\n' $((1 << $1)) >"/sys/class/net/$lib_if/queues/rx-0/rps_cpus" || return
	taskset -c "$lib_other" ip netns exec "$lib_ns" python3 -c '
import socket, sys, time
to, rate = (sys.argv[1], 9), float(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
data, sent, start = bytes(64), 0, time.monotonic()
while True:
    if rate and sent > (time.monotonic() - start) * rate:
        time.sleep(0.0005)
        continue
    try:
        s.sendto(data, to)
    except OSError:     # nobody listens, and ICMP says so
        pass
    sent += 1
' "10.99.$1.1" "${2:-0}" >/dev/null 2>&1 &
	at_exit "end_process $!"
	echo $!
}
