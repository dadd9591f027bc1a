/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor io` as a source: open, poll, finish, summary, close. */
#include <errno.h>

#include "base/log.h"
#include "model/names.h"
#include "path/io/io.h"
#include "path/io/io_priv.h"
#include "path/io/io_source.h"

struct kept { size_t size; struct io_rec_op rec; };

static int deliver(struct io_state *st, const struct io_rec_op *rec, size_t size)
{
	struct op op;

	if (io_decode(st->decoder, rec, size, &op)) {
		st->malformed++;
		return 0;
	}
	return st->feed && st->feed->op ? st->feed->op(st->feed->ctx, &op) : 0;
}

/* ---- --top: a heap with the smallest of the slowest on top ---- */

static void top_sift(struct io_state *st, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < st->top.n; c++)
			if (st->top.v[c]->rec.wall < st->top.v[least]->rec.wall)
				least = c;
		if (least == i)
			return;
		struct kept *t = st->top.v[i];
		st->top.v[i] = st->top.v[least];
		st->top.v[least] = t;
		i = least;
	}
}

static int top_keep(struct io_state *st, const struct io_rec_op *rec, size_t size)
{
	struct kept *k;

	if (io_record_check(rec, size)) {
		st->malformed++;
		return 0;
	}
	if (size > sizeof(*rec))
		size = sizeof(*rec);
	if (st->top.n == st->opts.top) {
		if (rec->wall <= st->top.v[0]->rec.wall)
			return 0;
		k = st->top.v[0];
	} else {
		k = calloc(1, sizeof(*k));
		if (!k || vec_push(&st->top, k)) {
			free(k);
			return -ENOMEM;
		}
	}
	k->size = size;
	memcpy(&k->rec, rec, size);
	if (st->top.n == st->opts.top) {
		for (size_t i = st->top.n / 2 + 1; i-- > 0;)
			top_sift(st, i);
		io_top_raise(st, st->top.v[0]->rec.wall);
	}
	return 0;
}

static int by_wall(const void *a, const void *b)
{
	const struct kept *x = *(struct kept *const *)a, *y = *(struct kept *const *)b;

	return (x->rec.wall < y->rec.wall) - (x->rec.wall > y->rec.wall);
}

static int top_deliver(struct io_state *st)
{
	int err = 0;

	if (st->top.n)
		qsort(st->top.v, st->top.n, sizeof(*st->top.v), by_wall);
	for (size_t i = 0; i < st->top.n; i++) {
		if (!err)
			err = deliver(st, &st->top.v[i]->rec, st->top.v[i]->size);
		free(st->top.v[i]);
	}
	vec_free(&st->top);
	return err;
}

static int on_record(void *self, const void *data, size_t size)
{
	struct io_state *st = self;
	const struct io_rec_op *rec = data;

	if (size < 4)
		return 0;
	if (rec->type == IO_REC_PATH)
		io_decode_path(st, data, size);
	else if (rec->type == IO_REC_OP)
		return st->opts.top ? top_keep(st, rec, size) : deliver(st, rec, size);
	return 0;
}

/* ---- the source ---- */

static void io_close(void *self)
{
	struct io_state *st = self;

	if (!st)
		return;
	records_close(&st->records);
	io_unload(st);
	io_rows_free(st->rows);
	io_decoder_free(st->decoder);
	stacks_free(st->stacks);
	names_free(st->names);
	blockdevs_free(st->devs);
	for (size_t i = 0; i < st->top.n; i++)
		free(st->top.v[i]);
	vec_free(&st->top);
	free(st);
}

static int io_open(void **self, const void *opts, struct probe *probe)
{
	struct io_state *st = calloc(1, sizeof(*st));
	int err = -ENOMEM;

	if (!st)
		return err;
	st->opts = *(const struct io_opts *)opts;
	err = io_load(st, probe);
	if (err)
		goto fail;
	err = records_open(&st->records, io_map_fd(st, "ring"), on_record, st);
	if (err)
		goto fail;
	err = -ENOMEM;
	st->devs = blockdevs_new("");
	st->names = names_new();
	st->stacks = stacks_of_map(io_map_fd(st, "stacks"));
	st->decoder = io_decoder_new(st);
	st->rows = io_rows_new(st);
	if (!st->devs || !st->names || !st->stacks || !st->decoder || !st->rows)
		goto fail;
	*self = st;
	return 0;
fail:
	io_close(st);
	return err;
}

static void io_start(void *self)
{
	io_ready(self, true);
}

static int io_read(struct io_state *st, int timeout_ms, bool all, const struct feed *feed)
{
	int err;

	st->feed = feed;
	err = records_read(&st->records, timeout_ms, all);
	st->feed = NULL;
	return err;
}

static int io_poll(void *self, int timeout_ms, const struct feed *feed)
{
	return io_read(self, timeout_ms, false, feed);
}

static int io_finish(void *self, const struct feed *feed)
{
	struct io_state *st = self;
	int err;

	io_ready(st, false);
	io_sweep(st);
	err = io_read(st, 0, true, feed);
	if (err)
		return err;
	st->feed = feed;
	err = top_deliver(st);
	st->feed = NULL;
	return err;
}

static int io_summary(void *self, struct summary *out, bool interval)
{
	struct io_state *st = self;

	return io_rows_read(st->rows, out, interval);
}

static int io_losses(void *self, struct losses *out)
{
	static const char *const text[LOSS_N][2] = {
		[LOSS_RING] = { "operations", "ring buffer full" },
		[LOSS_SLOT] = { "operations", "more in flight than there are slots (--max-inflight)" },
		[LOSS_BIO] = { "bios", "more in flight than there are slots" },
		[LOSS_REQUEST] = { "requests", "completion not shown by the kernel, or more in flight than there are slots" },
		[LOSS_ROW] = { "summary rows", "more kinds and devices than rows" },
		[LOSS_ITEM] = { "wait reasons", "table full" },
		[LOSS_LINK] = { "links", "more operations in one request than it keeps" },
		[LOSS_BATCH] = { "operations", "asynchronous batch too large" },
		[LOSS_STACK] = { "stacks", "table full" },
		[LOSS_SUM] = { "sums", "parts do not add up" },
		[LOSS_NAME] = { "operations", "of an io_uring with the same user_data at the same time: cannot be told apart" },
		[LOSS_SWITCH] = { "task switches", "not shown by the kernel; the time until the next event counts as unknown" },
	};
	struct io_state *st = self;
	uint64_t lost[LOSS_N];

	io_lost_read(st, lost);
	losses_fill(out, st->lost, text, lost, LOSS_N, st->malformed, io_object(st));
	return 0;
}

static void io_cost(void *self, struct cost *out)
{
	const struct io_state *st = self;

	cost_fill(out, io_object(st), st->ops, &st->unseen);
}

const struct source io_source = {
	.name = "io",
	.open = io_open,
	.start = io_start,
	.poll = io_poll,
	.finish = io_finish,
	.summary = io_summary,
	.losses = io_losses,
	.cost = io_cost,
	.close = io_close,
};
