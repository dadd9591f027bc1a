/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor why` as a source: open, poll, finish, summary, close. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "path/why/why_priv.h"
#include "path/why/why_source.h"

/* A call is taken apart when so much time has passed since its end that the ones it waited for have said what they did. */
enum { CALL_SETTLES = 200000000, PRUNE_KEEPS = 1000000000 };

static int on_record(void *self, const void *data, size_t size)
{
	struct why_state *st = self;
	struct why_stay stay = { 0 };
	struct why_call call;

	st->records_seen++;
	if (size == sizeof(stay) || size == WHY_STAY_NAMED || size == WHY_STAY_SHORT) {
		memcpy(&stay, data, size);
		if (!why_stay_check(&stay, sizeof(stay)))
			return why_take(st, &stay);
	} else if (size == sizeof(call)) {
		memcpy(&call, data, sizeof(call));
		if (!why_call_check(&call, size))
			return vec_push(&st->calls, call);
	}
	st->malformed++;
	return 0;
}

static void why_close(void *self)
{
	struct why_state *st = self;

	if (!st)
		return;
	records_close(&st->records);
	why_unload(st);
	why_result_free(st->result);
	why_store_free(st->store);
	stacks_free(st->stacks);
	blockdevs_free(st->devs);
	why_tab_free(&st->waits);
	why_tab_free(&st->runq);
	vec_free(&st->calls);
	lock_names_free(&st->locks);
	free(st);
}

static int why_open(void **self, const void *opts, struct probe *probe)
{
	struct why_state *st = calloc(1, sizeof(*st));
	int err = -ENOMEM;

	if (!st)
		return err;
	st->opts = *(const struct why_opts *)opts;
	st->store = why_store_new();
	st->result = why_result_new();
	st->devs = blockdevs_new("");
	if (!st->store || !st->result || !st->devs)
		goto fail;
	err = why_load(st, probe);
	if (err)
		goto fail;
	why_store_ask(st->store, !st->pidns);
	err = records_open(&st->records, why_map_fd(st, "ring"), on_record, st);
	if (err)
		goto fail;
	err = -ENOMEM;
	st->stacks = stacks_of_map(why_map_fd(st, "stacks"));
	if (!st->stacks)
		goto fail;
	*self = st;
	return 0;
fail:
	why_close(st);
	return err;
}

static void why_start(void *self)
{
	struct why_state *st = self;

	st->start = clock_monotonic();
	st->history.begin = st->start;
	why_start_at(st, st->start);
}

/* Those of which enough is known; in the end all. */
static int calls_settle(struct why_state *st, bool all)
{
	uint64_t now = clock_monotonic(), before = now - PRUNE_KEEPS;
	size_t left = 0;
	int err = 0;

	for (size_t i = 0; i < st->calls.n && !err; i++) {
		if (all || st->calls.v[i].end + CALL_SETTLES <= now)
			err = why_call_deliver(st, &st->calls.v[i]);
		else
			st->calls.v[left++] = st->calls.v[i];
	}
	for (size_t i = 0; i < left; i++) { /* what they did is still needed */
		if (st->calls.v[i].t < before)
			before = st->calls.v[i].t;
	}
	st->calls.n = left;
	if (st->opts.call && !err)
		why_store_prune(st->store, before);
	return err;
}

static int why_read(struct why_state *st, int timeout_ms, bool all, const struct feed *feed)
{
	int err;

	st->feed = feed;
	err = records_read(&st->records, timeout_ms, all);
	if (!err)
		err = calls_settle(st, false);
	st->feed = NULL;
	return err;
}

static int why_poll(void *self, int timeout_ms, const struct feed *feed)
{
	return why_read(self, timeout_ms, false, feed);
}

static int why_finish(void *self, const struct feed *feed)
{
	struct why_state *st = self;
	int err;

	why_stop(st);
	st->end = clock_monotonic();
	err = why_read(st, 0, true, feed);
	if (!err)
		err = why_take_open(st);
	st->feed = feed;
	if (!err)
		err = calls_settle(st, true);
	if (!err)
		err = why_top_deliver(st);
	st->feed = NULL;
	return err;
}

static int why_summary(void *self, struct summary *out, bool interval)
{
	memset(out, 0, sizeof(*out));
	out->interval = interval;
	return why_result_make(self, out, interval);
}

static int why_losses(void *self, struct losses *out)
{
	static const char *const text[WHY_LOST_N + 2][2] = {
		[WHY_LOST_RING] = { "records", "ring buffer full: that time is unknown" },
		[WHY_LOST_TASK] = { "threads", "more than the table holds" },
		[WHY_LOST_SWITCH] = { "task switches", "not shown by the kernel; the thread's time until the next one is unknown" },
		[WHY_LOST_STACK] = { "stacks", "more than the table holds" },
		[WHY_LOST_N] = { "records", "more than are kept for the critical path" },
		[WHY_LOST_N + 1] = { "records", "of more threads than are kept: their time is in no sum" },
	};
	struct why_state *st = self;
	uint64_t lost[WHY_LOST_N + 2];

	why_lost_read(st, lost);
	lost[WHY_LOST_N] = st->forgotten;
	lost[WHY_LOST_N + 1] = st->threads_lost;
	losses_fill(out, st->lost, text, lost, WHY_LOST_N + 2, st->malformed, why_object(st));
	return 0;
}

static void why_cost(void *self, struct cost *out)
{
	const struct why_state *st = self;

	cost_fill(out, why_object(st), st->records_seen, &st->unseen);
}

const struct source why_source = {
	.name = "why",
	.open = why_open,
	.start = why_start,
	.poll = why_poll,
	.finish = why_finish,
	.summary = why_summary,
	.losses = why_losses,
	.cost = why_cost,
	.close = why_close,
};
