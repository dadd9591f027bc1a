/* SPDX-License-Identifier: GPL-2.0-only */
/* `spoor io`, kernel side: one short handler a stage, in the order of io.h. */
#include "kernel.h"
#include <bpf/bpf_tracing.h>
#include "irq.bpf.h"
#include "path/io/block.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Set by user space for this architecture. */
const volatile struct sys_desc sys_descs[SYS_NR_MAX];

/* ---- system calls ---- */

static __always_inline bool carrier_begin(struct io_slot *s, u32 index, struct pt_regs *regs, const struct task_struct *t)
{
	u64 f;

	s->matched = 0;
	switch (s->kind) {
	case IO_SUBMIT:
		sync_start(s, t);
		aio_begin(s, index, regs_syscall_arg(regs, 1), regs_syscall_arg(regs, 2), t);
		return s->sub_first;
	case IO_URING_ENTER:
		if (regs_syscall_arg(regs, 3) & 1 << 4) /* IORING_ENTER_REGISTERED_RING */
			break;
		f = file_of_fd(t, regs_syscall_arg(regs, 0));
		if (f)
			s->ring = (u64)READ_IF_THERE((struct file *)f, private_data);
		break;
	}
	sync_start(s, t);
	return true;
}

/* Of a copy, where in the file that is shown: what the argument behind it points to, else the file's own position. sendfile()
 * gives none for the file it writes to. */
static __always_inline s64 copy_offset(struct io_slot *s, struct pt_regs *regs, bool second)
{
	u64 in = regs_syscall_arg(regs, 1), out = regs_syscall_arg(regs, 3);
	s64 offset = -1;

	if (s->kind == IO_SENDFILE) {
		in = regs_syscall_arg(regs, 2);
		out = 0;
	}
	if (second)
		in = out;
	if (!in)
		return file_offset(s->file, false, 0, -1);
	bpf_probe_read_user(&offset, sizeof(offset), (void *)in);
	return offset;
}

/* What only records show. second: the file is the other one of a copy. */
static __always_inline void call_details(struct io_slot *s, struct pt_regs *regs, bool second)
{
	const u64 vectors = 1ull << IO_READV | 1ull << IO_PREADV | 1ull << IO_PREADV2 | 1ull << IO_WRITEV | 1ull << IO_PWRITEV |
			    1ull << IO_PWRITEV2;
	u32 rw_flags = s->kind == IO_PREADV2 || s->kind == IO_PWRITEV2 ? regs_syscall_arg(regs, 5) : 0;

	if (vectors >> (s->kind & 63) & 1)
		s->size = iovecs_size(regs_syscall_arg(regs, 1), regs_syscall_arg(regs, 2));
	if (s->kind <= IO_PWRITEV2)
		s->offset = file_offset(s->file, s->kind >= IO_WRITE, rw_flags, s->offset);
	else if (s->kind <= IO_COPY_FILE_RANGE)
		s->offset = copy_offset(s, regs, second);
}

#ifdef HAVE_RDONLY_CAST
static long vma_file(struct task_struct *t, struct vm_area_struct *vma, void *file)
{
	if (bpf_core_field_exists(vma->vm_file))
		*(u64 *)file = (u64)vma->vm_file;
	return 0;
}
#endif

/* sync() is about no file, msync() about the one that is mapped there. bpf_find_vma() is of 5.17, and older kernels refuse a
 * program that gives one of its functions to another: before 6.2 the pages that are written tell (bio_file()). */
static __always_inline u64 mapped_file(struct io_slot *s, struct pt_regs *regs)
{
	u64 file = 0;

#ifdef HAVE_RDONLY_CAST
	if (s->kind == IO_MSYNC)
		bpf_find_vma(bpf_get_current_task_btf(), regs_syscall_arg(regs, 0), vma_file, &file, 0);
#endif
	return file;
}

static __always_inline bool call_begin(struct io_slot *s, struct pt_regs *regs, u32 nr, const struct task_struct *t)
{
	u32 fd = sys_descs[nr].fd, fd2 = sys_descs[nr].fd2, size = sys_descs[nr].size, off = sys_descs[nr].offset;
	u64 file = fd < SYS_ARG_NONE ? file_of_fd(t, regs_syscall_arg(regs, fd)) : mapped_file(s, regs);
	bool second = false;

	if (fd < SYS_ARG_NONE || file) {
		bool ok = slot_set_file(s, file) && slot_filter_file(s);
		if (!ok) {
			if (fd2 >= SYS_ARG_NONE || !slot_set_file(s, file_of_fd(t, regs_syscall_arg(regs, fd2))) ||
			    !slot_filter_file(s))
				return false;
			second = true;
		}
		if (ndevs_want && !s->matched && fd2 < SYS_ARG_NONE) { /* from one device to another */
			struct file *to = (struct file *)file_of_fd(t, regs_syscall_arg(regs, fd2));
			s->matched = to && filter_dev(inode_dev(BPF_CORE_READ(to, f_inode), BPF_CORE_READ(to, f_inode, i_mode)));
		}
		if (s->file_flags & IOF_DIRECT)
			s->flags |= IOF_DIRECT;
	} else {
		s->file = s->dentry = 0;
		s->dev = s->ino = 0;
		if (file_want_ino)
			return false;
		s->matched = !ndevs_want;
	}
	if (size < SYS_ARG_NONE)
		s->size = regs_syscall_arg(regs, size);
	if (want_records && off < SYS_ARG_NONE)
		s->offset = regs_syscall_arg(regs, off);
	if (want_records)
		call_details(s, regs, second);
	return true;
}

SEC("tp_btf/sys_enter")
int io_sys_enter(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	struct task_struct *t;
	struct io_slot *s;
	u64 nr = ctx[1], id;
	u32 kind, index, tid;

	if (nr >= SYS_NR_MAX)
		return 0;
	kind = sys_descs[nr].kind;
	if (!kind || kind == IO_GETEVENTS || !ready) /* reaping is seen when it returns */
		return 0;
	t = current_task();
	id = bpf_get_current_pid_tgid();
	if (task_in_compat_syscall(t) || !filter_task_id(t, id))
		return 0;
	tid = id;
	s = sync_find(tid, &index);
	if (s) /* an operation whose end was not seen */
		fault_settle(s, index);
	s = sync_claim(tid, &index);
	if (!s)
		return 0;
	sync_reset(s, kind, bpf_ktime_get_ns(), id);
	if (kind >= IO_KIND_N) {
		if (!carrier_begin(s, index, regs, t))
			sync_release(s);
		return 0;
	}
	if (!call_begin(s, regs, nr, t)) {
		sync_release(s);
		return 0;
	}
	sync_start(s, t);
	return 0;
}

SEC("tp_btf/sys_exit")
int io_sys_exit(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	u64 nr = regs_syscall_nr(regs), now;
	s64 ret = ctx[1];
	struct io_slot *s;
	u32 index;

	if (nr >= SYS_NR_MAX || !sys_descs[nr].kind)
		return 0;
	if (sys_descs[nr].kind == IO_GETEVENTS) {
		if (ret > 0)
			aio_reap(bpf_get_current_pid_tgid() >> 32, regs_syscall_arg(regs, 3), ret, bpf_ktime_get_ns());
		return 0;
	}
	s = sync_find((u32)bpf_get_current_pid_tgid(), &index);
	if (!s)
		return 0;
	if (s->kind >= IO_KIND_N) {
		now = slot_stop(s, index);
		if (s->kind == IO_SUBMIT)
			aio_submitted(s, index, now, ret);
		else
			uring_exit(s, index, now);
		sync_release(s);
		return 0;
	}
	if (s->flags & IOF_END_UNSEEN) /* a fault within a call that is not traced */
		fault_settle(s, index);
	else
		sync_end(s, index, ret);
	return 0;
}

/* ---- the kernel's own operations ---- */

SEC("tp_btf/writeback_single_inode_start")
int io_writeback_begin(u64 *ctx)
{
	inode_op_begin(IO_WRITEBACK, UNTRUSTED(struct inode, ctx[0]), IOF_KERNEL);
	return 0;
}

static __always_inline void own_op_end(u32 kind, s64 ret)
{
	u32 index;
	struct io_slot *s = sync_find((u32)bpf_get_current_pid_tgid(), &index);

	if (s && s->kind == kind)
		sync_end(s, index, ret);
}

SEC("tp_btf/writeback_single_inode")
int io_writeback_end(u64 *ctx)
{
	own_op_end(IO_WRITEBACK, 0);
	return 0;
}

/* jbd2 may be a module, and 5.10 has no BTF of modules: untyped tracepoints, no field is read. */
SEC("raw_tp/jbd2_start_commit")
int io_journal_begin(u64 *ctx)
{
	inode_op_begin(IO_JOURNAL, NULL, IOF_KERNEL);
	return 0;
}

SEC("raw_tp/jbd2_end_commit")
int io_journal_end(u64 *ctx)
{
	own_op_end(IO_JOURNAL, 0);
	return 0;
}

/* ---- page faults on mapped files ---- */

SEC("fentry/filemap_fault")
int io_fault_begin(u64 *ctx)
{
	struct vm_fault *vmf = UNTRUSTED(struct vm_fault, ctx[0]);
	struct file *f = vmf->vma->vm_file;

	if (f)
		inode_op_begin(IO_FAULT, f->f_inode, 0);
	return 0;
}

SEC("fexit/filemap_fault")
int io_fault_end(u64 *ctx)
{
	own_op_end(IO_FAULT, 0);
	return 0;
}

/* Where functions cannot be probed: the fault begins here (6.1 has no such tracepoint, 6.12 has) and ends, for want
 * of anything later, when the task runs again after it blocked; a fault that did not block is not one of ours. */
SEC("tp_btf/mm_filemap_fault")
int io_fault_begin_tp(u64 *ctx)
{
	struct address_space *m = (void *)ctx[0];
	u32 index, tid = bpf_get_current_pid_tgid();
	struct io_slot *s = sync_find(tid, &index);

	if (s && s->kind == IO_FAULT)
		fault_settle(s, index);
	inode_op_begin(IO_FAULT, m->host, IOF_END_UNSEEN);
	s = sync_find(tid, &index);
	if (s && s->kind == IO_FAULT)
		bpf_get_current_comm(s->comm, sizeof(s->comm));
	return 0;
}

/* ---- page cache ---- */

static __always_inline void pages_added(void)
{
	u32 index;
	struct io_slot *carrier, *s = current_op(bpf_get_current_pid_tgid(), &index, &carrier);

	if (s)
		s->pages_added++;
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int io_page_added(u64 *ctx)
{
	pages_added();
	return 0;
}

static __always_inline int page_dirtied(void)
{
	u32 index;
	struct io_slot *carrier, *s = current_op(bpf_get_current_pid_tgid(), &index, &carrier);

	if (s)
		s->pages_dirtied++;
	return 0;
}

SEC("tp_btf/writeback_dirty_page")
int io_page_dirtied(u64 *ctx)
{
	return page_dirtied();
}

SEC("tp_btf/writeback_dirty_folio") /* from 5.18 */
int io_folio_dirtied(u64 *ctx)
{
	return page_dirtied();
}

/* ---- io_uring: untyped, for the ring's and the request's address serve as numbers ---- */

SEC("raw_tp/io_uring_submit_sqe") /* until 6.2 */
int io_uring_submit_old(u64 *ctx)
{
	struct io_kiocb *req;

	if (!ready)
		return 0;
	if (uring_submit_form == SUBMIT_REQ) {
		req = (struct io_kiocb *)CTX_ARG(ctx, 0);
		uring_submit((u64)BPF_CORE_READ(req, ctx), req, kiocb_user_data(req), BPF_CORE_READ(req, opcode));
	} else if (uring_submit_form == SUBMIT_CTX_OPCODE) {
		uring_submit(CTX_ARG(ctx, 0), NULL, CTX_ARG(ctx, 2), (u8)CTX_ARG(ctx, 1));
	} else {
		uring_submit(CTX_ARG(ctx, 0), (struct io_kiocb *)CTX_ARG(ctx, 1), CTX_ARG(ctx, 3), (u8)CTX_ARG(ctx, 2));
	}
	return 0;
}

SEC("raw_tp/io_uring_submit_req")
int io_uring_submit_new(u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[0];

	if (ready)
		uring_submit((u64)BPF_CORE_READ(req, ctx), req, kiocb_user_data(req), BPF_CORE_READ(req, opcode));
	return 0;
}

SEC("raw_tp/io_uring_cqring_wait")
int io_uring_wait(u64 *ctx)
{
	u32 index;
	struct io_slot *s = sync_find((u32)bpf_get_current_pid_tgid(), &index);
	u64 now;

	if (!s || s->kind != IO_URING_ENTER)
		return 0;
	now = slot_stop(s, index);
	clock_run(&s->clock, now);
	uring_submitted(s, now);
	s->ring = ctx[0];
	return 0;
}

SEC("raw_tp/io_uring_complete")
int io_uring_done(u64 *ctx)
{
	u64 ring_ctx = CTX_ARG(ctx, 0);
	struct io_uring_cqe *cqe;

	if (!ready)
		return 0;
	if (uring_complete_form == COMPLETE_CTX_DATA) {
		uring_complete(ring_ctx, NULL, CTX_ARG(ctx, 1), CTX_ARG(ctx, 2));
	} else if (uring_complete_form == COMPLETE_CTX_REQ_DATA) {
		uring_complete(ring_ctx, (struct io_kiocb *)CTX_ARG(ctx, 1), CTX_ARG(ctx, 2), CTX_ARG(ctx, 3));
	} else {
		cqe = (struct io_uring_cqe *)CTX_ARG(ctx, 2);
		uring_complete(ring_ctx, (struct io_kiocb *)CTX_ARG(ctx, 1), BPF_CORE_READ(cqe, user_data),
			       BPF_CORE_READ(cqe, res));
	}
	return 0;
}

/* Run by user space at the end, for each slot of an asynchronous operation: one that is complete, and that the
 * application took from the ring without a call after its last one, or that it left when it ended, has nothing else to
 * end it. */
SEC("raw_tp/sys_exit")
int io_sweep(u64 *ctx)
{
	u32 index = ctx[0];
	struct io_slot *a = slot_at(index);

	if (a && a->key && ((a->done && a->submitted_at) || aio_orphaned(a)))
		async_end(index, 0, a->res);
	return 0;
}

/* Run by user space when all is loaded: which members are gone. */
SEC("raw_tp/sys_exit")
int io_fields(u64 *ctx)
{
	bool index = bpf_core_field_exists(struct folio, mapping) ? bpf_core_field_exists(struct folio, index) :
								     bpf_core_field_exists(struct page, index);
	bool there[IOX_N] = {
		[IOX_NAMES] = has_names(),
		[IOX_ALIAS] = bpf_core_field_exists(struct inode, i_dentry.first) && bpf_core_field_exists(struct dentry, d_u.d_alias),
		[IOX_OFFSET] = bpf_core_field_exists(struct file, f_pos) && bpf_core_field_exists(struct inode, i_size),
		[IOX_DIRECT] = bpf_core_field_exists(struct file, f_flags),
		[IOX_PSEUDO] = bpf_core_field_exists(struct super_block, s_magic),
		[IOX_CGROUP] = bpf_core_field_exists(struct bio, bi_blkg) && bpf_core_field_exists(struct blkcg_gq, blkcg),
		[IOX_SECTOR] = bpf_core_field_exists(struct request, __sector),
		[IOX_START] = bpf_core_field_exists(struct request, start_time_ns),
		[IOX_DATA] = bpf_core_field_exists(struct bio, bi_io_vec) && bpf_core_field_exists(struct bio_vec, bv_page) && index,
		[IOX_RINGS] = has_rings() && bpf_core_field_exists(struct file, private_data) &&
			      (bpf_core_field_exists(struct io_kiocb, cqe.user_data) || bpf_core_field_exists(struct io_kiocb, user_data)),
		[IOX_STACK] = bpf_core_field_exists(struct thread_struct, SAVED_SP),
		[IOX_AHEAD] = bpf_core_enum_value_exists(enum req_flag_bits, __REQ_RAHEAD___x),
		[IOX_FLUSH] = bpf_core_enum_value_exists(enum req_flag_bits, __REQ_PREFLUSH___x),
	};

	fields_missing = 0;
	for (int i = 0; i < IOX_N; i++)
		fields_missing |= !there[i] << i;
	return 0;
}

/* ---- block layer ---- */

/* Only bios of a cgroup that has a limit come here (5.18 on; before, all do). */
static __always_inline int throttle_enter(struct bio *bio)
{
	u32 set = bio_set((u64)bio);
	struct key_set *k = bpf_map_lookup_elem(&bio_keys, &set);

	if (ready && k && !bio_find_in(k, set, (u64)bio))
		bio_enter(bio, k, set, bpf_ktime_get_ns());
	return 0;
}

SEC("fentry/__blk_throtl_bio")
int io_throttle(u64 *ctx)
{
	return throttle_enter(UNTRUSTED(struct bio, ctx[0]));
}

SEC("fentry/blk_throtl_bio")
int io_throttle_old(u64 *ctx)
{
	return throttle_enter(UNTRUSTED(struct bio, ctx[0]));
}

SEC("tp_btf/block_bio_queue")
int io_bio_queue(u64 *ctx)
{
	struct bio *bio = UNTRUSTED(struct bio, CTX_ARG01(ctx, arg_bio_queue));
	u32 set = bio_set((u64)bio);
	struct key_set *k = bpf_map_lookup_elem(&bio_keys, &set);
	struct bio_slot *b;
	struct io_item *it;
	u64 now;

	if (!ready || !k)
		return 0;
	now = bpf_ktime_get_ns();
	b = bio_find_in(k, set, (u64)bio);
	/* Found: it came from throttling. An entry whose bio ended unseen differs in where it goes. */
	if (b && !b->t_getrq && b->sector == bio->bi_iter.bi_sector) {
		b->t_queue = now;
		it = link_item(&b->link);
		if (it)
			it->rq.at[IOS_THROTTLED] = now;
		return 0;
	}
	if (b)
		bio_release(b);
	bio_enter(bio, k, set, now);
	return 0;
}

SEC("tp_btf/block_getrq")
int io_getrq(u64 *ctx)
{
	struct bio *bio = CTX_ARG01(ctx, arg_getrq);
	struct bio_slot *b = bio_find((u64)bio);

	if (b)
		b->t_getrq = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/block_split")
int io_split(u64 *ctx)
{
	struct bio *bio = UNTRUSTED(struct bio, CTX_ARG01(ctx, arg_split));

	bio_split(bio);
	return 0;
}

/* A bio merged into a request counts as having got it. */
static __always_inline int bio_merged(u64 *ctx)
{
	struct bio *bio;
	struct bio_slot *b;

	if (arg_merge)
		bio = (struct bio *)CTX_ARG(ctx, 2);
	else
		bio = (struct bio *)CTX_ARG(ctx, 0);
	b = bio_find((u64)bio);
	if (b) {
		b->t_getrq = bpf_ktime_get_ns();
		b->merged = 1;
	}
	return 0;
}

SEC("tp_btf/block_bio_backmerge")
int io_backmerge(u64 *ctx)
{
	return bio_merged(ctx);
}

SEC("tp_btf/block_bio_frontmerge")
int io_frontmerge(u64 *ctx)
{
	return bio_merged(ctx);
}

SEC("tp_btf/block_rq_insert")
int io_insert(u64 *ctx)
{
	struct request *rq = UNTRUSTED(struct request, CTX_ARG01(ctx, arg_rq_insert));
	u64 now = bpf_ktime_get_ns();
	struct request_slot *r;

	if (!ready)
		return 0;
	r = request_enter(rq, now);
	if (r && !r->i.t_issue)
		r->i.t_insert = now;
	return 0;
}

SEC("tp_btf/block_rq_issue")
int io_issue(u64 *ctx)
{
	struct request *rq = UNTRUSTED(struct request, CTX_ARG01(ctx, arg_rq_issue));
	struct request_slot *r;
	u64 now;

	if (!ready)
		return 0;
	if (bios_unseen) {
		lean_issue(rq);
		return 0;
	}
	now = bpf_ktime_get_ns();
	r = request_enter(rq, now);
	if (!r)
		return 0;
	if (r->i.t_issue) {
		/* Again, after a requeue or by the driver: the first attempt's time counts as the device's. It may have
		 * got more bios in between. */
		if (request_start(rq) <= r->i.t_issue) {
			request_adopt(r, rq);
			return 0;
		}
		/* It was allocated since: the completion of its former life was missed. */
		lose(LOSS_REQUEST);
		request_release(r);
		r = request_claim((u64)rq, now, LOSS_REQUEST);
		if (!r)
			return 0;
	}
	r->i.t_issue = now;
	request_adopt(r, rq);
	if (want_links)
		loop_note(r, (u64)rq, now);
	return 0;
}

/* A request that another has swallowed never completes; its bios go on with the other. */
SEC("tp_btf/block_rq_merge")
int io_rq_merge(u64 *ctx)
{
	struct request *rq = CTX_ARG01(ctx, arg_rq_merge);
	struct request_slot *r = request_find((u64)rq);

	if (r)
		request_release(r);
	return 0;
}

SEC("tp_btf/block_rq_requeue")
int io_requeue(u64 *ctx)
{
	struct request *rq = CTX_ARG01(ctx, arg_rq_requeue);
	struct request_slot *r = request_find((u64)rq);

	if (r)
		r->i.flags |= IO_ITEM_REQUEUED;
	return 0;
}

SEC("tp_btf/block_rq_complete")
int io_complete(u64 *ctx)
{
	if (!ready)
		return 0;
	if (bios_unseen)
		lean_complete(UNTRUSTED(struct request, ctx[0]), ctx[1], ctx[2]);
	else
		request_complete(UNTRUSTED(struct request, ctx[0]), ctx[1], ctx[2]);
	return 0;
}

SEC("tp_btf/block_bio_complete")
int io_bio_complete(u64 *ctx)
{
	if (ready)
		bio_complete(UNTRUSTED(struct bio, ctx[1]));
	return 0;
}

/* ---- scheduler ---- */

/* No room for another wait: it goes to an earlier one at the same place. */
__noinline int wait_merge(u32 index, u64 site, u64 ns)
{
	struct io_rec_op *r = bpf_map_lookup_elem(&recs, &index);

	if (!r)
		return 0;
	for (u32 i = 0; i < IO_ITEMS; i++) {
		if (r->item[i].type == IO_ITEM_WAIT && r->item[i].wait.site == site) {
			r->item[i].wait.ns += ns;
			return 1;
		}
	}
	return 0;
}

/* Files a wait that is over: one item of the record, and the sum by reason. t: the task, about to run, whose stack
 * tells the place; NULL: not known. */
static __always_inline void wait_file(struct io_slot *s, u32 index, struct task_struct *t, u64 now)
{
	struct task_clock *k = &s->clock;
	struct io_item *it;
	u64 site;

	if (s->kind >= IO_KIND_N) { /* the operation that is being submitted waits, or nobody */
		index = s->sub - 1;
		s = sub_at(s);
		if (!s) {
			k->blocked = 0;
			return;
		}
	}
	site = t ? stack_site_sleeping(t, s->kind) : 0;
	/* Whether it is on a device asked for may be known only later; what it waited before that has no reason. */
	if (!ndevs_want || s->matched)
		wait_sum_add(s->dev, s->kind, site, k->blocked);
	it = item_new(s, index, IO_ITEM_WAIT);
	if (it) {
		it->t = k->blocked_at;
		it->wait.ns = k->blocked;
		it->wait.runq = now - k->blocked_at - k->blocked;
		it->wait.site = site;
	} else if (want_records && !wait_merge(index, site, k->blocked)) {
		s->items_lost++;
	}
	k->blocked = 0;
}

/* Its programs are not run for every task by every kernel (docs/kernels.md): a switch from a task that is hidden to
 * one of ours goes unseen. What the task did since the last event is not known; it counts as a wait without a
 * reason. */
__noinline int resume_unseen(u32 index, u64 now)
{
	struct io_slot *s = slot_at(index);
	struct task_clock *k;

	if (!s)
		return 0;
	k = &s->clock;
	if (!k->blocked && k->state != TASK_WAITING)
		k->blocked_at = k->last;
	k->part[TP_WAIT] += now - k->last;
	k->blocked += now - k->last;
	wait_file(s, index, NULL, now);
	clock_run(k, now);
	lose(LOSS_SWITCH);
	return 0;
}

/* A page fault whose end is not seen may long be over when its task sleeps again, in a system call: what entered
 * the kernel last is in the registers saved there, -1 for an exception. */
static __always_inline bool task_in_exception(struct task_struct *t)
{
	struct pt_regs *regs;

	if (!fault_by_tracepoint) /* the helper is as young as the tracepoint is not: 5.15 */
		return true;
	regs = (struct pt_regs *)bpf_task_pt_regs(t);
	return (s64)regs_syscall_nr(regs) == -1;
}

SEC("tp_btf/sched_switch")
int io_switch(u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	struct io_slot *s;
	u32 index;
	u64 now;

	s = sync_find(prev->pid, &index);
	if (s && s->clock.state > TASK_ON_CPU && (s->flags & IOF_END_UNSEEN)) {
		sync_end(s, index, 0);
	} else if (s && s->clock.state) {
		now = slot_stop(s, index);
		if ((u8)ctx[0] || !switch_prev_state(ctx, prev)) {
			s->clock.state = TASK_PREEMPTED;
			if (s->flags & IOF_END_UNSEEN)
				sync_release(s);
		} else if ((s->flags & IOF_END_UNSEEN) && !task_in_exception(prev)) {
			sync_release(s);
		} else {
			s->clock.state = TASK_WAITING;
			s->clock.blocked_at = now;
		}
	}
	s = sync_find(next->pid, &index);
	if (s && s->clock.state > TASK_ON_CPU) {
		u64 d;
		now = clock_now(&s->clock);
		d = now - s->clock.last;
		if (s->clock.state == TASK_WOKEN)
			s->clock.part[TP_WOKEN] += d;
		else if (s->clock.state == TASK_PREEMPTED)
			s->clock.part[TP_PREEMPTED] += d;
		else { /* its wake-up was not seen */
			s->clock.part[TP_WAIT] += d;
			s->clock.blocked += d;
		}
		if (s->clock.blocked)
			wait_file(s, index, next, now);
		clock_run(&s->clock, now);
		if (s->flags & IOF_END_UNSEEN)
			sync_end(s, index, 0);
	}
	return 0;
}

SEC("tp_btf/sched_wakeup")
int io_wakeup(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	u32 index;
	struct io_slot *s = sync_find(t->pid, &index);
	u64 now;

	if (!s || s->clock.state != TASK_WAITING)
		return 0;
	now = clock_now(&s->clock);
	s->clock.part[TP_WAIT] += now - s->clock.last;
	s->clock.blocked = now - s->clock.last;
	s->clock.last = now;
	s->clock.state = TASK_WOKEN;
	return 0;
}

SEC("tp_btf/sched_process_fork")
int io_fork(u64 *ctx)
{
	return follow_fork((void *)ctx[0], (void *)ctx[1]);
}

SEC("tp_btf/sched_process_exit")
int io_exit(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 index, tgid = id >> 32;
	struct io_slot *s = sync_find((u32)id, &index);
	u32 *user = async_used ? aio_user(tgid) : NULL;

	if (s && (s->flags & IOF_END_UNSEEN)) {
		fault_settle(s, index);
	} else if (s) {
		s->flags |= IOF_KILLED;
		sync_end(s, index, 0);
	}
	if (user && *user == tgid && !BPF_CORE_READ(current_task(), signal, live.counter))
		*user = tgid | AIO_ENDED;
	return follow_exit(current_task(), tgid);
}

/* ---- interrupts ---- */

IRQ_PROGRAMS(io, ready)
