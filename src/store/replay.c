/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* From chunks to sinks, in the order of a live run: records with the summaries of intervals between them, those of --top, the
 * summary, losses, cost. */
#include <errno.h>

#include "base/log.h"
#include "store/store_priv.h"

struct top_entry { uint64_t ns; int64_t chunk; uint64_t nth; };

struct replay {
	struct store *s;
	const struct store_query *q;
	const struct store_out *out;
	unsigned int nout;
	struct sums *sums;                /* NULL: the recorded summary will do */
	struct sums *tick_sums;           /* of the interval; NULL: none are made */
	uint64_t first, last;             /* of the operations that passed: earliest begin, latest end */
	uint64_t tick;                    /* end of the interval under way; 0: not begun */
	VEC(struct top_entry) top;        /* the shortest first in v[0] once it is full */
};

#define EACH_OUT(r, fn, arg)                                                             \
	({                                                                               \
		int err_ = 0;                                                            \
		for (unsigned int i_ = 0; i_ < (r)->nout && !err_; i_++)                 \
			if ((r)->out[i_].sink->fn)                                       \
				err_ = (r)->out[i_].sink->fn((r)->out[i_].self, arg);    \
		err_;                                                                    \
	})

/* ---- which ---- */

/* How long it took; 0: it is not one of those that are asked for. What has no length passes with any. */
static bool record_wanted(const struct replay *r, const struct message *m, uint64_t *ns)
{
	const struct store_query *q = r->q;
	const struct store_filter *f = &q->filter;

	switch (m->type) {
	case MSG_OP:
		*ns = m->op.wall;
		return m->op.wall >= q->slower && (!q->errors || op_failed(&m->op)) && filter_op(f, &m->op);
	case MSG_DELAY:
		*ns = m->delay.ns;
		return m->delay.ns >= q->slower && filter_task(f, m->delay.pid, m->delay.tid, m->delay.comm, m->delay.cgroup);
	case MSG_CALL:
		*ns = m->call.ns;
		return m->call.ns >= q->slower && filter_task(f, m->call.pid, m->call.tid, m->call.comm, "");
	case MSG_HIT:
		*ns = 0;
		return filter_task(f, m->hit.pid, m->hit.tid, m->hit.comm, "");
	default:
		return false;
	}
}

static int record_deliver(const struct replay *r, const struct message *m)
{
	switch (m->type) {
	case MSG_OP: return EACH_OUT(r, op, &m->op);
	case MSG_DELAY: return EACH_OUT(r, delay, &m->delay);
	case MSG_CALL: return EACH_OUT(r, call, &m->call);
	case MSG_HIT: return EACH_OUT(r, hit, &m->hit);
	default: return 0;
	}
}

/* ---- --top ---- */

static bool is_less(const struct top_entry *a, const struct top_entry *b)
{
	if (a->ns != b->ns)
		return a->ns < b->ns;
	return a->chunk != b->chunk ? a->chunk > b->chunk : a->nth > b->nth;
}

static void top_sift(struct replay *r, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < r->top.n; c++)
			if (is_less(&r->top.v[c], &r->top.v[least]))
				least = c;
		if (least == i)
			return;
		struct top_entry swap = r->top.v[i];
		r->top.v[i] = r->top.v[least];
		r->top.v[least] = swap;
		i = least;
	}
}

static int top_keep(struct replay *r, const struct top_entry *e)
{
	if (r->top.n == r->q->top) {
		if (!is_less(&r->top.v[0], e))
			return 0;
		r->top.v[0] = *e;
		top_sift(r, 0);
		return 0;
	}
	if (vec_push(&r->top, *e))
		return -ENOMEM;
	for (size_t i = r->top.n / 2 + 1; r->top.n == r->q->top && i-- > 0;)
		top_sift(r, i);
	return 0;
}

static int longest_first(const void *a, const void *b)
{
	return is_less(a, b) ? 1 : is_less(b, a) ? -1 : 0;
}

/* They are read again: kept would be what points into a chunk that has gone. */
static int top_deliver(struct replay *r)
{
	struct message m;
	int err = 0;

	if (r->top.n)
		qsort(r->top.v, r->top.n, sizeof(*r->top.v), longest_first);
	for (size_t i = 0; i < r->top.n && !err; i++) {
		if (chunk_load(r->s, r->top.v[i].chunk))
			continue;
		for (uint64_t k = 0; codec_next(r->s->codec, &m) > 0; k++)
			if (k == r->top.v[i].nth) {
				err = record_deliver(r, &m);
				break;
			}
	}
	return err;
}

/* ---- intervals that were not recorded ---- */

static int tick_deliver(struct replay *r)
{
	struct summary sum = { .t = r->tick - r->q->interval, .ns = r->q->interval, .interval = true };
	int err = sums_read(r->tick_sums, &sum);

	if (!err)
		err = EACH_OUT(r, summary, &sum);
	sums_reset(r->tick_sums);
	r->tick += r->q->interval;
	return err;
}

static int tick_add(struct replay *r, const struct op *op)
{
	uint64_t end = op->t + op->wall;
	int err = 0;

	if (!r->tick)
		r->tick = op->t + r->q->interval;
	if (end > r->tick && (end - r->tick) / r->q->interval > 100000) /* nothing for so long: one step */
		r->tick = end;
	while (end >= r->tick && !err)
		err = tick_deliver(r);
	return err ? err : sums_add(r->tick_sums, op);
}

/* ---- chunks ---- */

static int record_take(struct replay *r, const struct message *m, int64_t chunk, uint64_t nth)
{
	uint64_t ns = 0;
	bool wanted = record_wanted(r, m, &ns);
	int err = 0;

	if (m->type == MSG_OP && (r->sums || r->tick_sums) && filter_op(&r->q->filter, &m->op)) {
		r->first = m->op.t < r->first ? m->op.t : r->first;
		r->last = m->op.t + m->op.wall > r->last ? m->op.t + m->op.wall : r->last;
		err = r->tick_sums ? tick_add(r, &m->op) : 0;
		if (!err && r->sums)
			err = sums_add(r->sums, &m->op);
	}
	if (err || !wanted || !r->q->records)
		return err;
	if (!r->q->top)
		return record_deliver(r, m);
	return top_keep(r, &(struct top_entry){ ns, chunk, nth });
}

static bool chunk_wanted(const struct replay *r, const struct chunk_info *info)
{
	if (r->sums || r->tick_sums)
		return true;
	if (info->longest < r->q->slower || (r->q->errors && !info->errors))
		return false;
	return !r->q->top || r->top.n < r->q->top || info->longest >= r->top.v[0].ns;
}

static int chunk_replay(struct replay *r, const struct chunk_info *info)
{
	struct message m;
	int err = chunk_dict(r->s, info->id), got = 1;

	if (!err && !filter_chunk(&r->q->filter, r->s->codec, !strcmp(r->s->about.command, "io")))
		return 0;
	if (!err)
		err = chunk_body(r->s, info->id);
	if (err)
		return err == -EBADMSG ? 0 : err;
	for (uint64_t n = 0; !err && (got = codec_next(r->s->codec, &m)) > 0; n++)
		err = record_take(r, &m, info->id, n);
	if (!err && got == -EBADMSG && !r->s->damaged++)
		log_warn("%s: chunk %lld is damaged: the rest of it is left out", r->s->path, (long long)info->id);
	return err ? err : got == -ENOMEM ? got : 0;
}

static int by_longest(const void *a, const void *b)
{
	const struct chunk_info *x = a, *y = b;

	return (x->longest < y->longest) - (x->longest > y->longest);
}

/* Where one is made of the operations, of the recorded one only its window is of use. Of other things than operations none can
 * be made, and the recorded one is about more than the filter lets pass. */
static int summary_replay(struct replay *r, const struct summary *sum)
{
	if (r->sums && !sum->interval) {
		r->first = sum->t;
		r->last = sum->t + sum->ns;
		return 0;
	}
	return store_filter_any(&r->q->filter) ? 0 : EACH_OUT(r, summary, sum);
}

static int single_replay(struct replay *r, const struct chunk_info *info)
{
	struct message m;
	int err = chunk_load(r->s, info->id);

	if (err || codec_next(r->s->codec, &m) != 1)
		return err == -ENOMEM ? err : 0;
	switch (m.type) {
	case MSG_SUMMARY:
		return summary_replay(r, &m.summary);
	case MSG_LOST:
		return !r->q->quiet || m.lost.total ? EACH_OUT(r, lost, &m.lost) : 0;
	case MSG_COST:
		return r->q->quiet ? 0 : EACH_OUT(r, cost, &m.cost);
	default:
		return 0;
	}
}

static int chunks_replay(struct replay *r)
{
	unsigned int kinds = 0;
	chunks_t list = { 0 };
	int err;

	if (r->q->records || r->sums || r->tick_sums)
		kinds |= 1u << CHUNK_RECORDS;
	if (r->q->interval && !r->tick_sums)
		kinds |= 1u << CHUNK_INTERVAL;
	err = kinds ? chunks_list(r->s, kinds, &list) : 0;
	if (r->q->top && !r->sums && !r->q->interval && list.n)
		qsort(list.v, list.n, sizeof(*list.v), by_longest);
	for (size_t i = 0; i < list.n && !err; i++) {
		if (list.v[i].kind == CHUNK_INTERVAL)
			err = single_replay(r, &list.v[i]);
		else if (chunk_wanted(r, &list.v[i]))
			err = chunk_replay(r, &list.v[i]);
	}
	vec_free(&list);
	if (!err && r->tick_sums && r->tick)
		err = tick_deliver(r);
	return err ? err : top_deliver(r);
}

/* ---- the end ---- */

static int made_deliver(struct replay *r)
{
	struct summary sum = { .t = r->first, .ns = r->last - r->first };
	int err = r->last ? sums_read(r->sums, &sum) : 0;

	return err || !r->last ? err : EACH_OUT(r, summary, &sum);
}

/* The summary comes first; losses and cost are recorded after it. */
static int end_replay(struct replay *r)
{
	chunks_t list = { 0 };
	int err = chunks_list(r->s, 1u << CHUNK_END, &list);

	if (!err && list.n)
		err = single_replay(r, &list.v[0]);
	if (!err && r->sums)
		err = made_deliver(r);
	for (size_t i = 1; i < list.n && !err; i++)
		err = single_replay(r, &list.v[i]);
	vec_free(&list);
	return err;
}

static int sums_prepare(struct replay *r)
{
	const struct store_about *a = &r->s->about;
	bool io = !strcmp(a->command, "io"), filtered = store_filter_any(&r->q->filter);

	if (io && (filtered || !a->complete))
		r->sums = sums_new();
	if (io && r->q->interval && (filtered || r->q->interval != a->interval))
		r->tick_sums = sums_new();
	return (io && (filtered || !a->complete) && !r->sums) ? -ENOMEM : 0;
}

int store_replay(struct store *s, const struct store_query *q, const struct store_out *out, unsigned int nout)
{
	struct replay r = { .s = s, .q = q, .out = out, .nout = nout, .first = UINT64_MAX };
	int err = sums_prepare(&r);

	if (!err)
		err = chunks_replay(&r);
	if (!err)
		err = end_replay(&r);
	for (unsigned int i = 0; i < nout && !err; i++)
		if (out[i].sink->flush)
			err = out[i].sink->flush(out[i].self);
	sums_free(r.sums);
	sums_free(r.tick_sums);
	vec_free(&r.top);
	return err;
}
