/* SPDX-License-Identifier: GPL-2.0-only */
/* libaio and io_uring: operations that outlive the call that submits them.
 *
 * wall = parts of the submitting task while it submitted + in flight + completed, not reaped.
 * The submission of a libaio batch is the io_submit call; of an io_uring request, from its submission to that
 * of the next one or to the end of submitting. A completion that comes before the submission ended counts
 * from there. */
#ifndef SPOOR_IO_ASYNC_BPF_H
#define SPOOR_IO_ASYNC_BPF_H

#include "path/io/op.bpf.h"

enum { AIO_BATCH = 64, AIO_IOCBS = 4, AIO_EVENTS = 4, CQ_BATCH = 64 }; /* looked at; read at once: the stack of 512 bytes is for seven functions */

/* Of an iocb what is between its first word and its last two; the stack of the calls is used up nearly. */
enum { IOCB_SKIP = 8 };
struct user_iocb { u32 key, rw_flags; u16 opcode; s16 prio; u32 fd; u64 buf, nbytes; s64 offset; };
struct user_io_event { u64 data, obj; s64 res, res2; };

/* Never 0, and never a thread id, so that it cannot match a synchronous slot's key. */
static __always_inline u64 async_key(u64 scope, u64 name)
{
	return (scope * 0x9e3779b97f4a7c15ull ^ name) * 0xbf58476d1ce4e5b9ull | 1ull << 63;
}

static __always_inline struct io_slot *async_at(u32 sub)
{
	return sub ? slot_at(sub - 1) : NULL;
}

/* The operation that is being submitted, if it is still the same one. */
static __always_inline struct io_slot *sub_at(struct io_slot *s)
{
	struct io_slot *a = async_at(s->sub);

	return a && a->key && a->seq == s->sub_seq ? a : NULL;
}

static __always_inline void async_finish(struct io_slot *a, u32 index, u64 reaped_at, s64 ret)
{
	u64 done, end;

	if (!a->submitted_at) { /* reaped by another thread while the submitting call has not returned */
		a->early = reaped_at;
		a->res = ret;
		return;
	}
	done = a->done_at > a->submitted_at ? a->done_at : a->submitted_at;
	end = reaped_at > done ? reaped_at : done;
	/* libaio: no bio was seen to complete it (fsync runs in a kernel thread), so when it was done is not known. */
	if (!a->done_at && (a->kind == IO_AIO_FSYNC || (a->flags & IOF_DIRECT))) {
		done = end;
		a->flags |= IOF_REAP_UNSEEN;
	}
	if (!reaped_at)
		a->flags |= IOF_REAP_UNSEEN;
	op_finish(index, end - a->t, ret, done - a->submitted_at, end - done);
	a->key = 0;
}

/* Ends an asynchronous operation. reaped_at 0: not seen. */
__noinline int async_end(u32 index, u64 reaped_at, s64 ret)
{
	struct io_slot *a = slot_at(index);

	if (a)
		async_finish(a, index, reaped_at, ret);
	return 0;
}

/* The kernel waits for what a process has under way when it ends, and throws the results away. True when the operation is
 * one of those and over. */
static __always_inline bool aio_orphaned(const struct io_slot *a)
{
	u32 *user;

	if (!a->key || a->kind < IO_AIO_READ || a->kind > IO_AIO_OTHER || !a->submitted_at ||
	    (!a->done_at && a->flags & IOF_DIRECT && a->kind != IO_AIO_FSYNC))
		return false;
	user = aio_user(a->tgid);
	return user && *user == (a->tgid | AIO_ENDED);
}

/* Those in the way of a new operation. */
__noinline int aio_orphans_end(u64 key)
{
	for (u32 way = 0; way < 2; way++) {
		u32 index = async_index(key, way);
		struct io_slot *a = slot_at(index);

		if (a && aio_orphaned(a))
			async_end(index, 0, a->res);
	}
	return 0;
}

/* Room for an operation of this name: it is used again, so a former one was reaped without a call; or others are in its way.
 * Apart from async_begin(), whose callers have too large a stack for all that ends an operation. */
static __always_inline void async_clear(u64 key, bool uring)
{
	u32 index;
	struct io_slot *a = async_find(key, &index);

	if (a) {
		if (uring && !a->done && !a->done_at) /* or it is under way, too */
			lose(LOSS_NAME);
		async_end(index, 0, a->res);
		return;
	}
	a = slot_at(async_index(key, 0));
	if (a && a->key)
		aio_orphans_end(key);
}

/* After async_clear(). NULL: no room. */
static __always_inline struct io_slot *async_begin(u64 key, u32 kind, u64 now, u64 id, const struct task_struct *t, u32 *index)
{
	struct io_slot *a = async_find(key, index) ? NULL : async_claim(key, index);

	if (!a)
		return NULL;
	async_reset(a, kind, now, id);
	a->matched = !ndevs_want;
	if (want_records) {
		current_comm(t, a->comm);
		a->cgroup = current_cgroup(t);
	}
	return a;
}

/* ---- libaio ---- */

static __always_inline u32 aio_kind(u16 opcode)
{
	switch (opcode) { /* include/uapi/linux/aio_abi.h */
	case 0: case 7: return IO_AIO_READ;
	case 1: case 8: return IO_AIO_WRITE;
	case 2: case 3: return IO_AIO_FSYNC;
	default: return IO_AIO_OTHER;
	}
}

/* Bytes of an array of iovecs in user memory; 0 when it has more than are looked at. */
__noinline u64 iovecs_size(u64 iov, u64 n)
{
	u64 len, sum = 0;

	if (n > AIO_BATCH)
		return 0;
	for (u32 i = 0; i < AIO_BATCH && i < n; i++) {
		if (bpf_probe_read_user(&len, sizeof(len), (void *)(iov + i * 16 + 8)))
			return 0;
		sum += len;
	}
	return sum;
}

__noinline int aio_begin_one(u32 carrier, u64 iocb_user, u32 batch, u64 task)
{
	struct io_slot *s = slot_at(carrier), *a, *prev;
	struct task_struct *t = (struct task_struct *)task;
	struct user_iocb cb;
	u32 index;

	if (!s || bpf_probe_read_user(&cb, sizeof(cb), (void *)(iocb_user + IOCB_SKIP)))
		return 0;
	a = async_begin(async_key(s->tgid, iocb_user), aio_kind(cb.opcode), s->t, (u64)s->tgid << 32 | s->tid, t, &index);
	if (!a)
		return 0;
	a->size = cb.opcode == 7 || cb.opcode == 8 ? iovecs_size(cb.buf, cb.nbytes) : cb.nbytes;
	if (!slot_set_file(a, file_of_fd(t, cb.fd)) || !slot_filter_file(a)) {
		a->key = 0;
		return 0;
	}
	if (want_records && a->kind <= IO_AIO_WRITE)
		a->offset = file_offset(a->file, a->kind == IO_AIO_WRITE, cb.rw_flags, cb.offset);
	a->batch = batch;
	if (a->file_flags & IOF_DIRECT)
		a->flags |= IOF_DIRECT;
	prev = async_at(s->sub);
	if (prev)
		prev->next = index + 1;
	else {
		s->sub_first = index + 1;
		s->sub_left = 0;
	}
	s->sub = index + 1;
	return 0;
}

static __always_inline void aio_begin_at(u32 carrier, u64 iocb_user, u32 batch, u64 task)
{
	struct io_slot *s = slot_at(carrier);

	if (!s)
		return;
	async_clear(async_key(s->tgid, iocb_user), false);
	aio_begin_one(carrier, iocb_user, batch, task);
}

/* Reading from user memory costs 70 ns, however little. */
__noinline int aio_begin_some(u32 carrier, u64 iocbs, u32 from, u32 n, u64 task)
{
	u64 cb[AIO_IOCBS] = {}, size = (u64)n * sizeof(cb[0]);

	barrier_var(size); /* it is this number that the verifier has to know the limit of */
	if (size > sizeof(cb))
		size = sizeof(cb);
	iocbs += (u64)from * sizeof(cb[0]);
	if (bpf_probe_read_user(cb, size, (void *)iocbs)) /* a page of them is not in memory */
		for (u32 i = 0; i < AIO_IOCBS && i < n; i++)
			bpf_probe_read_user(&cb[i], sizeof(cb[i]), (void *)(iocbs + i * sizeof(cb[0])));
	for (u32 i = 0; i < AIO_IOCBS && i < n; i++)
		aio_begin_at(carrier, cb[i], from + i, task);
	return 0;
}

/* io_submit(ctx, nr, iocbs): one operation an iocb; the first is the one being submitted. */
static __always_inline void aio_begin(struct io_slot *s, u32 index, u64 nr, u64 iocbs, const struct task_struct *t)
{
	u32 *user = aio_user(s->tgid);
	struct io_slot *a;
	u64 cb = 0;

	if (user && *user != s->tgid)
		*user = s->tgid;
	async_used = 1;
	if (nr == 1) {
		bpf_probe_read_user(&cb, sizeof(cb), (void *)iocbs);
		aio_begin_at(index, cb, 0, (u64)t);
	} else {
		for (u32 i = 0; i < AIO_BATCH && i < nr; i += AIO_IOCBS)
			aio_begin_some(index, iocbs, i, nr - i, (u64)t);
	}
	if (nr > AIO_BATCH)
		__sync_fetch_and_add(&lost[LOSS_BATCH], nr - AIO_BATCH);
	s->sub = s->sub_first;
	a = async_at(s->sub);
	if (a) {
		s->sub_left = a->size;
		s->sub_seq = a->seq;
	}
}

__noinline u32 aio_submitted_one(u32 carrier, u32 sub, u64 now, s64 keep)
{
	struct io_slot *s = slot_at(carrier), *a = async_at(sub);
	u32 next;

	if (!s || !a)
		return 0;
	next = a->next;
	if (keep <= (s64)a->batch) {
		a->key = 0;
		return next;
	}
	for (int i = 0; i < TP_N; i++)
		a->clock.part[i] = s->clock.part[i];
	a->submitted_at = now;
	if (a->early)
		async_end(sub - 1, a->early, a->res);
	return next;
}

/* io_submit returned: `ret` operations are under way, the rest were refused. */
static __always_inline void aio_submitted(struct io_slot *s, u32 index, u64 now, s64 ret)
{
	u32 sub = s->sub_first;

	for (s32 i = 0; i < AIO_BATCH && sub; i++)
		sub = aio_submitted_one(index, sub, now, ret);
}

__noinline int aio_reap_some(u32 tgid, u64 events, u32 n, u64 now)
{
	struct user_io_event ev[AIO_EVENTS] = {};
	u64 size = (u64)n * sizeof(ev[0]);
	struct io_slot *a;
	u32 index;

	barrier_var(size);
	if (size > sizeof(ev))
		size = sizeof(ev);
	if (bpf_probe_read_user(ev, size, (void *)events))
		return 0;
	for (u32 i = 0; i < AIO_EVENTS && i < n; i++) {
		a = async_find(async_key(tgid, ev[i].obj), &index);
		if (a)
			async_finish(a, index, now, ev[i].res);
	}
	return 0;
}

static __always_inline void aio_reap(u32 tgid, u64 events, s64 n, u64 now)
{
	for (s32 i = 0; i < AIO_BATCH && i < n; i += AIO_EVENTS)
		aio_reap_some(tgid, events + i * sizeof(struct user_io_event), n - i, now);
	if (n > AIO_BATCH)
		__sync_fetch_and_add(&lost[LOSS_BATCH], n - AIO_BATCH);
}

/* ---- io_uring ---- */

/* How io_uring's tracepoints give the request; found in BTF. */
enum { SUBMIT_REQ, SUBMIT_CTX_OPCODE, SUBMIT_CTX_REQ };
const volatile u8 uring_submit_form;
enum { COMPLETE_CTX_DATA, COMPLETE_CTX_REQ_DATA, COMPLETE_CTX_REQ_CQE };
const volatile u8 uring_complete_form;

/* How far each ring's completions have been looked at. Threads that share a ring come at the same time: each takes a
 * stretch for itself. Where there is no lock for that (5.10) two may take the same, which counts an operation twice if
 * its name is in use again by then. */
enum { RINGS = 1024 };
struct ring_seen { u64 ring; u32 seen; struct bpf_spin_lock lock; };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RINGS);
	__type(key, u32);
	__type(value, struct ring_seen);
} uring_seen SEC(".maps");

/* Of opcodes (include/uapi/linux/io_uring.h). A table, and no switch: the verifier would follow each kind to the end. */
enum { URING_OPCODES = 64, URING_SPLICE = 30 };
const volatile u8 uring_kinds[URING_OPCODES] = {
	[1] = IO_URING_READ, [4] = IO_URING_READ, [22] = IO_URING_READ,     /* READV, READ_FIXED, READ */
	[2] = IO_URING_WRITE, [5] = IO_URING_WRITE, [23] = IO_URING_WRITE,
	[3] = IO_URING_FSYNC, [8] = IO_URING_OTHER, [30] = IO_URING_OTHER,  /* SYNC_FILE_RANGE, SPLICE */
	[60] = IO_URING_READ, [61] = IO_URING_WRITE,                        /* READV_FIXED, WRITEV_FIXED */
};

static __always_inline u32 uring_kind(u32 opcode)
{
	return opcode < URING_OPCODES ? uring_kinds[opcode] : IO_NONE;
}

/* The submission of the current request, if any, ends here. */
static __always_inline void uring_submitted(struct io_slot *s, u64 now)
{
	struct io_slot *a = sub_at(s);

	if (a && !a->submitted_at) {
		for (int i = 0; i < TP_N; i++)
			a->clock.part[i] = s->clock.part[i] - a->part0[i];
		a->submitted_at = now;
		if (a->early)
			async_end(s->sub - 1, a->early, a->res);
	}
	s->sub = 0;
}

static __always_inline void uring_set_file(struct io_slot *a, struct io_kiocb *req)
{
	u64 file = (u64)BPF_CORE_READ(req, file);

	/* Assigned when issued, from 5.18; until then there is the number, of an open or a registered file. */
	if (!file && bpf_core_field_exists(req->cqe) && !(BPF_CORE_READ(req, flags) & REQ_F_FIXED_FILE))
		file = file_of_fd(current_task(), BPF_CORE_READ(req, cqe.fd));
	if (!file) {
		a->file = a->dentry = a->ino = 0;
		a->dev = 0;
		return;
	}
	if (!slot_set_file(a, file))
		a->kind = IO_NONE; /* a socket, a pipe */
	if (a->file_flags & IOF_DIRECT)
		a->flags |= IOF_DIRECT;
}

/* The kernel's polling thread submits without a system call: a slot that lasts as long as the thread says which
 * request its bios are for. Its clock stands still, for no part of the submission is the caller's. */
static __always_inline struct io_slot *sqpoll_slot(struct io_slot *s, u64 now)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 index;

	if (!s) {
		s = sync_claim((u32)id, &index);
		if (!s)
			return NULL;
		sync_reset(s, IO_URING_ENTER, now, id);
		s->flags = IOF_WORKER;
	}
	s->sub = 0;
	return s;
}

/* A splice's file is the one it goes to, here a pipe: of interest is where it comes from. */
static __always_inline void uring_set_source(struct io_slot *a, struct io_kiocb *req)
{
	struct io_splice *sp = (struct io_splice *)req;

	if (!bpf_core_field_exists(sp->splice_fd_in) || BPF_CORE_READ(sp, flags) & SPLICE_F_FD_IN_FIXED)
		return;
	if (slot_set_file(a, file_of_fd(current_task(), BPF_CORE_READ(sp, splice_fd_in))))
		a->kind = IO_URING_OTHER;
}

/* What is asked for, from the request. */
static __always_inline void uring_describe(struct io_slot *a, struct io_kiocb *req, u32 opcode)
{
	struct io_rw *rw = (struct io_rw *)req;
	u32 rw_flags = want_records && bpf_core_field_exists(rw->flags) ? BPF_CORE_READ(rw, flags) : 0;

	uring_set_file(a, req);
	if (a->kind == IO_NONE && opcode == URING_SPLICE)
		uring_set_source(a, req);
	if (a->kind != IO_URING_READ && a->kind != IO_URING_WRITE)
		return;
	a->size = BPF_CORE_READ(rw, len);
	if (opcode <= 2 || opcode >= 60) /* READV, WRITEV, and FIXED: an array of iovecs in user memory, their number in len */
		a->size = iovecs_size(BPF_CORE_READ(rw, addr), a->size);
	a->offset = BPF_CORE_READ(rw, kiocb.ki_pos);
	if (want_records && a->has_file)
		a->offset = file_offset(a->file, a->kind == IO_URING_WRITE, rw_flags, a->offset);
}

static __always_inline void uring_submit(u64 ring_ctx, struct io_kiocb *req, u64 user_data, u32 opcode)
{
	u32 kind = uring_kind(opcode), index, ai;
	u64 id = bpf_get_current_pid_tgid(), now;
	struct io_slot *s = sync_find((u32)id, &index), *a;

	if (s && !(s->flags & IOF_WORKER)) {
		now = slot_stop(s, index);
		clock_run(&s->clock, now);
		uring_submitted(s, now);
		s->ring = ring_ctx;
	} else {
		if (!s && !filter_task(current_task()))
			return;
		now = bpf_ktime_get_ns();
		s = sqpoll_slot(s, now);
	}
	if (!kind)
		return;
	async_used = 1;
	async_clear(async_key(ring_ctx, user_data), true);
	a = async_begin(async_key(ring_ctx, user_data), kind, now, id, current_task(), &ai);
	if (!a)
		return;
	if (req)
		uring_describe(a, req, opcode);
	/* A file that is not known yet is when it completes, if there is a request that tells. */
	if (a->kind == IO_NONE || (a->has_file ? !slot_filter_file(a) : !req && file_want_ino)) {
		a->key = 0;
		return;
	}
	if (s) {
		s->sub = ai + 1;
		s->sub_seq = a->seq;
	}
	if (s && !(s->flags & IOF_WORKER)) {
		for (int i = 0; i < TP_N; i++)
			a->part0[i] = s->clock.part[i];
	} else {
		for (int i = 0; i < TP_N; i++)
			a->clock.part[i] = 0;
		a->submitted_at = now;
	}
}

static __always_inline void uring_complete(u64 ring_ctx, struct io_kiocb *req, u64 user_data, s32 res)
{
	u32 index;
	struct io_slot *a = async_find(async_key(ring_ctx, user_data), &index);

	if (!a || a->done)
		return;
	a->done_at = bpf_ktime_get_ns();
	a->res = res;
	a->done = 1;
	if (req && !a->has_file) {
		uring_set_file(a, req);
		if (a->kind == IO_NONE || !slot_filter_file(a)) {
			a->key = 0;
			return;
		}
	}
	if (BPF_CORE_READ((struct io_ring_ctx *)ring_ctx, flags) & IORING_SETUP_SQPOLL)
		async_end(index, 0, res);
}

/* new: the application has not taken it from the ring yet (else it did so without a call, nobody knows when). */
__noinline int uring_reap_one(u64 ring_ctx, u64 cqe, u64 now, s32 new)
{
	u64 user_data = 0;
	struct io_slot *a;
	u32 index;

	bpf_probe_read_kernel(&user_data, sizeof(user_data), (void *)cqe);
	a = async_find(async_key(ring_ctx, user_data), &index);
	if (a && a->done)
		async_end(index, new < 0 ? 0 : now, a->res);
	return 0;
}

/* What reaping is seen by. */
static __always_inline bool has_rings(void)
{
	return bpf_core_field_exists(struct io_ring_ctx, rings) && bpf_core_field_exists(struct io_ring_ctx, flags) &&
	       bpf_core_field_exists(struct io_rings, cq.head) && bpf_core_field_exists(struct io_rings, cq.tail) &&
	       bpf_core_field_exists(struct io_rings, cq_ring_mask) && bpf_core_field_exists(struct io_rings, cqes) &&
	       bpf_core_field_exists(struct io_uring_cqe, user_data);
}

/* io_uring_enter returns: what is complete is now before the application. Completions that it took from the
 * ring without a call are behind the head. */
static __always_inline void uring_exit(struct io_slot *s, u32 index, u64 now)
{
	struct io_ring_ctx *ctx = (struct io_ring_ctx *)s->ring;
	u64 key = s->ring;
	u32 i = slot_hash(key) & (RINGS - 1), head, tail, mask, at, end, shift, seen;
	struct ring_seen *r = bpf_map_lookup_elem(&uring_seen, &i);
	struct io_rings *rings;
	bool fresh;

	uring_submitted(s, now);
	if (!ctx || !r || !has_rings())
		return;
	seen = *(volatile u32 *)&r->seen;
	rings = BPF_CORE_READ(ctx, rings);
	head = BPF_CORE_READ(rings, cq.head);
	tail = BPF_CORE_READ(rings, cq.tail);
	mask = BPF_CORE_READ(rings, cq_ring_mask);
	shift = BPF_CORE_READ(ctx, flags) & IORING_SETUP_CQE32 ? 5 : 4;
	fresh = (s32)(tail - seen) < 0; /* read later, and yet smaller: another ring at the same address */
	if (has_spin_lock)
		bpf_spin_lock(&r->lock);
	at = *(volatile u32 *)&r->seen;
	if (fresh || r->ring != key || (s32)(tail - at) > (s32)(mask + 1))
		at = head;
	end = tail;
	if ((s32)(tail - at) < 0) /* another thread was faster */
		end = at;
	else if (tail - at > CQ_BATCH)
		end = at + CQ_BATCH;
	r->ring = key;
	r->seen = end;
	if (has_spin_lock)
		bpf_spin_unlock(&r->lock);
	end -= at;
	for (u32 k = 0; k < CQ_BATCH && k < end; k++) {
		u64 cqe = (u64)rings + bpf_core_field_offset(rings->cqes) + ((u64)((at + k) & mask) << shift);
		uring_reap_one(key, cqe, now, at + k - head);
	}
}

#endif
