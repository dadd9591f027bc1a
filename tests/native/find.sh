#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Is it true what spoor find and spoor types say of the kernel? Root. Each way in which a function is said to be probed is
# tried, and each that is said to be none; fields and layouts are compared with what tracefs and bpftool say.
#	O=DIR tests/native/find.sh
# and in a VM:
#	tests/vm/run-vm --fast -t 240 KERNEL -- tests/native/find.sh
#
# Prints "ok|not ok|skip NAME DETAIL" a line.

cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "# find.sh: needs root" >&2; exit 97; }
spoor=$PWD/${O:-out}/spoor
O=${O:-out}
T=$(mktemp -d /dev/shm/find.XXXXXX)
trap 'rc=$?; probes_end; [ -z "$mounted" ] || umount "$tracing"; rm -rf "$T"; exit $rc' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tracing=/sys/kernel/tracing
mounted=
if [ ! -e $tracing/events ]; then
	mount -t tracefs tracefs $tracing && mounted=1
fi
failed=0

result() { # NAME DETAIL COMMAND...: does it succeed?
	name=$1 detail=$2; shift 2
	if "$@"; then echo "ok $name $detail"; else echo "not ok $name $detail"; failed=1; fi
}

probes_end() {
	[ ! -e $tracing/kprobe_events ] || sed -n 's,^[pr][0-9]*:\(findtest/[^ ]*\) .*,-:\1,p' $tracing/kprobe_events 2>/dev/null |
		while read -r line; do echo "$line" >>$tracing/kprobe_events; done
}

# Functions of unlike kinds: ordinary ones, entries, those of the probes themselves, some gone after the start.
functions() {
	"$spoor" find --json 'vfs_r*' 'vfs_set_acl*' 'exc_*' 'kprobe_*' 'do_init*' 'tcp_v4_s*' 'native_sched*' notify_die 2>"$T/err" |
		jq -r 'select(.type == "function" and .module == "") | [.name, (.ways | join(",")), .why] | @tsv'
}

# What kprobe_events takes is what is said to be a kprobe. A name that several functions have is refused by newer kernels.
kprobes() {
	local name ways why wrong=0 tried=0 refused=0
	[ -w $tracing/kprobe_events ] || { echo "skip kprobes this kernel has none"; return; }
	functions >"$T/functions"
	cut -f1 "$T/functions" | sort | uniq -u >"$T/unique"
	while IFS=$'\t' read -r name ways why; do
		grep -qxF "$name" "$T/unique" || continue
		case ,$ways, in *,kprobe,*) want=0 ;; *) want=1 ;; esac
		echo "p:findtest/t $name" 2>/dev/null >>$tracing/kprobe_events
		is=$?
		[ $is != 0 ] || echo "-:findtest/t" >>$tracing/kprobe_events
		tried=$((tried + 1)) refused=$((refused + (is != 0)))
		[ $((is != 0)) = $want ] || { wrong=$((wrong + 1)); echo "# $name: said '$ways' '$why', the kernel: $is"; }
	done <"$T/functions"
	result kprobes "$tried tried, $refused refused by the kernel, $wrong otherwise than said" [ $wrong = 0 -a $tried -gt 50 -a $refused -gt 0 ]
}

# fentry needs the tracer's call, and the kernel's BTF to have the function under this name.
fentries() {
	local name ways why wrong=0 said=0
	"$spoor" doctor --json | jq -e '.probes[] | select(.name == "fentry") | .state == "yes"' >/dev/null ||
		{ echo "skip fentry this kernel allows none"; return; }
	sed 's/ .*//' $tracing/available_filter_functions | sort -u >"$T/traceable"
	while IFS=$'\t' read -r name ways why; do
		case ,$ways, in
		*,fentry,*) said=$((said + 1)); grep -qxF "$name" "$T/traceable" || { wrong=$((wrong + 1)); echo "# $name: not traceable"; } ;;
		esac
	done <"$T/functions"
	result fentry "$said said, $wrong of them not traceable" [ $wrong = 0 -a $said -gt 20 ]
}

# Sums over all tracepoints: nothing of a format file is lost.
fields() {
	local said is
	[ -e $tracing/events/sched ] || { echo "skip fields no tracefs"; return; }
	said=$("$spoor" find --json 'sched/*' 'syscalls/sys_enter_*' 'block/*' | jq -s 'map(select(.type == "tracepoint") | .fields | length) | add')
	is=$(cat $tracing/events/{sched,block}/*/format $tracing/events/syscalls/sys_enter_*/format | grep -c '^	field:')
	result fields "$said said, $is in the format files" [ "$said" = "$is" ]
}

# The other reader of the kernel's BTF.
layouts() {
	local type said is wrong=0
	command -v bpftool >/dev/null || { echo "skip layouts no bpftool"; return; }
	bpftool btf dump file /sys/kernel/btf/vmlinux format raw >"$T/raw"
	for type in task_struct file sk_buff inode; do
		said=$("$spoor" types --json "struct $type" | jq -r 'select(.type == "layout") | .members[] | "\(.name) \(.offset * 8 + .bit)"')
		is=$(awk -v type="'$type'" '$2 == "STRUCT" { on = $3 == type } /^\[/ && $2 != "STRUCT" { on = 0 }
			on && /^\t/ { gsub("\047", "", $1); sub("bits_offset=", "", $3); print ($1 == "(anon)" ? "" : $1) " " $3 }' "$T/raw")
		[ "$said" = "$is" ] && [ -n "$is" ] || { wrong=$((wrong + 1)); echo "# struct $type differs"; }
	done
	result layouts "4 structures, $wrong differ from bpftool's" [ $wrong = 0 ]
}

# What is in a module's BTF: a function with its prototype, and a structure.
modules() {
	local said
	modprobe null_blk nr_devices=1 2>/dev/null || { echo "skip modules there is no null_blk"; return; }
	if [ -e /sys/kernel/btf/null_blk ]; then
		said=$("$spoor" find --json null_queue_rq | jq -r 'select(.type == "function") | "\(.module) \(.prototype) \(.ways[0])"' | sort -u)
		result modules "$said" [ "$said" = "null_blk true fentry" ]
		result modules-types "" sh -c "'$spoor' types 'struct nullb_queue' | grep -q 'struct nullb_device'"
	else # before 5.11
		said=$("$spoor" find --json null_queue_rq | jq -r 'select(.type == "function") | "\(.module) \(.prototype) \(.ways[0])"')
		result modules "$said" [ "$said" = "null_blk false kprobe" ]
	fi
	modprobe -r null_blk
}

kprobes
fentries
fields
layouts
modules
exit $failed
