/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is traced. All constants are set before loading, so a filter that is not in use is dead code. */
#ifndef SPOOR_BPF_FILTER_H
#define SPOOR_BPF_FILTER_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "wire.h"

enum { FILTER_DEVS = 16, FILTER_CGROUP_DEPTH = 16, FILTER_DIR_DEPTH = 24, PIDNS_DEPTH = 8 };

const volatile struct task_filter filter = { .cgroup_subsys = -1 };
const volatile u32 ndevs_want;
const volatile u32 devs_want[FILTER_DEVS];
const volatile u64 file_want_ino;
const volatile u32 file_want_dev;
const volatile bool file_want_dir, file_want_blk;

/* Thread groups followed: those asked for and, by the fork hook, their children. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u8);
} follow SEC(".maps");

/* Those asked for, by their ids in spoor's own PID namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u8);
} follow_ns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u8);
} follow_tid SEC(".maps");

/* The running task's thread and thread group as spoor knows them; false when it is in another PID namespace. */
static __always_inline bool ids_own(u32 *tid, u32 *tgid)
{
	struct bpf_pidns_info ns;
	u64 id;

	if (!filter.pidns_ino) {
		id = bpf_get_current_pid_tgid();
		*tid = id;
		*tgid = id >> 32;
		return true;
	}
	if (bpf_get_ns_current_pid_tgid(filter.pidns_dev, filter.pidns_ino, &ns, sizeof(ns)))
		return false;
	*tid = ns.pid;
	*tgid = ns.tgid;
	return true;
}

/* Whether the running task's thread group is followed. One that was asked for becomes known by the kernel's id. */
static __always_inline bool is_followed(u32 kernel_tgid)
{
	u32 tid, tgid;
	u8 one = 1;

	if (bpf_map_lookup_elem(&follow, &kernel_tgid))
		return true;
	if (!filter.pidns_ino || !ids_own(&tid, &tgid) || !bpf_map_lookup_elem(&follow_ns, &tgid))
		return false;
	bpf_map_update_elem(&follow, &kernel_tgid, &one, BPF_ANY);
	return true;
}

static __always_inline void follow_end(u32 kernel_tgid)
{
	u32 tid, tgid;

	bpf_map_delete_elem(&follow, &kernel_tgid);
	if (filter.pidns_ino && ids_own(&tid, &tgid))
		bpf_map_delete_elem(&follow_ns, &tgid);
}

static __always_inline bool filter_cgroup_ok(struct task_struct *t)
{
	struct css_set *set = BPF_CORE_READ(t, cgroups);
	u32 subsys = filter.cgroup_subsys & 15; /* by itself: CO-RE would look for struct task_filter in the kernel, too */
	struct cgroup_subsys_state *css = NULL;
	struct cgroup *c = NULL;
	u64 id;

	if (filter.cgroup_subsys < 0)
		c = BPF_CORE_READ(set, dfl_cgrp);
	else {
		bpf_core_read(&css, sizeof(css), &set->subsys[subsys]);
		c = BPF_CORE_READ(css, cgroup);
	}
	for (int i = 0; i < FILTER_CGROUP_DEPTH && c; i++) {
		id = BPF_CORE_READ(c, kn, id);
		if (id == filter.cgroup)
			return true;
		css = BPF_CORE_READ(c, self.parent);
		c = css ? BPF_CORE_READ(css, cgroup) : NULL;
	}
	return false;
}

/* The running task, and what bpf_get_current_pid_tgid() says of it. */
static __always_inline bool filter_task_id(struct task_struct *t, u64 id)
{
	u32 tgid = id >> 32, tid = id;
	bool own = !filter.pidns_ino || ids_own(&tid, &tgid);

	if (own && tgid == filter.self_tgid)
		return false;
	if (filter.by_tgid && !is_followed(id >> 32))
		return false;
	if (filter.by_tid && (!own || !bpf_map_lookup_elem(&follow_tid, &tid)))
		return false;
	if (filter.by_comm) {
		u64 comm[2] = {}; /* 6.1 copies the name without what pads it */
		bpf_get_current_comm(comm, sizeof(comm));
		if (comm[0] != filter.comm[0] || comm[1] != filter.comm[1])
			return false;
	}
	if (filter.by_cgroup && !filter_cgroup_ok(t))
		return false;
	return true;
}

static __always_inline bool filter_task(struct task_struct *t)
{
	return filter_task_id(t, bpf_get_current_pid_tgid());
}

/* A task's numbers in the namespace that spoor was given, 0 when it is of another. */
static __always_inline u32 pidns_number(struct pid *pid)
{
	u32 level = BPF_CORE_READ(pid, level);
	struct upid u;

	for (u32 i = 0; i < PIDNS_DEPTH && i <= level; i++) {
		bpf_core_read(&u, sizeof(u), &pid->numbers[i]);
		if (BPF_CORE_READ(u.ns, ns.inum) == filter.pidns_ino)
			return u.nr;
	}
	return 0;
}

/* Any task, not only the one that runs: as filter_task. t: typed. */
static __always_inline bool filter_other(struct task_struct *t)
{
	u32 tgid = t->tgid, tid = t->pid, ns_tgid = tgid;

	if (filter.pidns_ino) {
		u8 one = 1;
		tid = pidns_number(t->thread_pid);
		ns_tgid = pidns_number(BPF_CORE_READ(t, signal, pids[PIDTYPE_TGID]));
		if (filter.by_tgid && bpf_map_lookup_elem(&follow_ns, &ns_tgid))
			bpf_map_update_elem(&follow, &tgid, &one, BPF_ANY);
	}
	if (ns_tgid == filter.self_tgid)
		return false;
	if (filter.by_tgid && !bpf_map_lookup_elem(&follow, &tgid))
		return false;
	if (filter.by_tid && !bpf_map_lookup_elem(&follow_tid, &tid))
		return false;
	if (filter.by_comm) {
		u64 comm[2] = {};
		bpf_probe_read_kernel_str(comm, sizeof(comm), t->comm); /* without what a longer name has left behind it */
		if (comm[0] != filter.comm[0] || comm[1] != filter.comm[1])
			return false;
	}
	return !filter.by_cgroup || filter_cgroup_ok(t);
}

/* A followed process' children are followed too. */
static __always_inline int follow_fork(struct task_struct *parent, struct task_struct *child)
{
	u32 from = parent->tgid, to = child->tgid;
	u8 one = 1;

	if (from != to && is_followed(from))
		bpf_map_update_elem(&follow, &to, &one, BPF_ANY);
	return 0;
}

/* The running thread ends; the number may go to another process when it was the last. */
static __always_inline int follow_exit(struct task_struct *t, u32 tgid)
{
	if (filter.by_tgid && !BPF_CORE_READ(t, signal, live.counter))
		follow_end(tgid);
	return 0;
}

static __always_inline bool filter_any_task(void)
{
	return filter.by_tgid || filter.by_tid || filter.by_comm || filter.by_cgroup;
}

static __always_inline bool filter_dev(u32 dev)
{
	for (u32 i = 0; i < FILTER_DEVS && i < ndevs_want; i++)
		if (devs_want[i] == dev)
			return true;
	return false;
}

/* A file, or anything below a directory of the same file system; a block device, by any of its inodes. */
static __always_inline bool filter_file(struct dentry *d, u64 ino, u32 dev, bool blk)
{
	if (dev != file_want_dev || blk != file_want_blk)
		return false;
	if (blk || ino == file_want_ino)
		return true;
	if (!file_want_dir)
		return false;
	for (int i = 0; i < FILTER_DIR_DEPTH && d; i++) {
		struct dentry *up = BPF_CORE_READ(d, d_parent);
		if (!up || up == d)
			return false;
		if (BPF_CORE_READ(up, d_inode, i_ino) == file_want_ino)
			return true;
		d = up;
	}
	return false;
}

#endif
