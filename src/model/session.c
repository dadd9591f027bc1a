/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/session.h"

/* Records wait in the kernel at most this long, unless the ring fills: live output follows at this pace. */
enum { POLL_MS = 100 };

/* Calls one function of each sink that has it and for which `wanted` holds (of out_, it); the first failure is the result. */
#define EACH_SINK_IF(s, wanted, fn, ...)                                                     \
	({                                                                                   \
		int err_ = 0;                                                                \
		for (int i_ = 0; i_ < SESSION_SINKS && !err_; i_++) {                        \
			const struct session_out *out_ = &(s)->out[i_];                      \
			if (out_->sink && out_->sink->fn && (wanted))                        \
				err_ = out_->sink->fn(out_->self, ##__VA_ARGS__);            \
		}                                                                            \
		err_;                                                                        \
	})
#define EACH_SINK(s, fn, ...) EACH_SINK_IF(s, true, fn, ##__VA_ARGS__)

static int session_op(void *ctx, const struct op *op)
{
	struct session *s = ctx;

	return EACH_SINK_IF(s, !out_->no_records, op, op);
}

static int session_delay(void *ctx, const struct delay *d)
{
	struct session *s = ctx;

	return EACH_SINK_IF(s, !out_->no_records, delay, d);
}

static int session_call(void *ctx, const struct slow_call *c)
{
	struct session *s = ctx;

	return EACH_SINK_IF(s, !out_->no_records, call, c);
}

static int session_hit(void *ctx, const struct hit *h)
{
	struct session *s = ctx;

	return EACH_SINK_IF(s, !out_->no_records, hit, h);
}

static uint64_t ns_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

static uint64_t status_bytes(const char *key)
{
	char line[128];
	unsigned long kb = 0;
	size_t n = strlen(key);
	FILE *f = fopen("/proc/self/status", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && sscanf(line + n, ": %lu kB", &kb) == 1)
			break;
	fclose(f);
	return kb * 1024u;
}

static int session_summary(struct session *s, void *src, uint64_t from, uint64_t to, bool interval)
{
	struct summary sum;
	int err = s->source->summary(src, &sum, interval);

	if (err)
		return err;
	if (!sum.ns) {
		sum.t = from;
		sum.ns = to - from;
	}
	return EACH_SINK(s, summary, &sum);
}

static int session_totals(struct session *s, void *src, uint64_t from, uint64_t to, uint64_t attach_ns)
{
	struct losses lost = { 0 };
	struct cost cost = { .wall = to - s->t0, .attach_ns = attach_ns };
	struct rusage ru;
	int err = session_summary(s, src, from, to, false);

	if (!err)
		err = s->source->losses(src, &lost);
	if (!err)
		err = EACH_SINK_IF(s, !s->quiet || lost.total || out_->whole, lost, &lost);
	if (err)
		return err;
	s->source->cost(src, &cost);
	getrusage(RUSAGE_SELF, &ru);
	cost.cpu_user = ns_of(&ru.ru_utime);
	cost.cpu_sys = ns_of(&ru.ru_stime);
	cost.rss = status_bytes("VmRSS");
	cost.rss_peak = status_bytes("VmHWM");
	return EACH_SINK_IF(s, !s->quiet || out_->whole, cost, &cost);
}

static bool session_over(const struct session *s, uint64_t end)
{
	if (s->stop && *s->stop)
		return true;
	if (end && clock_monotonic() >= end)
		return true;
	return s->over && s->over(s->ctx);
}

/* Until the next thing that is due, at most POLL_MS. */
static int session_timeout(uint64_t now, uint64_t end, uint64_t tick)
{
	uint64_t due = now + (uint64_t)POLL_MS * 1000000u;

	if (end && end < due)
		due = end;
	if (tick && tick < due)
		due = tick;
	return due > now ? (int)((due - now + 999999) / 1000000) : 0;
}

static int session_loop(struct session *s, void *src, uint64_t start)
{
	const struct feed feed = { .op = session_op, .delay = session_delay, .call = session_call, .hit = session_hit, .ctx = s };
	uint64_t end = s->duration ? start + s->duration : 0, last = start, now;
	uint64_t tick = s->interval ? start + s->interval : 0;
	int err;

	while (!session_over(s, end)) {
		err = s->source->poll(src, session_timeout(clock_monotonic(), end, tick), &feed);
		if (!err)
			err = EACH_SINK(s, flush);
		if (err)
			return err;
		now = clock_monotonic();
		if (!tick || now < tick)
			continue;
		err = session_summary(s, src, last, now, true);
		if (err)
			return err;
		last = now;
		tick += s->interval * ((now - tick) / s->interval + 1);
	}
	return s->source->finish(src, &feed);
}

int session_run(struct session *s)
{
	uint64_t start, attach_ns;
	unsigned int explained = log_errors();
	void *src = NULL;
	int err = s->source->open(&src, s->source_opts, s->probe);

	if (err)
		return log_errors() > explained ? -ECANCELED : err;
	attach_ns = clock_monotonic() - s->t0;
	s->source->start(src);
	start = clock_monotonic();
	if (s->attached && !(s->stop && *s->stop))
		err = s->attached(s->ctx);
	if (!err)
		err = session_loop(s, src, start);
	if (!err)
		err = session_totals(s, src, start, clock_monotonic(), attach_ns);
	if (!err)
		err = EACH_SINK(s, flush);
	s->source->close(src);
	return err;
}
