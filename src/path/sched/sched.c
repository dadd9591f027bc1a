/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor sched` as a source: open, poll, finish, summary, close. */
#include <errno.h>

#include "base/log.h"
#include "model/stacks.h"
#include "path/sched/sched_priv.h"
#include "path/sched/sched_source.h"

static int deliver(struct sched_state *st, struct sched_rec *rec)
{
	struct ran ran[SCHED_RAN];
	struct delay d;

	sched_decode(st->names, rec, ran, &d);
	return st->feed && st->feed->delay ? st->feed->delay(st->feed->ctx, &d) : 0;
}

static int by_ns(const void *a, const void *b)
{
	const struct sched_rec *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

/* --top: takes the place of the shortest. The kernel sends nothing that is shorter than that. */
static int top_keep(struct sched_state *st, const struct sched_rec *rec)
{
	size_t least = 0;

	if (st->top.n < st->opts.top) {
		if (vec_push(&st->top, *rec))
			return -ENOMEM;
	} else if (rec->ns > st->top.v[0].ns) {
		st->top.v[0] = *rec;
	} else {
		return 0;
	}
	if (st->top.n < st->opts.top)
		return 0;
	for (size_t i = 1; i < st->top.n; i++) /* the shortest first */
		if (st->top.v[i].ns < st->top.v[least].ns)
			least = i;
	if (least) {
		struct sched_rec swap = st->top.v[0];
		st->top.v[0] = st->top.v[least];
		st->top.v[least] = swap;
	}
	sched_top_raise(st, st->top.v[0].ns);
	return 0;
}

static int top_deliver(struct sched_state *st)
{
	int err = 0;

	if (st->top.n)
		qsort(st->top.v, st->top.n, sizeof(*st->top.v), by_ns);
	for (size_t i = 0; i < st->top.n && !err; i++)
		err = deliver(st, &st->top.v[i]);
	vec_free(&st->top);
	return err;
}

static int on_record(void *self, const void *data, size_t size)
{
	struct sched_state *st = self;
	struct sched_rec rec;

	if (sched_record_check(data, size)) {
		st->malformed++;
		return 0;
	}
	memcpy(&rec, data, sizeof(rec));
	return st->opts.top ? top_keep(st, &rec) : deliver(st, &rec);
}

static void sched_close(void *self)
{
	struct sched_state *st = self;

	if (!st)
		return;
	records_close(&st->records);
	sched_unload(st);
	sched_sums_free(st->sums);
	sched_locks_free(st->locks);
	stacks_free(st->stacks);
	names_free(st->names);
	vec_free(&st->top);
	free(st);
}

static int sched_open(void **self, const void *opts, struct probe *probe)
{
	struct sched_state *st = calloc(1, sizeof(*st));
	int err = -ENOMEM;

	if (!st)
		return err;
	st->opts = *(const struct sched_opts *)opts;
	st->names = names_new();
	if (!st->names)
		goto fail;
	err = sched_load(st, probe);
	if (err)
		goto fail;
	err = records_open(&st->records, sched_map_fd(st, "ring"), on_record, st);
	if (err)
		goto fail;
	err = -ENOMEM;
	st->sums = sched_sums_new(st);
	st->locks = sched_locks_new(st);
	st->stacks = stacks_of_map(sched_map_fd(st, "stacks"));
	if (!st->sums || !st->locks || !st->stacks)
		goto fail;
	*self = st;
	return 0;
fail:
	sched_close(st);
	return err;
}

static void sched_start(void *self)
{
	struct sched_state *st = self;
	int err;

	sched_ready(st, true);
	err = sched_sums_begin(st->sums);
	if (err)
		log_warn("cannot read the clocks of the CPUs: %s", strerror(-err));
}

static int sched_read(struct sched_state *st, int timeout_ms, bool all, const struct feed *feed)
{
	int err;

	st->feed = feed;
	err = records_read(&st->records, timeout_ms, all);
	st->feed = NULL;
	return err;
}

static int sched_poll(void *self, int timeout_ms, const struct feed *feed)
{
	return sched_read(self, timeout_ms, false, feed);
}

static int sched_finish(void *self, const struct feed *feed)
{
	struct sched_state *st = self;
	int err;

	sched_ready(st, false);
	err = sched_read(st, 0, true, feed);
	if (err)
		return err;
	st->feed = feed;
	err = top_deliver(st);
	st->feed = NULL;
	return err;
}

static int sched_summary(void *self, struct summary *out, bool interval)
{
	struct sched_state *st = self;

	return sched_sums_read(st->sums, out, interval);
}

static int sched_losses(void *self, struct losses *out)
{
	static const char *const text[SCHED_LOST_N][2] = {
		[SCHED_LOST_RING] = { "delays", "ring buffer full: counted, not printed" },
		[SCHED_LOST_SLOT] = { "delays", "more tasks that wait for a CPU than there are slots" },
		[SCHED_LOST_WAKEUP] = { "delays", "began before tracing, or not shown by the kernel" },
		[SCHED_LOST_SWITCH] = { "task switches", "not shown by the kernel; the CPU's time until the next one is unknown" },
		[SCHED_LOST_ROW] = { "names", "more processes than rows: counted as others" },
		[SCHED_LOST_PAIR] = { "preemptions", "more pairs than the table holds" },
		[SCHED_LOST_LOCK] = { "waits for locks", "more places, stacks or sleepers than the tables hold" },
	};
	struct sched_state *st = self;
	uint64_t lost[SCHED_LOST_N];

	sched_lost_read(st, lost);
	losses_fill(out, st->lost, text, lost, SCHED_LOST_N, st->malformed, sched_object(st));
	return 0;
}

static void sched_cost(void *self, struct cost *out)
{
	const struct sched_state *st = self;

	cost_fill(out, sched_object(st), st->delays, &st->unseen);
}

const struct source sched_source = {
	.name = "sched",
	.open = sched_open,
	.start = sched_start,
	.poll = sched_poll,
	.finish = sched_finish,
	.summary = sched_summary,
	.losses = sched_losses,
	.cost = sched_cost,
	.close = sched_close,
};
