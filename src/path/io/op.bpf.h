/* SPDX-License-Identifier: GPL-2.0-only */
/* Begin, end and report of an operation. */
#ifndef SPOOR_IO_OP_BPF_H
#define SPOOR_IO_OP_BPF_H

#include "path/io/state.bpf.h"

#define S_IFMT  0170000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define O_APPEND 02000
#define RWF_APPEND 0x10
#define RWF_NOAPPEND 0x20 /* from 6.9 */
#define O_DIRECT_X86 040000
#define O_DIRECT_ARM64 0200000
#if defined(__TARGET_ARCH_arm64)
#define O_DIRECT O_DIRECT_ARM64
#else
#define O_DIRECT O_DIRECT_X86
#endif

static __always_inline struct task_struct *current_task(void)
{
	/* Not the BTF-typed helper: 5.10 lacks it. */
	return (struct task_struct *)bpf_get_current_task();
}

/* As bpf_get_current_cgroup_id() and bpf_get_current_comm(), by loads where that is possible. t: the running task. */
static __always_inline u64 current_cgroup(const struct task_struct *t)
{
#ifdef HAVE_RDONLY_CAST
	if (bpf_core_field_exists(t->cgroups) && bpf_core_field_exists(struct css_set, dfl_cgrp) &&
	    bpf_core_field_exists(struct cgroup, kn) && bpf_core_field_exists(struct kernfs_node, id))
		return KERNEL_READ(struct task_struct, t, cgroups, dfl_cgrp, kn)->id;
#endif
	return bpf_get_current_cgroup_id();
}

static __always_inline void current_comm(const struct task_struct *t, char comm[16])
{
#ifdef HAVE_RDONLY_CAST
	if (bpf_core_field_exists(t->comm)) {
		u64 at = (u64)t + bpf_core_field_offset(struct task_struct, comm);
		struct list_head *words = UNTRUSTED(struct list_head, at); /* any structure that is 16 bytes */

		((u64 *)comm)[0] = (u64)words->next;
		((u64 *)comm)[1] = (u64)words->prev;
		return;
	}
#endif
	bpf_get_current_comm(comm, 16);
}

/* Of a file descriptor of the running task. */
#ifdef HAVE_RDONLY_CAST
static __always_inline u64 file_of_fd(const struct task_struct *t, u32 fd)
{
	struct files_struct *files = UNTRUSTED(struct task_struct, t)->files;
	struct fdtable *fdt = files ? files->fdt : NULL;

	if (!fdt || fd >= fdt->max_fds)
		return 0;
	return (u64)UNTRUSTED(struct hlist_head, fdt->fd + fd)->first; /* any structure that is one pointer */
}
#else
static __always_inline u64 file_of_fd(const struct task_struct *t, u32 fd)
{
	struct files_struct *files;
	struct fdtable *fdt;
	struct file **table, *f = NULL;

	if (has_task_btf) { /* typed pointers are read directly */
		t = bpf_get_current_task_btf();
		files = t->files;
		fdt = files ? files->fdt : NULL;
		if (!fdt || fd >= fdt->max_fds)
			return 0;
		table = fdt->fd;
	} else {
		files = BPF_CORE_READ(t, files);
		fdt = files ? BPF_CORE_READ(files, fdt) : NULL;
		if (!fdt || fd >= BPF_CORE_READ(fdt, max_fds))
			return 0;
		table = BPF_CORE_READ(fdt, fd);
	}
	bpf_probe_read_kernel(&f, sizeof(f), table + fd);
	return (u64)f;
}
#endif

/* File systems without storage behind them (include/uapi/linux/magic.h). */
static __always_inline bool fs_is_pseudo(u64 magic)
{
	switch (magic) {
	case 0x9fa0:      /* proc */
	case 0x62656572:  /* sysfs */
	case 0x64626720:  /* debugfs */
	case 0x74726163:  /* tracefs */
	case 0x27e0eb:    /* cgroup */
	case 0x63677270:  /* cgroup2 */
	case 0x62656570:  /* configfs */
	case 0x73636673:  /* securityfs */
	case 0xcafe4a11:  /* bpf */
		return true;
	}
	return false;
}

/* The device that an inode is on, or, of a device node, is. */
static __always_inline u32 inode_dev(struct inode *inode, u16 mode)
{
	return (mode & S_IFMT) == S_IFBLK ? KERNEL_READ(struct inode, inode, i_rdev) : KERNEL_READ(struct inode, inode, i_sb, s_dev);
}

static __always_inline void slot_set_inode(struct io_slot *s, struct inode *inode)
{
	u16 mode = KERNEL_READ(struct inode, inode, i_mode);

	s->inode = (u64)inode;
	s->ino = KERNEL_READ(struct inode, inode, i_ino);
	s->file_flags = mode & S_IFMT;
	if (bpf_core_field_exists(struct super_block, s_magic) && fs_is_pseudo(KERNEL_READ(struct inode, inode, i_sb, s_magic)))
		s->file_flags = 0;
	s->dev = inode_dev(inode, mode);
}

/* What the file is; the answer is kept for the next call of the same thread on the same file. Addresses come again: a
 * file opened next may be another name of the inode, or be open for direct I/O, and an inode another one. The summary
 * asks for none of that.
 * False unless it is a regular file, a block device or (fsync) a directory. */
static __always_inline bool slot_set_file(struct io_slot *s, u64 file)
{
	struct file *f = (struct file *)file;
	u64 inode;
	bool same;

	if (!file)
		return false;
	inode = (u64)KERNEL_READ(struct file, f, f_inode);
	same = s->file == file && s->inode == inode;
	if (!same || want_records || file_want_ino) {
		if (!same || KERNEL_READ(struct inode, inode, i_ino) != s->ino)
			slot_set_inode(s, (struct inode *)inode);
		s->dentry = (u64)READ_IF_THERE(f, f_path.dentry);
		s->file = file;
		s->file_flags &= S_IFMT;
		if (READ_IF_THERE(f, f_flags) & O_DIRECT)
			s->file_flags |= IOF_DIRECT;
	}
	s->has_file = 1;
	return (s->file_flags & S_IFMT) == S_IFREG || (s->file_flags & S_IFMT) == S_IFBLK ||
	       (s->file_flags & S_IFMT) == S_IFDIR;
}

/* Where it is written to or read from: a position of -1 is the file's own, and what is appended goes to the end, wherever
 * else the call says. The position is set when the file is locked; this is what is known before. */
__noinline s64 file_offset(u64 file, u32 write, u32 rw_flags, s64 offset)
{
	struct file *f = (struct file *)file;

	if (!f)
		return offset;
	if (write && (rw_flags & RWF_APPEND || (READ_IF_THERE(f, f_flags) & O_APPEND && !(rw_flags & RWF_NOAPPEND))))
		return bpf_core_field_exists(struct inode, i_size) ? BPF_CORE_READ(f, f_inode, i_size) : -1;
	if (offset == -1 && bpf_core_field_exists(f->f_pos))
		return BPF_CORE_READ(f, f_pos);
	return offset;
}

static __always_inline bool slot_filter_file(struct io_slot *s)
{
	if (file_want_ino && !filter_file((struct dentry *)s->dentry, s->ino, s->dev,
					 (s->file_flags & S_IFMT) == S_IFBLK))
		return false;
	s->matched = !ndevs_want || filter_dev(s->dev);
	return true;
}

/* id: as bpf_get_current_pid_tgid() has it. */
static __always_inline void slot_reset(struct io_slot *s, u32 kind, u64 now, u64 id)
{
	s->kind = kind;
	s->nitems = s->matched = s->done = s->has_file = 0;
	s->flags = 0;
	s->t = now;
	s->size = 0;
	s->tgid = id >> 32;
	s->tid = id;
	s->nbios = 0;
	if (!want_records)
		return;
	s->offset = -1;
	s->pages_added = s->pages_dirtied = s->items_lost = 0;
}

static __always_inline void sync_reset(struct io_slot *s, u32 kind, u64 now, u64 id)
{
	slot_reset(s, kind, now, id);
	__builtin_memset(&s->clock, 0, sizeof(s->clock));
	s->sub = s->sub_first = 0;
	s->sub_left = 0;
	s->ring = 0;
}

/* Its clock is set when the submission ends. */
static __always_inline void async_reset(struct io_slot *a, u32 kind, u64 now, u64 id)
{
	slot_reset(a, kind, now, id);
	a->flags = IOF_ASYNC;
	a->next = a->batch = 0;
	a->submitted_at = a->done_at = a->early = 0;
	a->res = 0;
}

/* A name of an inode, if the kernel has one in memory. */
static __always_inline struct dentry *inode_dentry(struct inode *inode)
{
	struct hlist_node *alias = bpf_core_field_exists(inode->i_dentry.first) ? BPF_CORE_READ(inode, i_dentry.first) : NULL;

	if (!bpf_core_field_exists(struct dentry, d_u.d_alias))
		return NULL;
	return alias ? (struct dentry *)((u64)alias - bpf_core_field_offset(struct dentry, d_u.d_alias)) : NULL;
}

/* What a name is read from. */
static __always_inline bool has_names(void)
{
	return bpf_core_field_exists(struct dentry, d_inode) && bpf_core_field_exists(struct dentry, d_parent) &&
	       bpf_core_field_exists(struct dentry, d_name.name) && bpf_core_field_exists(struct dentry, d_name.hash_len) &&
	       bpf_core_field_exists(struct super_block, s_root) && bpf_core_field_exists(struct file, f_path.dentry);
}

/* Names from the file upwards, once for each file (and again after a rename of it or its directory,
 * which changes the key). */
__noinline u64 path_send(u64 dentry, u64 ino)
{
	struct scratch *sc = scratch_get();
	struct dentry *d, *up;
	u64 key, root;
	u32 off = 0, n = 0;
	u8 one = 1;

	d = (struct dentry *)dentry;
	if (!has_names())
		return 0;
	if (!sc || !d || KERNEL_READ(struct dentry, dentry, d_inode, i_ino) != ino)
		return 0;
	key = dentry * 31 + KERNEL_READ(struct dentry, dentry, d_name.hash_len) * 0x9e3779b97f4a7c15ull + ino +
	      KERNEL_READ(struct dentry, dentry, d_parent, d_name.hash_len) * 0xbf58476d1ce4e5b9ull;
	if (key == sc->path_last)
		return key;
	if (bpf_map_lookup_elem(&paths_sent, &key)) {
		sc->path_last = key;
		return key;
	}
	root = (u64)BPF_CORE_READ(d, d_inode, i_sb, s_root);
	sc->path.truncated = 1;
	for (n = 0; n < IO_DEPTH; n++) {
		long len;
		up = BPF_CORE_READ(d, d_parent);
		if (!up || up == d || (u64)d == root) {
			sc->path.truncated = 0;
			break;
		}
		if (off > IO_PATH)
			break;
		len = bpf_probe_read_kernel_str(&sc->path.name[off & (IO_PATH - 1)], IO_NAME,
						BPF_CORE_READ(d, d_name.name));
		if (len <= 0)
			break;
		off += len & (IO_NAME * 2 - 1);
		d = up;
	}
	sc->path.type = IO_REC_PATH;
	sc->path.depth = n;
	sc->path.len = off;
	sc->path.path = key;
	sc->path.ino = ino;
	d = (struct dentry *)dentry; /* of a device node: the file system that it is a file of */
	sc->path.dev = BPF_CORE_READ(d, d_inode, i_sb, s_dev);
	if (off > IO_PATH + IO_NAME - 1)
		off = IO_PATH + IO_NAME - 1;
	if (bpf_ringbuf_output(&ring, &sc->path, sizeof(sc->path) - sizeof(sc->path.name) + off, BPF_RB_NO_WAKEUP)) {
		lose(LOSS_RING);
		return 0;
	}
	bpf_map_update_elem(&paths_sent, &key, &one, BPF_ANY);
	sc->path_last = key;
	return key;
}

/* Bits of a time stamp that are all 0 for one record of eight: that one looks how full the ring is. */
enum { RING_LOOK = 7 << 4 };

/* Sends the record of slot `index`. The clock is stopped, everything else is in the slot. */
static __always_inline void op_send(struct io_slot *s, u32 index, u64 wall, s64 ret, u64 inflight, u64 unreaped)
{
	struct io_rec_op *r = bpf_map_lookup_elem(&recs, &index);
	u32 n;

	if (!r)
		return;
	n = s->nitems;
	if (n > IO_ITEMS)
		n = IO_ITEMS;
	r->type = IO_REC_OP;
	r->kind = s->kind;
	r->nitems = n;
	r->flags = s->flags;
	r->t = s->t;
	r->wall = wall;
	for (int i = 0; i < TP_N; i++)
		r->part[i] = s->clock.part[i];
	r->inflight = inflight;
	r->unreaped = unreaped;
	r->cgroup = s->cgroup;
	r->ino = s->ino;
	r->tid = s->tid;
	r->tgid = s->tgid;
	r->dev = s->dev;
	r->nbios = s->nbios;
	r->offset = s->offset;
	r->ret = ret;
	r->size = s->size;
	r->pages_added = s->pages_added;
	r->pages_dirtied = s->pages_dirtied;
	r->items_lost = s->items_lost;
	r->seq = s->seq;
	if (s->flags & (IOF_ASYNC | IOF_END_UNSEEN)) /* ends in another task's context */
		__builtin_memcpy(r->comm, s->comm, sizeof(r->comm));
	else
		current_comm(current_task(), r->comm);
	r->path = path_send(s->dentry, s->ino);
	if (bpf_ringbuf_output(&ring, r, sizeof(*r) - sizeof(r->item) + n * sizeof(r->item[0]),
			       (s->t + wall) & RING_LOOK ? BPF_RB_NO_WAKEUP : ring_flags()))
		lose(LOSS_RING);
}

static __always_inline bool kind_wanted(u32 kind)
{
	return !kinds_want || kinds_want >> (kind & 63) & 1;
}

static __always_inline bool record_wanted(u64 wall, bool error)
{
	return want_records && wall >= want_slower && wall >= top_min && (!want_errors_only || error);
}

/* Counts a finished operation and reports it if it is wanted. The slot is still claimed. */
__noinline int op_finish(u32 index, u64 wall, s64 ret, u64 inflight, u64 unreaped)
{
	bool error = ret < 0 && ret >= -4095;
	u64 sum = inflight + unreaped, bytes = 0;
	struct io_slot *s = slot_at(index);
	struct io_row *row;

	if (!s)
		return 0;
	if ((ndevs_want && !s->matched) || !kind_wanted(s->kind))
		return 0;
	for (int i = 0; i < TP_N; i++)
		sum += s->clock.part[i];
	if (sum != wall)
		lose(LOSS_SUM);
	if (ret > 0 && (s->kind <= IO_COPY_FILE_RANGE || s->kind >= IO_AIO_READ))
		bytes = ret;
	row = row_get(s->dev, s->kind, 0);
	if (row) {
		row_add(row, wall, bytes, error);
		for (int i = 0; i < TP_N; i++)
			row->part[i] += s->clock.part[i];
		row->inflight += inflight;
		row->unreaped += unreaped;
	}
	if (record_wanted(wall, error))
		op_send(s, index, wall, ret, inflight, unreaped);
	return 0;
}

/* ---- synchronous operations ---- */

/* In io.bpf.c: the task is seen to run, but the switch to it was not. */
int resume_unseen(u32 index, u64 now);

static __always_inline u64 slot_stop(struct io_slot *s, u32 index)
{
	u64 now = clock_now(&s->clock);

	if (s->clock.state > TASK_ON_CPU)
		resume_unseen(index, now);
	clock_stop(&s->clock, now);
	return now;
}

static __always_inline void sync_end(struct io_slot *s, u32 index, s64 ret)
{
	u64 now = slot_stop(s, index);

	if (s->kind < IO_KIND_N)
		op_finish(index, now - s->t, ret, 0, 0);
	sync_release(s);
}

/* A page fault whose end no hook shows. It ends when its task runs again after it blocked; if that was not seen
 * either, now. */
static __always_inline void fault_settle(struct io_slot *s, u32 index)
{
	if (s->clock.state > TASK_ON_CPU)
		sync_end(s, index, 0);
	else
		sync_release(s);
}

/* Starts the clock of a claimed slot. */
static __always_inline void sync_start(struct io_slot *s, const struct task_struct *t)
{
	if (want_records)
		s->cgroup = current_cgroup(t);
	clock_run(&s->clock, s->t);
}

/* An operation on an inode that no system call names: write-back, page fault. */
static __always_inline void inode_op_begin(u32 kind, struct inode *inode, u32 flags)
{
	struct io_slot *s;
	struct task_struct *t = current_task();
	u64 id = bpf_get_current_pid_tgid();
	u32 index, tid = id;

	if (!ready || !filter_task_id(t, id) || sync_find(tid, &index))
		return;
	s = sync_claim(tid, &index);
	if (!s)
		return;
	sync_reset(s, kind, bpf_ktime_get_ns(), id);
	s->flags = flags;
	s->file = s->dentry = 0;
	s->dev = s->ino = 0;
	if (inode) {
		slot_set_inode(s, inode);
		s->dentry = (u64)inode_dentry(inode);
	}
	if (!slot_filter_file(s)) {
		sync_release(s);
		return;
	}
	sync_start(s, t);
}

#endif
