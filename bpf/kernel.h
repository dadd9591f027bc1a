/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that spoor reads, by hand: only the members in use, offsets relocated by CO-RE at
 * load time. No vmlinux.h, so the build needs no BTF and does not depend on the build machine's kernel.
 */
#ifndef SPOOR_BPF_KERNEL_H
#define SPOOR_BPF_KERNEL_H

#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define NULL ((void *)0)
#define true 1
#define false 0

#define BPF_CORE __attribute__((preserve_access_index))

/* Members of all kernels stand side by side, those that are not in every one with a word on it: CO-RE finds what there is.
 * A type of its own for each variant (task_struct___old) would cost a search of all of BTF at every start. */

struct list_head { struct list_head *next, *prev; } BPF_CORE;
struct hlist_node { struct hlist_node *next; } BPF_CORE;
struct hlist_head { struct hlist_node *first; } BPF_CORE;

/* --- tasks --- */
#if defined(__TARGET_ARCH_x86)
struct pt_regs { unsigned long r10, r9, r8, ax, dx, si, di, orig_ax, ip, sp, cs; } BPF_CORE;
struct thread_info { unsigned long flags; u32 status, cpu; } BPF_CORE;
struct thread_struct { unsigned long sp; } BPF_CORE;
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs { u64 regs[31]; u64 sp, pc, pstate; } BPF_CORE;
struct pt_regs { u64 regs[31]; u64 sp, pc, pstate; s32 syscallno; } BPF_CORE;
struct thread_info { unsigned long flags; u32 cpu; } BPF_CORE;
struct cpu_context { unsigned long sp; } BPF_CORE;
struct thread_struct { struct cpu_context cpu_context; } BPF_CORE;
#endif

struct file;
struct fdtable { unsigned int max_fds; struct file **fd; } BPF_CORE;
struct files_struct { struct fdtable *fdt; } BPF_CORE;

struct kernfs_node { u64 id; } BPF_CORE;
struct cgroup;
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys_state *parent; } BPF_CORE;
struct cgroup { struct cgroup_subsys_state self; struct kernfs_node *kn; } BPF_CORE;
struct css_set { struct cgroup_subsys_state *subsys[16]; struct cgroup *dfl_cgrp; } BPF_CORE;

struct atomic_counter { int counter; } BPF_CORE;
struct pid_namespace { struct { unsigned int inum; } ns; } BPF_CORE;
struct upid { int nr; struct pid_namespace *ns; } BPF_CORE;
struct pid { unsigned int level; struct upid numbers[1]; } BPF_CORE;
struct signal_struct { struct atomic_counter live; struct pid *pids[4]; } BPF_CORE;

#define PIDTYPE_TGID 1

struct rq { u64 clock; } BPF_CORE;
struct cfs_rq {
	struct rq *rq;                     /* with CONFIG_FAIR_GROUP_SCHED */
	int throttle_count;                /* with CONFIG_CFS_BANDWIDTH */
} BPF_CORE;
struct sched_entity {
	struct cfs_rq *cfs_rq;             /* with CONFIG_FAIR_GROUP_SCHED */
	unsigned char sched_delayed;       /* from 6.12, 152e11f6df29: sleeps, but is still on the queue */
} BPF_CORE;

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;              /* from 5.14, 2f064a59a11f */
	long state;                        /* until then */
	unsigned int cpu;                  /* until 5.15: bcf9033e5449 moved it to thread_info */
	int on_cpu, on_rq, prio;
	unsigned int policy;
	struct sched_entity se;
	bool throttled;                    /* from 6.18, e1fad12dcb66: the task itself, not its queue */
	int pid, tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	unsigned int flags;
	struct files_struct *files;
	struct css_set *cgroups;
	struct signal_struct *signal;
	char comm[16];
	void *worker_private;              /* from 5.17; io_uring workers */
	struct thread_struct thread;
} BPF_CORE;

struct bpf_iter_meta;
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; } BPF_CORE;

#define PF_KTHREAD   0x00200000
#define TASK_DEAD    0x00000080 /* of the state */
#define TASK_WAKING  0x00000200
#define PF_IO_WORKER 0x00000010
#define PF_LOCAL_THROTTLE 0x00100000 /* set by the loop driver's worker (and nfsd) */

/* --- locks: include/trace/events/lock.h --- */
#define LCB_F_SPIN   (1u << 0)
#define LCB_F_READ   (1u << 1)
#define LCB_F_WRITE  (1u << 2)
#define LCB_F_RT     (1u << 3)
#define LCB_F_PERCPU (1u << 4)
#define LCB_F_MUTEX  (1u << 5)
struct atomic_long_counter { long counter; } BPF_CORE;
struct mutex { struct atomic_long_counter owner; } BPF_CORE;        /* not of a kernel with PREEMPT_RT */
struct rw_semaphore { struct atomic_long_counter owner; } BPF_CORE; /* not of a kernel with PREEMPT_RT */

/* --- files --- */
struct qstr { u64 hash_len; const unsigned char *name; } BPF_CORE;
struct super_block { u32 s_dev; unsigned long s_magic; struct dentry *s_root; } BPF_CORE;
struct inode {
	u16 i_mode;
	u32 i_rdev;
	unsigned long i_ino;
	s64 i_size;
	struct super_block *i_sb;
	struct hlist_head i_dentry;
} BPF_CORE;
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union { struct hlist_node d_alias; } d_u;
} BPF_CORE;
struct path { struct dentry *dentry; } BPF_CORE;
struct file {
	unsigned int f_flags;
	struct path f_path;
	struct inode *f_inode;
	s64 f_pos;
	void *private_data;
} BPF_CORE;
struct address_space { struct inode *host; } BPF_CORE;
struct page {
	unsigned long compound_head;       /* bit 0 set: the address of the head, else this is one */
	struct address_space *mapping;
	unsigned long index;
} BPF_CORE;
struct folio { struct address_space *mapping; unsigned long index; } BPF_CORE; /* from 5.16 */
struct vm_area_struct { struct file *vm_file; } BPF_CORE;
struct vm_fault { struct vm_area_struct *vma; unsigned long pgoff; } BPF_CORE;
struct writeback_control;

/* --- block layer --- */
struct block_device;
struct gendisk { int major, first_minor; } BPF_CORE;
struct block_device { u32 bd_dev; struct gendisk *bd_disk; } BPF_CORE;
struct request_queue { struct gendisk *disk; } BPF_CORE; /* from 5.15, d152c682f03c */
struct bvec_iter { u64 bi_sector; unsigned int bi_size; } BPF_CORE;
struct bio_vec { struct page *bv_page; } BPF_CORE;
struct blkcg { struct cgroup_subsys_state css; } BPF_CORE;
struct blkcg_gq { struct blkcg *blkcg; } BPF_CORE;
struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;      /* from 5.12, 309dca309fc3 */
	struct gendisk *bi_disk;           /* until then */
	unsigned int bi_opf;
	u16 bi_flags;
	u8 bi_status;
	struct bvec_iter bi_iter;
	void *bi_private;
	struct blkcg_gq *bi_blkg;
	struct bio_vec *bi_io_vec;
} BPF_CORE;
struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	u64 __sector;
	struct bio *bio;
	u64 start_time_ns;
	struct gendisk *rq_disk;           /* until 5.16, f3fa33acca9f */
} BPF_CORE;

/* include/linux/blk_types.h; unchanged 5.10 to 6.18 unless said */
#define REQ_OP_MASK      0xff

/* --- io_uring --- */
struct io_uring { u32 head, tail; } BPF_CORE;
struct io_uring_cqe { u64 user_data; s32 res; } BPF_CORE;
struct io_rings { struct io_uring cq; u32 cq_ring_mask; struct io_uring_cqe cqes[0]; } BPF_CORE;
struct io_ring_ctx { unsigned int flags; struct io_rings *rings; } BPF_CORE;
struct io_cqe { u64 user_data; int fd; } BPF_CORE;
struct io_wq_work { unsigned int flags; } BPF_CORE;
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u32 flags;                         /* the low half */
	struct io_cqe cqe;                 /* from 5.19, cef216fc32d7 */
	u64 user_data;                     /* until then */
	struct io_ring_ctx *ctx;
	struct io_wq_work work;
} BPF_CORE;
struct kiocb { s64 ki_pos; } BPF_CORE;
struct io_rw { struct kiocb kiocb; u64 addr; u32 len; int flags; } BPF_CORE; /* flags: from 5.18 */
struct io_splice { int splice_fd_in; unsigned int flags; } BPF_CORE;            /* from 5.19 */
struct io_worker { struct io_wq_work *cur_work; } BPF_CORE;

#define REQ_F_FIXED_FILE 1u
#define SPLICE_F_FD_IN_FIXED (1u << 31)
#define IORING_SETUP_SQPOLL (1u << 1)
#define IORING_SETUP_CQE32  (1u << 11)

#endif
