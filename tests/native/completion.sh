#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What bash offers for a command line of spoor's that ends with a tab. Prints "ok|not ok WHAT" a line.
#
# usage: tests/native/completion.sh
#	tests/vm/run-vm --fast -c 1 -t 300 KERNEL -- tests/native/completion.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
spoor=${SPOOR:-$PWD/${O:-out}/spoor}
[ -x "$spoor" ] || { echo "no $spoor: make first"; exit 1; }
. docs/completion.bash
failed=0

# offers LINE WORD...: the last words of what is offered; the line's words are split as bash does it, an open quote holds
offers() {
	local line=$1 w found
	shift
	COMP_LINE=$line COMP_POINT=${#line}
	case $line in
	*[\'\"]*) COMP_WORDS=("$spoor" probe "${line#"${line%%[\'\"]*}"}") ;;
	*) read -ra COMP_WORDS <<<"$line"; [ "${line% }" = "$line" ] || COMP_WORDS+=("") ;;
	esac
	COMP_WORDS[0]=$spoor COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_spoor "$spoor" 2>/dev/null
	for w in "$@"; do
		found=
		for c in "${COMPREPLY[@]}"; do
			[ "$c" != "$w" ] || found=1
		done
		if [ -n "$found" ]; then
			echo "ok $line: $w"
		else
			echo "not ok $line: $w (of ${#COMPREPLY[@]}: ${COMPREPLY[*]:0:8})"
			failed=1
		fi
	done
}

offers "spoor pro" probe
offers "spoor probe --backe" --backend
offers "spoor probe '" "p " "s "
offers "spoor probe 'p vfs_re" "p vfs_read" "p vfs_readlink"
offers "spoor probe 'p vfs_read " "p vfs_read file" "p vfs_read count" "p vfs_read comm"
offers "spoor probe 'p vfs_read file->f_po" "p vfs_read file->f_pos"
offers "spoor probe 'p vfs_read a=X%0->f_path.dentry->d_na" "p vfs_read a=X%0->f_path.dentry->d_name"
offers "spoor probe 'p vfs_read f:count>5 && file->f_inode->i_si" "p vfs_read f:count>5 && file->f_inode->i_size"
offers "spoor probe 'p vfs_read c=!(struct task_struct *)%ax->com" "p vfs_read c=!(struct task_struct *)%ax->comm"
offers "spoor probe 'r vfs_read lat | hi" "r vfs_read lat | hist"
offers "spoor probe 'r vfs_read | hist lat b" "r vfs_read | hist lat by"
offers 'spoor probe "e sched/sched_swit' "e sched/sched_switch"
offers "spoor probe 'e sched/sched_switch prev_" "e sched/sched_switch prev_comm" "e sched/sched_switch prev_pid"
offers "spoor probe 't sched_swi" "t sched_switch"
offers "spoor probe 'P libc:fope" "P libc:fopen"
exit $failed
