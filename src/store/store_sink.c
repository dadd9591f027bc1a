/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The sink: messages into chunks, chunks to the thread that writes them. */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/writer.h"

/* A chunk is closed when it is so large, or so old: what is in none yet is what a crash loses. */
enum { CHUNK_BYTES = 256 << 10, CHUNK_NS = 400000000 };

struct store_sink {
	struct writer *writer;
	struct codec *codec;
	struct chunk_info info;           /* of the chunk under way */
	uint64_t begun;                   /* when its first message came */
	bool told;                        /* the reason of a failure has been logged */
};

static int sink_result(struct store_sink *s, int err)
{
	if (err && !s->told) {
		log_error("the recording: %s; what was recorded until now is kept", err == -ENOSPC ? "the disk is full" : strerror(-err));
		s->told = true;
	}
	return err ? -ECANCELED : 0;
}

static int chunk_close(struct store_sink *s, enum chunk_kind kind)
{
	int err;

	if (!s->info.n)
		return 0;
	s->info.kind = (int)kind;
	err = writer_put(s->writer, &s->info, s->codec);
	codec_begin(s->codec);
	s->info = (struct chunk_info){ .t0 = UINT64_MAX };
	return err;
}

static int message_put(struct store_sink *s, enum message_type type, const void *object)
{
	int err = codec_put(s->codec, type, object);

	if (err == -E2BIG && s->info.n) {
		err = chunk_close(s, CHUNK_RECORDS);
		if (!err)
			err = codec_put(s->codec, type, object);
	}
	if (!err && !s->info.n++)
		s->begun = clock_monotonic();
	return err;
}

static int record_put(struct store_sink *s, enum message_type type, const void *object, uint64_t t, uint64_t ns, bool error)
{
	int err = message_put(s, type, object);

	if (err)
		return sink_result(s, err);
	s->info.t0 = t < s->info.t0 ? t : s->info.t0;
	s->info.t1 = t + ns > s->info.t1 ? t + ns : s->info.t1;
	s->info.longest = ns > s->info.longest ? ns : s->info.longest;
	s->info.errors += error;
	return codec_size(s->codec) < CHUNK_BYTES ? 0 : sink_result(s, chunk_close(s, CHUNK_RECORDS));
}

static int store_op(void *self, const struct op *op)
{
	return record_put(self, MSG_OP, op, op->t, op->wall, op_failed(op));
}

static int store_delay(void *self, const struct delay *d)
{
	return record_put(self, MSG_DELAY, d, d->t, d->ns, false);
}

static int store_call(void *self, const struct slow_call *c)
{
	return record_put(self, MSG_CALL, c, c->t, c->ns, c->ret < 0);
}

static int store_hit(void *self, const struct hit *h)
{
	return record_put(self, MSG_HIT, h, h->t, 0, false);
}

/* What can be found without the records has a chunk of its own. */
static int single_put(struct store_sink *s, enum message_type type, const void *object, enum chunk_kind kind)
{
	int err = chunk_close(s, CHUNK_RECORDS);

	if (!err)
		err = message_put(s, type, object);
	if (!err)
		err = chunk_close(s, kind);
	return sink_result(s, err);
}

static int store_summary(void *self, const struct summary *sum)
{
	struct store_sink *s = self;

	return single_put(s, MSG_SUMMARY, sum, sum->interval ? CHUNK_INTERVAL : CHUNK_END);
}

static int store_lost(void *self, const struct losses *l)
{
	return single_put(self, MSG_LOST, l, CHUNK_END);
}

static int store_cost(void *self, const struct cost *c)
{
	struct store_sink *s = self;
	int err = single_put(s, MSG_COST, c, CHUNK_END);

	return err ? err : sink_result(s, writer_complete(s->writer));
}

static int store_flush(void *self)
{
	struct store_sink *s = self;
	int err = writer_error(s->writer);

	if (!err && s->info.n && clock_monotonic() - s->begun >= CHUNK_NS)
		err = chunk_close(s, CHUNK_RECORDS);
	return sink_result(s, err);
}

/* What was given last is written only now. */
static int store_finish(void *self)
{
	struct store_sink *s = self;
	int err = chunk_close(s, CHUNK_RECORDS), late = writer_close(s->writer);

	s->writer = NULL;
	return sink_result(s, err ? err : late);
}

static void store_sink_close(void *self)
{
	struct store_sink *s = self;

	if (s->writer)
		store_finish(s);
	codec_free(s->codec);
	free(s);
}

void *store_create(const struct store_writer_opts *o)
{
	struct store_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->info.t0 = UINT64_MAX;
	s->codec = codec_new();
	s->writer = s->codec ? writer_new(o) : NULL;
	if (!s->writer) {
		codec_free(s->codec);
		free(s);
		return NULL;
	}
	codec_begin(s->codec);
	return s;
}

const struct sink sink_store = {
	.name = "store",
	.op = store_op,
	.delay = store_delay,
	.call = store_call,
	.hit = store_hit,
	.summary = store_summary,
	.lost = store_lost,
	.cost = store_cost,
	.flush = store_flush,
	.finish = store_finish,
	.close = store_sink_close,
};
