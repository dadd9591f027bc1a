/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Wire records to the model. Records may come from a file: nothing in them is trusted. */
#include <errno.h>

#include "model/names.h"
#include "path/io/io_priv.h"

struct io_decoder {
	struct io_state *st;
	struct wait waits[IO_ITEMS + 3];
	struct stage stages[IO_ITEMS * (IOS_N + 2)];
	char comm[17];
};

struct io_decoder *io_decoder_new(struct io_state *st)
{
	struct io_decoder *d = calloc(1, sizeof(*d));

	if (d)
		d->st = st;
	return d;
}

void io_decoder_free(struct io_decoder *d)
{
	free(d);
}

/* include/linux/blk_types.h; block/blk-core.c blk_errors[]. */
static int errno_of_status(unsigned int status)
{
	static const int errors[] = { 0, EOPNOTSUPP, ETIMEDOUT, ENOSPC, ENOLINK, EREMOTEIO, EBADE, ENODATA, EILSEQ,
				      ENOMEM, EIO, EAGAIN, EAGAIN, EBUSY };

	return status < sizeof(errors) / sizeof(errors[0]) ? errors[status] : EIO;
}

/* A bio has a block status on every kernel, a request's tracepoint not. */
static int item_errno(const struct io_decoder *d, const struct io_item *it)
{
	return d->st->error_is_status || (it->flags & IO_ITEM_BIO) ? errno_of_status(it->error) : it->error;
}

static const char *dev_name(struct io_state *st, uint32_t dev)
{
	return dev && st->devs ? blockdevs_name(st->devs, dev_from_kernel(dev)) : "";
}

static const char *const stage_names[IOS_N] = { "throttled", "get request", "plugged", "queued", "device" };

/* Request number of an item: requests are numbered in order among the items. */
static int request_number(const struct io_rec_op *rec, unsigned int item)
{
	int n = -1;

	for (unsigned int i = 0; i <= item && i < rec->nitems; i++)
		n += rec->item[i].type == IO_ITEM_REQUEST;
	return n;
}

static struct stage *stage_add(struct op *op, struct io_decoder *d, const struct io_rec_op *rec, unsigned int i,
			       const char *name, uint64_t from, uint64_t to)
{
	const struct io_item *it = &rec->item[i];
	struct stage *s = &d->stages[op->nstages++];

	memset(s, 0, sizeof(*s));
	s->layer = "block";
	s->name = name;
	s->dev = dev_name(d->st, it->dev);
	s->t = from;
	s->ns = to > from ? to - from : 0;
	s->sector = it->rq.sector;
	s->bytes = it->bytes;
	s->error = item_errno(d, it);
	s->request = request_number(rec, i);
	s->parent = it->parent && it->parent <= i ? request_number(rec, it->parent - 1) : -1;
	s->rw = io_dir_name(it->rw);
	s->unfinished = !(it->flags & IO_ITEM_DONE);
	return s;
}

/* The wait that the completion of a request ended: it was still on, and no other request of the operation that
 * completed within it did so later. */
static const struct io_item *wait_ended_by(const struct io_rec_op *rec, const struct io_item *rq)
{
	uint64_t done = rq->rq.at[IOS_DEVICE];
	const struct io_item *wait = NULL;

	for (unsigned int i = 0; i < rec->nitems && !wait; i++) {
		const struct io_item *w = &rec->item[i];
		if (w->type == IO_ITEM_WAIT && w->t <= done && done - w->t <= w->wait.ns &&
		    w->t + w->wait.ns + w->wait.runq <= rec->t + rec->wall)
			wait = w;
	}
	for (unsigned int i = 0; wait && i < rec->nitems; i++) {
		const struct io_item *o = &rec->item[i];
		if (o->type == IO_ITEM_REQUEST && o != rq && o->rq.at[IOS_DEVICE] >= wait->t &&
		    o->rq.at[IOS_DEVICE] - wait->t <= wait->wait.ns &&
		    (o->rq.at[IOS_DEVICE] > done || (o->rq.at[IOS_DEVICE] == done && o > rq)))
			return NULL;
	}
	return wait;
}

/* After the device: what the interrupt, softirq or thread that completed it did until the task was woken, and
 * the task's way to a CPU. */
static void decode_completion(struct io_decoder *d, const struct io_rec_op *rec, unsigned int i, struct op *op)
{
	const struct io_item *it = &rec->item[i], *w = wait_ended_by(rec, it);
	uint64_t done = it->rq.at[IOS_DEVICE], woken;
	struct stage *s;

	if (!w)
		return;
	woken = w->t + w->wait.ns;
	s = stage_add(op, d, rec, i, "completion", done, woken);
	s->layer = it->flags & IO_ITEM_IRQ ? "irq" : it->flags & IO_ITEM_SOFTIRQ ? "softirq" : "task";
	s = stage_add(op, d, rec, i, "run queue", woken, woken + w->wait.runq);
	s->layer = "sched";
}

/* A stage that was not seen ends where the next one does; the stages of a request have no gap. */
static void decode_request(struct io_decoder *d, const struct io_rec_op *rec, unsigned int i, struct op *op)
{
	const struct io_item *it = &rec->item[i];
	uint64_t at = it->t, end = rec->t + rec->wall;
	struct stage *s;

	for (int k = 0; k < IOS_N; k++) {
		uint64_t to = it->rq.at[k];
		if (!to || to < at || (to == at && k != IOS_DEVICE))
			continue;
		s = stage_add(op, d, rec, i, stage_names[k], at, to);
		if (k == IOS_DEVICE)
			s->layer = it->flags & IO_ITEM_BIO ? "stacked" : "driver";
		at = to;
	}
	if (it->flags & IO_ITEM_DONE)
		decode_completion(d, rec, i, op);
	else
		stage_add(op, d, rec, i, at == it->t ? "queued" : "device", at, end > at ? end : at);
}

static void decode_wait(struct io_decoder *d, const struct io_item *it, struct op *op)
{
	struct wait *w = &d->waits[op->nwaits++];

	w->t = it->t;
	w->ns = it->wait.ns;
	w->stack = stacks_get(d->st->stacks, it->wait.site, &w->reason);
}

static void wait_add(struct io_decoder *d, struct op *op, const char *reason, uint64_t t, uint64_t ns)
{
	if (ns)
		d->waits[op->nwaits++] = (struct wait){ .t = t, .ns = ns, .reason = reason };
}

/* The waits add up to the part: those that had no room of their own come as one. Where items say more than the
 * part (a record that was cut by a race), they are dropped for the sum. */
static void decode_waits(struct io_decoder *d, const struct io_rec_op *rec, struct op *op)
{
	uint64_t left = rec->part[TP_WAIT], done = rec->t + rec->wall - rec->unreaped;

	for (unsigned int i = 0; i < rec->nitems; i++) {
		const struct io_item *it = &rec->item[i];
		if (it->type != IO_ITEM_WAIT || it->wait.ns > left)
			continue;
		left -= it->wait.ns;
		decode_wait(d, it, op);
	}
	wait_add(d, op, "not itemised", 0, left);
	wait_add(d, op, "in flight", done - rec->inflight, rec->inflight);
	wait_add(d, op, "completed, not reaped", done, rec->unreaped);
}

static unsigned int decode_flags(const struct io_rec_op *rec)
{
	static const struct { uint32_t wire; unsigned int model; } map[] = {
		{ IOF_ASYNC, OP_ASYNC }, { IOF_REAP_UNSEEN, OP_REAP_UNSEEN }, { IOF_DIRECT, OP_DIRECT },
		{ IOF_KILLED, OP_KILLED }, { IOF_KERNEL, OP_KERNEL }, { IOF_END_UNSEEN, OP_END_UNSEEN },
	};
	unsigned int flags = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (rec->flags & map[i].wire)
			flags |= map[i].model;
	if (rec->kind <= IO_PREADV2 && rec->ret > 0 && !rec->pages_added && !rec->nbios && !(flags & OP_DIRECT))
		flags |= OP_CACHE_HIT;
	return flags;
}

int io_record_check(const struct io_rec_op *rec, size_t size)
{
	const size_t head = sizeof(*rec) - sizeof(rec->item);
	uint64_t sum = 0;

	if (size < head || rec->type != IO_REC_OP || rec->nitems > IO_ITEMS)
		return -EINVAL;
	if (size < head + rec->nitems * sizeof(rec->item[0]) || !io_kind_name(rec->kind))
		return -EINVAL;
	/* never past the wall time, so that nothing wraps */
	for (int i = 0; i < TP_N + 2; i++) {
		uint64_t ns = i < TP_N ? rec->part[i] : i == TP_N ? rec->inflight : rec->unreaped;
		if (ns > rec->wall - sum)
			return -EINVAL;
		sum += ns;
	}
	return sum == rec->wall ? 0 : -EINVAL;
}

int io_decode(struct io_decoder *d, const struct io_rec_op *rec, size_t size, struct op *op)
{
	int err = io_record_check(rec, size);

	if (err)
		return err;
	memset(op, 0, sizeof(*op));
	memcpy(d->comm, rec->comm, 16);
	op->kind = io_kind_name(rec->kind);
	op->pid = rec->tgid;
	op->tid = rec->tid;
	op->comm = d->comm;
	op->cgroup_id = rec->cgroup;
	op->cgroup = names_cgroup(d->st->names, rec->cgroup);
	op->file = names_path(d->st->names, rec->path);
	op->dev = dev_name(d->st, rec->dev);
	op->ino = rec->ino;
	op->offset = rec->offset;
	op->size = rec->size;
	op->ret = rec->ret;
	if (rec->ret < 0 && rec->nitems && (rec->kind == IO_READAHEAD || rec->kind >= IO_DISK_READ))
		op->ret = -item_errno(d, &rec->item[0]); /* the operation is the request */
	op->t = rec->t;
	op->wall = rec->wall;
	op->part[PART_CPU] = rec->part[TP_CPU];
	op->part[PART_IRQ] = rec->part[TP_IRQ];
	op->part[PART_SOFTIRQ] = rec->part[TP_SOFTIRQ];
	op->part[PART_RUNQ] = rec->part[TP_PREEMPTED] + rec->part[TP_WOKEN];
	op->part[PART_WAIT] = rec->part[TP_WAIT] + rec->inflight + rec->unreaped;
	op->runq_preempted = rec->part[TP_PREEMPTED];
	op->flags = decode_flags(rec);
	op->pages_added = rec->pages_added;
	op->pages_dirtied = rec->pages_dirtied;
	op->requests = rec->nbios;
	op->waits = d->waits;
	op->stages = d->stages;
	decode_waits(d, rec, op);
	for (unsigned int i = 0; i < rec->nitems; i++)
		if (rec->item[i].type == IO_ITEM_REQUEST)
			decode_request(d, rec, i, op);
	return 0;
}

/* Components from the file upwards become a path downwards, below the file system's mount point. */
int io_decode_path(struct io_state *st, const struct io_rec_path *rec, size_t size)
{
	const size_t head = sizeof(*rec) - sizeof(rec->name);
	const char *part[IO_DEPTH];
	char path[IO_PATH + IO_NAME + IO_DEPTH + 8];
	size_t at = 0, n = 0, len;

	if (size < head || rec->len > size - head || rec->len > sizeof(rec->name) || rec->depth > IO_DEPTH)
		return -EINVAL;
	for (size_t off = 0; off < rec->len && n < rec->depth; off += len + 1) {
		len = strnlen(rec->name + off, rec->len - off);
		if (off + len >= rec->len)
			break; /* not terminated */
		part[n++] = rec->name + off;
	}
	path[0] = 0;
	if (rec->truncated)
		at = (size_t)snprintf(path, sizeof(path), "/...");
	while (n-- > 0)
		at += (size_t)snprintf(path + at, sizeof(path) - at, "/%s", part[n]);
	return names_path_add(st->names, rec->path, rec->dev, path);
}
