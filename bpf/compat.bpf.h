/* SPDX-License-Identifier: GPL-2.0-only */
/* Every difference between kernels, one accessor each, with what caused it. No version numbers are compared:
 * user space asks BTF which parameters a tracepoint has and sets the constants; CO-RE tells which fields exist. */
#ifndef SPOOR_BPF_COMPAT_H
#define SPOOR_BPF_COMPAT_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* Argument n of a raw tracepoint. The load is written out because a compiler that merges two loads into one
 * with a computed offset makes the verifier of older kernels refuse a "modified ctx ptr". */
#define CTX_ARG(ctx, n) ({ u64 v_; asm volatile("%0 = *(u64 *)(%1 + " #n " * 8)" : "=r"(v_) : "r"(ctx)); v_; })

/* Position of the bio or request among the parameters: 5.11 dropped the leading request_queue
 * (a54895fa057c, e8a676d61c07). 0 or 1, found in BTF. */
const volatile u8 arg_bio_queue, arg_getrq, arg_rq_insert, arg_rq_issue, arg_rq_requeue, arg_rq_merge, arg_split, arg_merge;
/* bpf_get_current_task_btf: from 5.11 (3ca1032ab7ab). */
const volatile u8 has_task_btf;
/* bpf_spin_lock in tracing programs: not on 5.10; asked of the kernel. */
const volatile bool has_spin_lock;
/* sched_switch has prev_state as fourth parameter from 5.18 (fa2c3254d7cf). */
const volatile u8 has_prev_state;

/* Functions marked so are global: the verifier checks each once, for any arguments, and not at every call; without
 * that a loop of 64 over one of them passes its limit. They take and return numbers only. */
#undef __noinline
#define __noinline __attribute__((noinline))

/* A typed pointer without the verifier's trust. For each pointer that is loaded through one which it trusts, as it does a
 * tracepoint's arguments, it searches all of the kernel's BTF for four names (type_is_trusted() and the like, from 6.3):
 * 1.5 ms each time. After the cast, which is no instruction, it asks nothing; loads then check the address. The function
 * came with 6.2 (a35b9af4ec2c). 5.13 to 5.15 refuse a program with a call of what they do not have even where it is never
 * reached, so there are two builds: io.bpf.c and io_cast.bpf.c. */
#ifdef HAVE_RDONLY_CAST
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym;
#define UNTRUSTED(type, p) ((type *)bpf_rdonly_cast((const void *)(p), bpf_core_type_id_kernel(type)))
#else
#define UNTRUSTED(type, p) ((type *)(p))
#endif

/* BPF_CORE_READ, whose calls take ten times as long as the loads that they are where there is the cast. A pointer that was
 * loaded so has a type: no number, which a function would take. */
#ifdef HAVE_RDONLY_CAST
#define READ_1(p, a)          (p)->a
#define READ_2(p, a, b)       (p)->a->b
#define READ_3(p, a, b, c)    (p)->a->b->c
#define READ_PICK(a, b, c, name, ...) name
#define KERNEL_READ(type, p, ...) (READ_PICK(__VA_ARGS__, READ_3, READ_2, READ_1)(UNTRUSTED(type, p), __VA_ARGS__))
#else
#define KERNEL_READ(type, p, ...) BPF_CORE_READ((type *)(p), __VA_ARGS__)
#endif

#define CTX_ARG01(ctx, which) ({ u64 a_; if (which) a_ = CTX_ARG(ctx, 1); else a_ = CTX_ARG(ctx, 0); (void *)a_; })

/* A member that only a detail hangs on: 0 where the kernel has it no more. What it reads must not make the kernel refuse a
 * program that much more hangs on; io_fields() of spoor io says what is missing. */
#define READ_IF_THERE(p, member) (bpf_core_field_exists((p)->member) ? KERNEL_READ(typeof(*(p)), p, member) : 0)

static __always_inline u64 task_state(struct task_struct *t)
{
	if (bpf_core_field_exists(t->__state))
		return t->__state;
	return t->state;
}

static __always_inline u64 switch_prev_state(u64 *ctx, struct task_struct *prev)
{
	return has_prev_state ? (u32)CTX_ARG(ctx, 3) : task_state(prev);
}

/* Its control group has used up its time (cpu.max), or one above has. Where the task itself is throttled, it may go on in
 * the kernel while its group is. */
static __always_inline bool task_throttled(struct task_struct *t)
{
	struct cfs_rq *q = NULL;

	if (bpf_core_field_exists(t->throttled))
		return t->throttled;
	if (t->prio < 100) /* real-time: not of that queue */
		return false;
	if (bpf_core_field_exists(t->se.cfs_rq))
		q = t->se.cfs_rq;
	return q && bpf_core_field_exists(q->throttle_count) && q->throttle_count;
}

/* Has it left the run queue? From 5.18 to 6.13 sched_switch says that a task sleeps which a signal kept from it
 * (8feb053d5319). */
static __always_inline bool task_dequeued(struct task_struct *t)
{
	if (!t->on_rq)
		return true;
	return bpf_core_field_exists(t->se.sched_delayed) && t->se.sched_delayed;
}

/* Not a member where there is one CPU only. */
static __always_inline bool task_on_cpu(struct task_struct *t)
{
	return bpf_core_field_exists(t->on_cpu) && t->on_cpu;
}

/* What the clock of its run queue says, which is read at the beginning of a context switch; 0: it has none. Of the CPU that
 * it leaves, in sched_switch. */
static __always_inline u64 task_rq_clock(struct task_struct *t)
{
	struct cfs_rq *q = NULL;
	struct rq *rq = NULL;

	if (bpf_core_field_exists(t->se.cfs_rq))
		q = t->se.cfs_rq;
	if (q && bpf_core_field_exists(q->rq))
		rq = q->rq;
	return rq ? rq->clock : 0;
}

/* Where it runs, or waits to. */
static __always_inline u32 task_cpu(struct task_struct *t)
{
	if (bpf_core_field_exists(t->cpu))
		return t->cpu;
	return t->thread_info.cpu;
}

static __always_inline u32 disk_dev(struct gendisk *d)
{
	return d->major << 20 | d->first_minor;
}

/* Whole disk of a request, kernel encoding. */
static __always_inline u32 request_dev(struct request *rq)
{
	if (bpf_core_field_exists(rq->rq_disk)) {
		struct gendisk *d = rq->rq_disk;
		return d ? disk_dev(d) : 0;
	}
	struct gendisk *d = rq->q->disk;
	return d ? disk_dev(d) : 0;
}

/* Whole disk of a bio; *part is the partition's own number, or the disk's. */
static __always_inline u32 bio_dev(struct bio *bio, u32 *part)
{
	if (bpf_core_field_exists(bio->bi_bdev)) {
		struct block_device *b = bio->bi_bdev;
		if (!b)
			return *part = 0;
		*part = b->bd_dev;
		struct gendisk *d = b->bd_disk;
		return d ? disk_dev(d) : *part;
	}
	struct gendisk *d = bio->bi_disk;
	return *part = d ? disk_dev(d) : 0;
}

/* When it was allocated; 0: not known. */
static __always_inline u64 request_start(struct request *rq)
{
	return bpf_core_field_exists(rq->start_time_ns) ? rq->start_time_ns : 0;
}

/* The first page of a bio. */
static __always_inline struct page *bio_page(struct bio *bio)
{
	struct bio_vec *vec = NULL;

	if (bpf_core_field_exists(bio->bi_io_vec) && bpf_core_field_exists(vec->bv_page))
		vec = bio->bi_io_vec;
	return vec ? BPF_CORE_READ(vec, bv_page) : NULL;
}

/* The file that a page of the page cache belongs to, and where in it (in pages, -1: not known). A page's own members
 * moved to struct folio, which overlays the head of a compound page. */
static __always_inline struct inode *page_inode(struct page *page, s64 *index)
{
	u64 head = bpf_core_field_exists(page->compound_head) ? BPF_CORE_READ(page, compound_head) : 0; /* a number: its lowest bit tells */
	struct page *at = head & 1 ? (struct page *)(head - 1) : page;
	struct folio *folio = (struct folio *)at;
	struct address_space *m;

	*index = -1;
	if (bpf_core_field_exists(folio->mapping)) {
		m = BPF_CORE_READ(folio, mapping);
		if (at == page && bpf_core_field_exists(folio->index))
			*index = BPF_CORE_READ(folio, index);
	} else {
		m = bpf_core_field_exists(at->mapping) ? BPF_CORE_READ(at, mapping) : NULL;
		if (at == page && bpf_core_field_exists(at->index))
			*index = BPF_CORE_READ(at, index);
	}
	if (!m || (u64)m & 3) /* PAGE_MAPPING_FLAGS: anonymous memory */
		return NULL;
	return BPF_CORE_READ(m, host);
}

/* REQ_META, REQ_RAHEAD and friends moved within bi_opf between versions; they are enumerators in BTF. */
enum req_flag_bits { __REQ_META___x = 1, __REQ_RAHEAD___x = 2, __REQ_PREFLUSH___x = 3 };
#define REQ_FLAG(name) \
	(bpf_core_enum_value_exists(enum req_flag_bits, name) ? 1u << bpf_core_enum_value(enum req_flag_bits, name) : 0)

static __always_inline u64 regs_syscall_nr(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs->orig_ax;
#else
	return regs->syscallno;
#endif
}

/* n: constant. */
static __always_inline u64 regs_syscall_arg(struct pt_regs *regs, u32 n)
{
#if defined(__TARGET_ARCH_x86)
	switch (n) {
	case 0: return regs->di;
	case 1: return regs->si;
	case 2: return regs->dx;
	case 3: return regs->r10;
	case 4: return regs->r8;
	default: return regs->r9;
	}
#else
	switch (n) {
	case 0: return regs->regs[0];
	case 1: return regs->regs[1];
	case 2: return regs->regs[2];
	case 3: return regs->regs[3];
	case 4: return regs->regs[4];
	default: return regs->regs[5];
	}
#endif
}

/* TS_COMPAT, arch/x86/include/asm/thread_info.h; TIF_32BIT. */
#if defined(__TARGET_ARCH_x86)
#define COMPAT_MEMBER thread_info.status
#define COMPAT_BIT 2
#else
#define COMPAT_MEMBER thread_info.flags
#define COMPAT_BIT (1ul << 22)
#endif

/* A 32-bit program: its call numbers mean something else. */
static __always_inline bool task_in_compat_syscall(struct task_struct *t)
{
#ifndef HAVE_RDONLY_CAST
	if (has_task_btf) { /* typed: read without a helper */
		t = bpf_get_current_task_btf();
		return t->COMPAT_MEMBER & COMPAT_BIT;
	}
#endif
	return KERNEL_READ(struct task_struct, t, COMPAT_MEMBER) & COMPAT_BIT;
}

#if defined(__TARGET_ARCH_x86)
#define SAVED_SP sp
#else
#define SAVED_SP cpu_context.sp
#endif

/* Stack pointer of a task that is not running; 0: not known. */
static __always_inline u64 task_saved_sp(struct task_struct *t)
{
	return bpf_core_field_exists(t->thread.SAVED_SP) ? t->thread.SAVED_SP : 0;
}

static __always_inline u64 kiocb_user_data(struct io_kiocb *req)
{
	u64 v = 0;

	if (bpf_core_field_exists(req->cqe.user_data))
		bpf_core_read(&v, sizeof(v), &req->cqe.user_data);
	else if (bpf_core_field_exists(req->user_data))
		bpf_core_read(&v, sizeof(v), &req->user_data);
	return v;
}

#endif
