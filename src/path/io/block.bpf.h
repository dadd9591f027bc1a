/* SPDX-License-Identifier: GPL-2.0-only */
/* From bio to completion: which operation a bio serves, and the stages of its request. */
#ifndef SPOOR_IO_BLOCK_BPF_H
#define SPOOR_IO_BLOCK_BPF_H

#include "path/io/async.bpf.h"

/* Bios of one request: walked in steps of CHAIN, at most STEPS of them. Queues take requests of 1280 KiB by default and
 * of 4 MiB here and there: 1024 bios of 4 KiB. */
enum { CHAIN = 16, STEPS = 80 };

/* From 5.16 the completion tracepoints give a blk_status_t, before a negative errno (5.16: 8a7d267b4a2c). */
const volatile bool error_is_status;

/* By REQ_OP_*. A table, and no switch: the verifier would follow each direction to the end. Second half: of read-ahead. */
enum { REQ_OPS = 64 };
const volatile u8 rw_of_op[2 * REQ_OPS] = {
	RW_READ, RW_WRITE, RW_FLUSH, RW_DISCARD, [4 ... REQ_OPS - 1] = RW_OTHER,
	[REQ_OPS] = RW_READAHEAD, RW_WRITE, RW_FLUSH, RW_DISCARD, [REQ_OPS + 4 ... 2 * REQ_OPS - 1] = RW_OTHER,
};

static __always_inline u32 rw_of(u32 opf)
{
	u64 i = (opf & REQ_OP_MASK & (REQ_OPS - 1)) + (opf & REQ_FLAG(__REQ_RAHEAD___x) ? REQ_OPS : 0);

	barrier_var(i); /* the verifier of 6.1 does not know how large an OR becomes: the mask has to stay */
	return rw_of_op[i & (2 * REQ_OPS - 1)];
}

/* The request of an io_uring worker thread: worker_private is its struct io_worker, whose cur_work lies in
 * the request. Kernels that keep neither show the operation without its bios. */
static __always_inline struct io_slot *worker_op(struct task_struct *t, u32 *index)
{
	struct io_worker *w;
	char comm[16];
	u64 work;

	if (!bpf_core_field_exists(t->worker_private) || !bpf_core_field_exists(struct io_worker, cur_work) ||
	    !bpf_core_field_exists(struct io_kiocb, work) || !bpf_core_field_exists(struct io_kiocb, ctx))
		return NULL;
	bpf_get_current_comm(comm, sizeof(comm));
	if (comm[4] != 'w') /* iou-wrk-PID; iou-sqp-PID has another worker_private */
		return NULL;
	w = BPF_CORE_READ(t, worker_private);
	work = (u64)BPF_CORE_READ(w, cur_work);
	if (!work)
		return NULL;
	struct io_kiocb *req = (void *)(work - bpf_core_field_offset(struct io_kiocb, work));
	return async_find(async_key((u64)BPF_CORE_READ(req, ctx), kiocb_user_data(req)), index);
}

/* What bios with the same data share; 0: not known. */
static __always_inline u64 bio_data(struct bio *bio)
{
	return bpf_core_field_exists(bio->bi_io_vec) ? (u64)bio->bi_io_vec : 0;
}

static __always_inline void loop_note(const struct request_slot *r, u64 rq, u64 now)
{
	u32 i = slot_hash_pointer(rq) & (LOOPS - 1);
	struct loop_request *l;

	if (r->i.dev >> 20 != LOOP_MAJOR)
		return;
	l = bpf_map_lookup_elem(&loop_requests, &i);
	if (!l)
		return;
	if (now - l->t > 10000000000ull)
		l->under_way = 0; /* completions were missed */
	l->under_way++;
	l->rq = rq;
	l->t = now;
	__builtin_memset(&l->link, 0, sizeof(l->link));
	if (r->i.nlinks)
		l->link = r->i.first;
}

static __always_inline void loop_forget(const struct request_slot *r, u64 rq)
{
	u32 i = slot_hash_pointer(rq) & (LOOPS - 1);
	struct loop_request *l;

	if (r->i.dev >> 20 != LOOP_MAJOR)
		return;
	l = bpf_map_lookup_elem(&loop_requests, &i);
	if (!l)
		return;
	if (l->under_way)
		l->under_way--;
	if (l->rq == rq)
		l->rq = 0;
}

/* What the loop driver's worker serves, if it can be only one. */
static __always_inline struct io_slot *loop_op(struct link *l, u8 *parent)
{
	struct loop_request *found = NULL;
	struct io_slot *s;

	for (u32 i = 0; i < LOOPS; i++) {
		u32 k = i;
		struct loop_request *r = bpf_map_lookup_elem(&loop_requests, &k);
		if (!r || !r->under_way)
			continue;
		if (found || r->under_way > 1 || !r->rq)
			return NULL; /* no telling them apart */
		found = r;
	}
	if (!found)
		return NULL;
	s = link_slot(&found->link);
	if (s) {
		*l = found->link;
		*parent = found->link.item;
	}
	return s;
}

/* The operation that the running task works on. None in interrupt context: it runs there by chance. */
static __always_inline struct io_slot *current_op(u64 id, u32 *index, struct io_slot **carrier)
{
	struct task_struct *t;
	struct cpu_irq *c = cpu_irq_get();
	struct io_slot *s;

	if (!c || c->irq_depth || c->in_softirq)
		return NULL;
	s = sync_find((u32)id, index);
	if (s) {
		if (s->kind < IO_KIND_N)
			return s;
		*carrier = s;
		*index = s->sub - 1;
		return sub_at(s);
	}
	t = current_task();
	if (KERNEL_READ(struct task_struct, t, flags) & PF_IO_WORKER)
		return worker_op(t, index);
	return NULL;
}

/* A libaio batch: direct I/O submits each iocb's bytes in order, so the bytes tell where the next begins. */
static __always_inline void aio_advance(struct io_slot *s, struct io_slot *a, u32 bytes, u32 opf)
{
	if (!a->next || !a->size || s->kind != IO_SUBMIT || (opf & REQ_FLAG(__REQ_META___x)))
		return;
	s->sub_left -= bytes;
	if (s->sub_left > 0)
		return;
	s->sub = a->next;
	a = async_at(s->sub);
	if (a) {
		s->sub_left = a->size;
		s->sub_seq = a->seq;
	}
}

/* Finds what a bio serves: the upper device's bio with the same data, else the running task's operation. */
static __always_inline struct io_slot *bio_owner(struct bio *bio, u64 id, u32 dev, struct link *l, u8 *parent,
						      struct io_slot **carrier)
{
	u64 vec = bio_data(bio);
	struct vec_slot *v = vec && want_links ? vec_at(vec) : NULL;
	struct io_slot *s;
	u32 index = 0;

	*parent = 0;
	if (v && v->vec == vec && v->dev != dev) {
		s = link_slot(&v->link);
		if (s) {
			*l = v->link;
			*parent = v->link.item;
			return s;
		}
	}
	s = current_op(id, &index, carrier);
	if (s) {
		l->slot = index + 1;
		l->seq = s->seq;
		return s;
	}
	if (want_links && (KERNEL_READ(struct task_struct, current_task(), flags) & (PF_KTHREAD | PF_LOCAL_THROTTLE)) ==
				  (PF_KTHREAD | PF_LOCAL_THROTTLE))
		return loop_op(l, parent);
	return NULL;
}

/* Whose pages are written back: the bio is charged to the cgroup that dirtied them. */
static __always_inline u64 bio_cgroup(struct bio *bio)
{
	struct blkcg_gq *blkg;

	if (!bpf_core_field_exists(bio->bi_blkg) || !bpf_core_field_exists(struct blkcg_gq, blkcg))
		return 0;
	blkg = bio->bi_blkg;
	return blkg ? BPF_CORE_READ(blkg, blkcg, css.cgroup, kn, id) : 0;
}

/* Number of the bio's item in the operation's record, 0: no room, or no record. */
static __always_inline u8 bio_item(struct io_slot *s, u32 index, const struct bio_slot *b, u8 parent)
{
	struct io_item *it;

	s->nbios++;
	it = item_new(s, index, IO_ITEM_REQUEST);
	if (!it)
		return 0;
	it->rw = b->rw;
	it->parent = parent;
	it->dev = b->dev;
	it->t = b->t_submit;
	it->rq.sector = b->sector;
	it->bytes = b->bytes;
	return s->nitems;
}

static __always_inline void origin_task(struct origin *a, u64 id, const struct task_struct *t)
{
	a->submitter = id;
	current_comm(t, a->comm);
}

/* Of msync(), where the call did not tell (mapped_file()). */
static __always_inline void bio_file(struct io_slot *s, struct bio *bio)
{
#ifndef HAVE_RDONLY_CAST
	struct inode *inode;
	struct page *page;
	s64 index;

	if (s->kind != IO_MSYNC || s->ino)
		return;
	page = bio_page(bio);
	inode = page ? page_inode(page, &index) : NULL;
	if (!inode || (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK) /* the file system's own */
		return;
	slot_set_inode(s, inode);
	s->dentry = (u64)inode_dentry(inode);
#endif
}

/* The file that a read-ahead is for. A stacked device's bio, which goes on to another device than the file system's,
 * is the same one again. */
static __always_inline void origin_file(struct origin *a, struct bio *bio, u64 id, u32 dev, u32 part)
{
	struct page *page = bio_page(bio);
	struct inode *inode = page ? page_inode(page, &a->offset) : NULL;
	struct task_struct *t;
	struct dentry *d;
	bool blk;
	u16 mode;

	if (!inode)
		return;
	a->ino = BPF_CORE_READ(inode, i_ino);
	mode = BPF_CORE_READ(inode, i_mode);
	a->dev = inode_dev(inode, mode);
	blk = (mode & S_IFMT) == S_IFBLK;
	if (!blk && a->dev >> 20 && a->dev != part && a->dev != dev) /* major 0: btrfs and others that span devices */
		a->dev = 0;
	if (!want_records && !file_want_ino)
		return;
	d = inode_dentry(inode);
	if (file_want_ino && !filter_file(d, a->ino, a->dev, blk))
		a->dev = 0;
	if (!want_records || !a->dev)
		return;
	if (a->offset >= 0)
		a->offset <<= page_shift;
	t = current_task();
	a->cgroup = current_cgroup(t);
	origin_task(a, id, t);
	a->path = path_send((u64)d, a->ino);
}

static __always_inline struct bio_slot *bio_enter(struct bio *bio, struct key_set *k, u32 set, u64 now)
{
	u64 vec = bio_data(bio), id = bpf_get_current_pid_tgid();
	struct task_struct *t = block_only ? current_task() : NULL;
	struct bio_slot *b;
	struct io_slot *s, *carrier = NULL;
	struct link l = {};
	u8 parent = 0;
	u32 part = 0, dev = bio_dev(bio, &part), opf = bio->bi_opf;
	bool counted = !ndevs_want || filter_dev(dev) || filter_dev(part);
	bool ahead = !block_only && rw_of(opf) == RW_READAHEAD && kind_wanted(IO_READAHEAD);

	s = block_only ? NULL : bio_owner(bio, id, dev, &l, &parent, &carrier);
	if (block_only || (ahead && !s)) {
		if (!filter_task_id(t ? t : current_task(), id))
			return NULL;
	} else if (!s && (filter_any_task() || file_want_ino)) {
		return NULL;
	}
	if (s)
		bio_file(s, bio);
	if (s && !s->ino && (!s->dev || (counted && !s->matched))) /* sync, journal: where it writes */
		s->dev = part;
	if (s && counted)
		s->matched = 1;
	b = bio_claim_in(k, set, (u64)bio, now, LOSS_BIO);
	if (!b)
		return NULL;
	b->t_queue = now;
	b->dev = dev;
	b->sector = bio->bi_iter.bi_sector;
	b->bytes = bio->bi_iter.bi_size;
	b->rw = rw_of(opf);
	b->preflush = b->rw == RW_WRITE && opf & REQ_FLAG(__REQ_PREFLUSH___x);
	if (b->preflush && !b->bytes)
		b->rw = RW_FLUSH;
	b->counted = counted;
	if (ahead || (block_only && want_records)) {
		b->has_origin = 1;
		__builtin_memset(&b->origin, 0, sizeof(b->origin));
	}
	if (block_only && want_records)
		origin_task(&b->origin, id, t);
	else if (ahead)
		origin_file(&b->origin, bio, id, dev, part);
	if (ahead && !s && file_want_ino && !b->origin.dev) {
		bio_release(b);
		return NULL;
	}
	l.item = 0;
	if (s) {
		if (want_records && s->kind == IO_WRITEBACK && !s->nbios)
			s->cgroup = bio_cgroup(bio);
		l.item = bio_item(s, l.slot - 1, b, parent);
	}
	b->link = l;
	if (vec && s && want_links) {
		struct vec_slot *v = vec_at(vec);
		if (v) {
			v->vec = vec;
			v->dev = dev;
			v->link = l;
		}
	}
	if (carrier && s)
		aio_advance(carrier, s, b->bytes, opf);
	return b;
}

/* The front part of a split bio is a new bio; bio_chain() leaves the old one, the rest, in bi_private. */
static __always_inline void bio_split(struct bio *front)
{
	struct bio_slot *rest = bio_find((u64)front->bi_private), *b;
	u64 rest_bio, now = bpf_ktime_get_ns();
	struct io_item *it, *old;
	struct io_slot *s;
	struct bio_slot copy;
	u32 index;

	if (!rest)
		return;
	copy = *rest;
	b = bio_claim((u64)front, now, LOSS_BIO);
	if (!b)
		return;
	index = b->index;
	*b = copy;
	b->index = index;
	b->bytes = front->bi_iter.bi_size;
	b->link.item = 0;
	rest = bio_find(rest_bio = (u64)front->bi_private);
	if (rest) {
		if (rest->has_origin && rest->origin.offset >= 0)
			rest->origin.offset += b->bytes;
		rest->sector += b->bytes >> 9;
		rest->bytes -= b->bytes;
	}
	s = link_slot(&copy.link);
	if (!s)
		return;
	b->link.item = bio_item(s, copy.link.slot - 1, b, 0);
	it = link_item(&b->link);
	if (!it)
		return;
	it->flags = IO_ITEM_SPLIT;
	old = link_item(&copy.link);
	if (old) {
		it->parent = old->parent;
		it->rq.at[IOS_THROTTLED] = old->rq.at[IOS_THROTTLED];
		old->flags |= IO_ITEM_SPLIT;
		old->rq.sector += b->bytes >> 9;
		old->bytes -= b->bytes;
	}
}

/* Several bios of one operation in one request are one item of it. */
static __always_inline void item_merge(const struct link *into, const struct link *from, u32 bytes)
{
	struct io_item *it = link_item(into), *gone = link_item(from);
	struct io_slot *s = link_slot(into);

	if (!it || !gone || !s || it == gone)
		return;
	if (gone->rq.sector < it->rq.sector)
		it->rq.sector = gone->rq.sector;
	it->bytes += bytes;
	it->flags |= IO_ITEM_MERGED;
	gone->type = 0;
	if (s->nitems == from->item)
		s->nitems--;
}

/* Both are indices into their maps. */
__noinline int request_link(u32 request, u32 bio_index)
{
	struct request_slot *r = bpf_map_lookup_elem(&requests, &request);
	struct bio_slot *b = bpf_map_lookup_elem(&bios, &bio_index);
	u32 n;

	if (!r || !b || !b->link.slot)
		return 0;
	n = r->i.nlinks;
	if (!n) {
		r->i.first = b->link;
		r->i.nlinks = 1;
		return 0;
	}
	if (r->i.first.slot == b->link.slot && r->i.first.seq == b->link.seq) {
		if (want_records)
			item_merge(&r->i.first, &b->link, b->bytes);
		return 0;
	}
	n--;
	for (u32 i = 0; i < LINKS - 1 && i < n; i++) {
		u32 other = (r->link[i].slot ^ b->link.slot) | (r->link[i].seq ^ b->link.seq);

		barrier_var(other); /* one branch: of two in such a loop the verifier would follow every combination */
		if (!other) {
			if (want_records)
				item_merge(&r->link[i], &b->link, b->bytes);
			return 0;
		}
	}
	if (n >= LINKS - 1) {
		lose(LOSS_LINK);
		return 0;
	}
	r->link[n] = b->link;
	r->i.nlinks = n + 2;
	return 0;
}

/* What the request is and whom it serves, from one of its bios, which is done with then. */
static __always_inline void request_take(struct request_slot *r, struct bio_slot *b)
{
	if (!r->i.t_queue || b->t_submit < r->i.t_submit) {
		r->i.t_submit = b->t_submit;
		r->i.t_queue = b->t_queue;
	}
	if (!r->i.t_getrq)
		r->i.t_getrq = b->t_getrq;
	if (b->has_origin && (!r->i.has_origin || !r->origin.dev)) {
		r->origin = b->origin;
		r->i.has_origin = 1;
	}
	r->i.counted |= b->counted;
	r->i.preflush |= b->preflush;
	if (b->rw == RW_FLUSH)
		r->i.rw = RW_FLUSH;
	bio_release(b);
}

__noinline int request_adopt_bio(u32 request, u64 bio)
{
	struct request_slot *r = bpf_map_lookup_elem(&requests, &request);
	struct bio_slot *b = bio_find(bio);

	if (r && b) {
		request_link(request, b->index);
		request_take(r, b);
	}
	return 0;
}

/* The CHAIN bios after `last`; returns the last one seen, 0 at the end. */
__noinline u64 request_adopt_more(u32 request, u64 last)
{
	struct bio *bio = (struct bio *)last;

	for (u32 i = 0; i < CHAIN; i++) {
		bio = BPF_CORE_READ(bio, bi_next);
		if (!bio)
			return 0;
		request_adopt_bio(request, (u64)bio);
	}
	return (u64)bio;
}

/* Those after its first bio, which a merge left it. */
__noinline int request_adopt_chain(u32 request, u64 first)
{
	struct request_slot *r = bpf_map_lookup_elem(&requests, &request);
	u64 last = first;

	if (!r)
		return 0;
	r->i.flags |= IO_ITEM_MERGED;
	for (u32 i = 0; i < STEPS && last; i++)
		last = request_adopt_more(request, last);
	if (last)
		lose(LOSS_LINK);
	return 0;
}

static __always_inline void request_adopt(struct request_slot *r, struct request *rq)
{
	struct bio *bio = rq->bio;
	struct bio_slot *b;

	r->i.dev = request_dev(rq);
	r->i.bytes = rq->__data_len;
	r->sector = bpf_core_field_exists(rq->__sector) ? rq->__sector : 0;
	r->i.rw = rw_of(rq->cmd_flags);
	if (!want_getrq)
		r->i.t_getrq = request_start(rq);
	if (!bio)
		return;
	b = bio_find((u64)bio);
	if (b) {
		if (r->i.nlinks) {
			request_link(r->index, b->index);
		} else if (b->link.slot) {
			r->i.first = b->link;
			r->i.nlinks = 1;
		}
		request_take(r, b);
	}
	if (bio->bi_next)
		request_adopt_chain(r->index, (u64)BPF_CORE_READ(rq, bio)); /* as a number, which a function takes */
}

static __always_inline struct request_slot *request_enter(struct request *rq, u64 now)
{
	u32 set = request_set((u64)rq);
	struct key_set *k = bpf_map_lookup_elem(&request_keys, &set);
	struct request_slot *r = k ? request_find_in(k, set, (u64)rq) : NULL;

	return r || !k ? r : request_claim_in(k, set, (u64)rq, now, LOSS_REQUEST);
}

/* The data of a finished bio may soon be another's. */
static __always_inline void vec_forget(struct bio *bio, u32 dev)
{
	u64 vec = bio ? (u64)READ_IF_THERE(bio, bi_io_vec) : 0;
	struct vec_slot *v = vec ? vec_at(vec) : NULL;

	if (v && v->vec == vec && v->dev == dev)
		v->vec = 0;
}

__noinline u64 vecs_forget(u64 first, u32 dev)
{
	struct bio *bio = (struct bio *)first;

	for (u32 i = 0; i < CHAIN && bio; i++) {
		vec_forget(bio, dev);
		bio = BPF_CORE_READ(bio, bi_next);
	}
	return (u64)bio;
}

static __always_inline void item_complete(struct io_item *it, const struct request_info *r, u64 now, s32 error)
{
	struct cpu_irq *c = cpu_irq_get();

	it->rq.at[IOS_GETRQ] = r->t_getrq;
	it->rq.at[IOS_PLUGGED] = r->t_insert ? r->t_insert : r->t_issue; /* none: issued from the plug */
	it->rq.at[IOS_QUEUED] = r->t_issue;
	it->rq.at[IOS_DEVICE] = now;
	it->dev = r->dev;
	it->error = error;
	it->cpu = bpf_get_smp_processor_id();
	it->flags |= IO_ITEM_DONE | r->flags;
	if (c && c->irq_depth)
		it->flags |= IO_ITEM_IRQ;
	else if (c && c->in_softirq)
		it->flags |= IO_ITEM_SOFTIRQ;
}

/* Splits submission to completion into stages that add up; a stage not seen falls to the next one. */
static __always_inline void device_row_add(const struct request_info *r, u64 now, bool error)
{
	struct io_row *row = row_get(r->dev, r->rw, 1);
	u64 t = r->t_submit, plugged;

	if (!row)
		return;
	row_add(row, now - t, r->bytes, error);
	if (r->t_queue > t) {
		row->part[IOS_THROTTLED] += r->t_queue - t;
		t = r->t_queue;
	}
	if (r->t_getrq > t) {
		row->part[IOS_GETRQ] += r->t_getrq - t;
		t = r->t_getrq;
	}
	plugged = r->t_insert ? r->t_insert : r->t_issue;
	if (plugged > t) {
		row->part[IOS_PLUGGED] += plugged - t;
		t = plugged;
	}
	if (r->t_issue > t) {
		row->part[IOS_QUEUED] += r->t_issue - t;
		t = r->t_issue;
	}
	row->part[IOS_DEVICE] += now - t;
}

/* An operation that is one request, all of it in flight. */
static __always_inline void disk_send(u32 kind, const struct request_info *r, u64 sector, const struct origin *a,
				      u64 now, s32 error)
{
	struct io_rec_op *o = bpf_ringbuf_reserve(&ring, sizeof(*o) - sizeof(o->item) + sizeof(o->item[0]), 0);
	struct io_item *it;

	if (!o) {
		lose(LOSS_RING);
		return;
	}
	__builtin_memset(o->part, 0, sizeof(o->part));
	o->unreaped = 0;
	o->pages_added = o->pages_dirtied = o->items_lost = o->seq = 0;
	it = &o->item[0];
	o->type = IO_REC_OP;
	o->kind = kind;
	o->nitems = o->nbios = 1;
	o->flags = IOF_ASYNC | IOF_REAP_UNSEEN | (a->dev ? IOF_KERNEL : 0);
	o->t = r->t_submit;
	o->wall = o->inflight = now - r->t_submit;
	o->tid = a->submitter;
	o->tgid = a->submitter >> 32;
	o->dev = a->dev ? a->dev : r->dev;
	o->ino = a->ino;
	o->path = a->path;
	o->cgroup = a->cgroup;
	o->offset = a->dev ? a->offset : (s64)(sector << 9);
	__builtin_memcpy(o->comm, a->comm, sizeof(o->comm));
	o->size = r->bytes;
	o->ret = error ? -5 : r->bytes;
	__builtin_memset(it, 0, sizeof(*it));
	it->type = IO_ITEM_REQUEST;
	it->rw = r->rw;
	it->t = r->t_submit;
	it->rq.sector = sector;
	it->bytes = r->bytes;
	if (r->t_queue > r->t_submit)
		it->rq.at[IOS_THROTTLED] = r->t_queue;
	item_complete(it, r, now, error);
	bpf_ringbuf_submit(o, now & RING_LOOK ? BPF_RB_NO_WAKEUP : ring_flags());
}

/* Read-ahead is an operation of the kernel's own, from its submission to its completion. */
static __always_inline void ahead_finish(const struct origin *a, const struct request_info *r, u64 sector, u64 now, s32 error)
{
	struct io_row *row;

	if (!a->dev)
		return;
	row = row_get(a->dev, IO_READAHEAD, 0);
	if (row) {
		row_add(row, now - r->t_submit, r->bytes, error);
		row->inflight += now - r->t_submit;
	}
	if (record_wanted(now - r->t_submit, error))
		disk_send(IO_READAHEAD, r, sector, a, now, error);
}

/* A bio of an asynchronous operation is over. What the operation returns is known only when it is reaped, and not at all
 * when that takes no call. */
static __always_inline void async_served(struct io_slot *s, u64 now, s32 error)
{
	if (!s || !(s->flags & IOF_ASYNC) || s->done)
		return;
	s->done_at = now;
	if (error)
		s->res = -5; /* EIO */
	else if (s->res >= 0)
		s->res = s->size;
}

static __always_inline void link_complete(const struct link *l, const struct request_info *r, u64 now, s32 error)
{
	struct io_item *it = link_item(l);

	if (it)
		item_complete(it, r, now, error);
	async_served(link_slot(l), now, error);
}

/* i: from 0, for the second link. */
__noinline int link_complete_more(u32 request, u32 i, u64 now, s32 error)
{
	struct request_slot *r = bpf_map_lookup_elem(&requests, &request);

	if (r && i < LINKS - 1)
		link_complete(&r->link[i], &r->i, now, error);
	return 0;
}

/* A write that the device's cache is flushed before is issued after that, by the queue (block/blk-flush.c): what it waited
 * for is the device. */
static __always_inline void preflush_settle(struct request_slot *r)
{
	if (r->i.preflush && r->i.bytes)
		r->i.t_issue = r->i.t_insert = r->i.t_getrq > r->i.t_submit ? r->i.t_getrq : r->i.t_submit;
}

static __always_inline void request_complete(struct request *rq, s32 error, u32 bytes)
{
	u32 at = 0;
	struct request_slot *r = request_find_at((u64)rq, &at);
	u64 now, bio;

	if (bytes < rq->__data_len && !error)
		return; /* a part of it; the rest follows */
	now = bpf_ktime_get_ns();
	if (!error_is_status && error < 0)
		error = -error;
	if (!r) { /* never issued: an empty flush, which a flush request of the queue's own serves */
		r = request_enter(rq, now);
		if (!r)
			return;
		at = r->index;
		request_adopt(r, rq);
		/* One that began after spoor did has bios that were seen. */
		if (!r->i.t_submit && rq->bio && rq->__data_len && request_start(rq) > ready_at && !filter_any_task() &&
		    !file_want_ino)
			lose(LOSS_REQUEST);
	}
	if (want_links && rq->bio) {
		vec_forget(rq->bio, r->i.dev);
		bio = rq->bio->bi_next ? (u64)BPF_CORE_READ(rq, bio, bi_next) : 0; /* as a number, which a function takes */
		for (u32 i = 0; i < STEPS && bio; i++)
			bio = vecs_forget(bio, r->i.dev);
	}
	if (want_links)
		loop_forget(r, (u64)rq);
	preflush_settle(r);
	if (r->i.t_submit) {
		if (r->i.counted) {
			device_row_add(&r->i, now, error != 0);
			if (block_only && r->i.has_origin && record_wanted(now - r->i.t_submit, error))
				disk_send(IO_DISK_READ + r->i.rw, &r->i, r->sector, &r->origin, now, error);
			if (!block_only && r->i.has_origin)
				ahead_finish(&r->origin, &r->i, r->sector, now, error);
		}
		if (r->i.nlinks)
			link_complete(&r->i.first, &r->i, now, error);
		for (u32 i = 1; i < LINKS && i < r->i.nlinks; i++)
			link_complete_more(at, i - 1, now, error);
	}
	request_release_at(at);
}

/* ---- the summary of --block alone: two hooks, one time stamp to remember, the rest is in the request ---- */

static __always_inline void lean_issue(struct request *rq)
{
	u32 set = request_set((u64)rq);
	struct key_set *k = bpf_map_lookup_elem(&request_keys, &set);
	struct request_slot *r;
	u64 now = bpf_ktime_get_ns();

	if (!k)
		return;
	r = request_find_in(k, set, (u64)rq);
	if (!r)
		r = request_grab(k, set, (u64)rq, now, LOSS_REQUEST);
	else if (request_start(rq) > r->i.t_issue) /* a former life's: its completion was not seen */
		lose(LOSS_REQUEST);
	if (r)
		r->i.t_issue = now;
}

static __always_inline void lean_complete(struct request *rq, s32 error, u32 bytes)
{
	u32 at = 0;
	struct request_slot *r = request_find_at((u64)rq, &at);
	struct request_info info = {};
	struct bio *bio;
	u64 now;

	if (bytes < rq->__data_len && !error)
		return;
	if (!r) {
		if (rq->__data_len && request_start(rq) > ready_at)
			lose(LOSS_REQUEST);
		return;
	}
	info.t_issue = r->i.t_issue; /* once released it is another request's */
	request_release_at(at);
	info.rw = rw_of(rq->cmd_flags);
	bio = rq->bio;
	if (!bio && info.rw != RW_FLUSH) /* the queue's own flush has none; it serves all that ask for one meanwhile */
		return;
	info.dev = request_dev(rq);
	if (ndevs_want && !filter_dev(info.dev))
		return;
	now = bpf_ktime_get_ns();
	info.t_submit = request_start(rq);
	if (!bio || !info.t_submit || info.t_submit > info.t_issue)
		info.t_submit = info.t_issue;
	else if (info.rw == RW_WRITE && bio->bi_opf & REQ_FLAG(__REQ_PREFLUSH___x)) /* as preflush_settle */
		info.t_issue = info.t_submit;
	info.t_queue = info.t_insert = info.t_submit; /* plug and scheduler are not told apart */
	info.bytes = rq->__data_len;
	device_row_add(&info, now, error != 0);
}

/* A bio that never became a request: it was a stacked device's, or was refused. */
static __always_inline void bio_complete(struct bio *bio)
{
	struct bio_slot *b = bio_find((u64)bio);
	struct request_info r = {};
	struct io_item *it;
	u64 now;

	if (!b)
		return;
	if (want_links)
		vec_forget(bio, b->dev);
	now = bpf_ktime_get_ns();
	r.dev = b->dev;
	r.rw = b->rw;
	r.bytes = b->bytes;
	r.t_submit = b->t_submit;
	r.t_queue = b->t_queue;
	r.t_getrq = b->t_getrq;
	r.flags = IO_ITEM_BIO;
	it = link_item(&b->link);
	if (it)
		item_complete(it, &r, now, bio->bi_status);
	async_served(link_slot(&b->link), now, bio->bi_status);
	if (b->counted && !b->merged && !b->t_getrq) {
		device_row_add(&r, now, bio->bi_status != 0);
		if (!block_only && b->has_origin)
			ahead_finish(&b->origin, &r, b->sector, now, bio->bi_status);
	}
	bio_release(b);
}

#endif
