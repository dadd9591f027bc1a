/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Records of stays and of slow calls, damaged in any way, through the checks, the sums and the walk. Whatever passes the
 * checks must come to a result that adds up. Input: a byte (1: --call; 2: --top; 4: there is a history; 8: calls are
 * delivered at once), then for each record or event of the history what it is, and what it is made of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path/why/why_priv.h"

enum { OF_CALLS = 1, OF_TOP = 2, OF_HISTORY = 4, AT_ONCE = 8 };
enum { TIDS = 12, CPUS = 3, RING = 32 };
#define TID0 5000000u /* there are no such threads, so that their names are not found quickly */

static struct { const uint8_t *at; size_t n; } in;
static uint64_t now, since[TIDS];  /* the clock, and until when there were records of a thread */
static struct why_hist ring[CPUS * RING];
static struct why_hist_end ends[CPUS];
static struct blockdevs *devs;
static struct stacks *stacks;
static bool overflow;              /* sums of so large times are no longer sums */

#define CHECK(what) do { if (!(what)) abort(); } while (0)

static unsigned int no_stack(void *ctx, uint64_t id, uint64_t *addr, unsigned int max)
{
	(void)ctx, (void)id, (void)addr, (void)max;
	return 0;
}

static void no_stacks(void *ctx, void (*fn)(void *arg, uint64_t id), void *arg)
{
	(void)ctx, (void)fn, (void)arg;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	devs = blockdevs_new("");
	stacks = stacks_new(no_stack, no_stacks, NULL);
	CHECK(devs && stacks);
	return 0;
}

/* ---- what the input says ---- */

static uint8_t byte(void)
{
	if (!in.n)
		return 0;
	in.n--;
	return *in.at++;
}

static void bytes(void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = byte();
}

/* Short ones and long ones; some are too long for any machine. */
static uint64_t some_ns(void)
{
	uint8_t b = byte();

	return b == 0xff ? UINT64_MAX >> (byte() & 31) : (uint64_t)(b & 31) << (b >> 5) * 5;
}

static uint32_t some_tid(void)
{
	return TID0 + byte() % TIDS;
}

static void some_comm(char comm[16])
{
	comm[0] = (char)('a' + byte() % 4);
}

/* Reaching past the checks by chance would take for ever: most records are made so that they pass. */
static void stay_make(struct why_stay *r)
{
	uint8_t how = byte(), when = byte();
	uint64_t *at, part[WHY_ON_N];

	r->tid = some_tid();
	r->tgid = TID0;
	some_comm(r->comm);
	r->flags = how & 0x80 ? byte() : 0;
	r->how = how % WHY_OFF_N;
	at = &since[r->tid - TID0];
	r->on = when & 7 ? *at : when & 8 ? *at + some_ns() : when & 16 ? now : *at - some_ns();
	r->off = r->on;
	for (int i = 0; i < WHY_ON_N; i++) {
		part[i] = when & 32 << (i & 1) ? some_ns() : 0;
		if (__builtin_add_overflow(r->off, part[i], &r->off)) {
			r->off -= part[i];
			part[i] = 0;
		}
		r->part[i] = part[i];
	}
	r->nr = byte() % 8 - 4;
	*at = r->off;
	if (r->how == WHY_OFF_DEAD || r->how == WHY_OFF_GAP) {
		r->flags |= WHY_F_END;
	} else {
		r->woken = r->off + (r->how == WHY_OFF_BLOCKED ? some_ns() : 0);
		r->run = r->woken + some_ns();
		*at = r->run;
		r->cpu_run = byte() % (CPUS + 1);
		r->context = byte() % WHY_BY_N;
		r->by_tid = r->context == WHY_BY_TASK || r->how == WHY_OFF_PREEMPTED ? some_tid() : 0;
		r->by_tgid = r->by_tid;
		r->dev = r->context == WHY_BY_DEVICE ? byte() & 1 : 0;
		r->site = byte() & 3;
		r->lock = byte() & 1;
		some_comm(r->by_comm);
		some_comm(r->owner);
	}
	if (now < *at)
		now = *at;
}

static void damage(void *record, size_t size)
{
	size_t at = byte() % size, n = 1 + byte() % 8;

	bytes((uint8_t *)record + at, n < size - at ? n : size - at);
}

static void event_make(void)
{
	uint32_t cpu = byte() % CPUS;
	uint8_t what = byte();
	struct why_hist h = {
		.event = what & 1, .how = (what >> 1) % WHY_OFF_N, .context = (what >> 4) % WHY_BY_N, .a = some_tid(), .b = some_tid(),
	};

	if (what & 8)
		h.a = 0;
	if (what == 0xff)
		damage(&h, sizeof(h));
	now += some_ns() & UINT64_MAX >> 24;
	h.t = now;
	h.seq = ++ends[cpu].seq;
	ring[cpu * RING + ((h.seq - 1) & (RING - 1))] = h;
}

/* ---- what comes out ---- */

static uint64_t sum(const uint64_t *part, int n)
{
	uint64_t s = 0;

	for (int i = 0; i < n; i++)
		s += part[i];
	return s;
}

static uint64_t on_runq(const uint64_t part[WHY_PART_N])
{
	return part[WHY_PREEMPTED] + part[WHY_WOKEN] + part[WHY_THROTTLED];
}

static void node_check(const struct crit_node *n)
{
	CHECK(n->kind < CRIT_KIND_N && n->comm && n->reason && n->by.kind && n->by.name && n->count);
	CHECK(sum(n->part, WHY_CPU_N) == (n->kind == CRIT_CPU ? n->ns : 0));
}

/* Those at one depth, from i on, until one that is less deep: they add up to ns, and in time order follow each other.
 * Returns the number of the one after. */
static unsigned int nodes_check(const struct crit *c, unsigned int i, unsigned int depth, uint64_t t, uint64_t ns, bool in_time)
{
	uint64_t s = 0;

	while (i < c->n && c->node[i].depth == depth) {
		const struct crit_node *n = &c->node[i];

		node_check(n);
		CHECK(!in_time || (n->t == t + s && n->ns && n->count == 1));
		s += n->ns;
		i++;
		if (i < c->n && c->node[i].depth > depth) {
			CHECK(n->kind == CRIT_WAIT);
			i = nodes_check(c, i, depth + 1, n->t, n->ns, in_time);
		}
	}
	CHECK(s == ns && (i == c->n || c->node[i].depth < depth));
	return i;
}

static void path_check(const struct crit *c, bool in_time)
{
	CHECK(nodes_check(c, 0, 0, c->t, c->ns, in_time) == c->n);
}

static uint64_t waits_check(const struct why_wait *w, unsigned int n)
{
	uint64_t s = 0;

	for (unsigned int i = 0; i < n; i++) {
		CHECK(w[i].count && w[i].reason && w[i].by.kind && w[i].by.name && w[i].owner);
		CHECK(overflow || (w[i].max <= w[i].ns && w[i].ns / w[i].count <= w[i].max));
		CHECK(!i || w[i].ns <= w[i - 1].ns);
		s += w[i].ns;
	}
	return s;
}

static uint64_t runq_check(const struct why_runq *q, unsigned int n)
{
	uint64_t s = 0;

	for (unsigned int i = 0; i < n; i++) {
		CHECK(q[i].count && q[i].by.kind && q[i].by.name && (!i || q[i].ns <= q[i - 1].ns));
		s += q[i].ns;
	}
	return s;
}

static void result_check(const struct why *w)
{
	uint64_t part[WHY_PART_N] = { 0 }, wall = 0;

	for (unsigned int i = 0; i < w->nthreads; i++) {
		const struct why_thread *t = &w->threads[i];

		CHECK(t->comm && sum(t->part, WHY_PART_N) == t->wall);
		CHECK(waits_check(t->waits, t->nwaits) == t->part[WHY_WAIT]);
		CHECK(runq_check(t->runq, t->nrunq) == on_runq(t->part));
		for (int p = 0; p < WHY_PART_N; p++)
			part[p] += t->part[p];
		wall += t->wall;
	}
	CHECK(wall == w->wall && !memcmp(part, w->part, sizeof(part)));
	CHECK(waits_check(w->waits, w->nwaits) == w->part[WHY_WAIT]);
	CHECK(runq_check(w->runq, w->nrunq) == on_runq(w->part));
	if (!overflow)
		path_check(&w->path, false);
	path_check(&w->chain, true);
}

/* Where all its time is looked at, a thread's parts leave nothing out. */
static void threads_check(const struct why_state *st)
{
	for (size_t i = 0; i < why_store_count(st->store) && !st->opts.call; i++) {
		const struct thread *t = why_store_at(st->store, i);

		CHECK(t->helper || !t->seen || sum(t->part, WHY_PART_N) == t->last - t->first);
	}
}

/* Any window of any thread. */
static void segs_check(struct why_state *st)
{
	uint64_t from = now > 1 << 20 && byte() & 1 ? now - some_ns() : some_ns(), to = from + some_ns(), at = from;
	why_segs_t segs = { 0 };

	CHECK(!why_store_segs(st->store, some_tid(), from, to, &segs));
	for (size_t i = 0; i < segs.n; i++) {
		const struct why_seg *s = &segs.v[i];

		CHECK(s->t == at && s->ns && s->ns <= to - at && s->kind < CRIT_KIND_N);
		CHECK(s->kind != CRIT_CPU || sum(s->part, WHY_CPU_N) == s->ns);
		at += s->ns;
	}
	CHECK(at == to || from > to);
	vec_free(&segs);
}

static int on_call(void *ctx, const struct slow_call *c)
{
	(void)ctx;
	CHECK(sum(c->part, WHY_PART_N) == c->ns && c->path.t == c->t && c->path.ns == c->ns);
	path_check(&c->path, true);
	return 0;
}

/* ---- a run ---- */

static __uint128_t seen;

static void stay_take(struct why_state *st, uint8_t what)
{
	struct why_stay r = { .type = WHY_STAY };

	if (what & 8)
		stay_make(&r);
	else
		bytes(&r, sizeof(r));
	if (what & 16)
		damage(&r, sizeof(r));
	if (why_stay_check(&r, sizeof(r)))
		return;
	seen += r.run > r.off ? r.run - r.on : r.off - r.on;
	CHECK(!why_take(st, &r));
}

static void call_take(struct why_state *st, uint8_t what, bool at_once)
{
	struct why_call c = { .type = WHY_CALL, .tid = some_tid() };

	some_comm(c.comm);
	c.end = what & 8 ? now : since[c.tid - TID0];
	c.t = c.end - some_ns();
	if (what & 16)
		damage(&c, sizeof(c));
	if (why_call_check(&c, sizeof(c)))
		return;
	seen += c.end - c.t;
	CHECK(at_once ? !why_call_deliver(st, &c) : !vec_push(&st->calls, c));
}

static void run(struct why_state *st, bool at_once)
{
	while (in.n) {
		uint8_t what = byte();

		switch (what & 7) {
		case 0: segs_check(st); break;
		case 1: call_take(st, what, at_once); break;
		case 2: case 3: event_make(); break;
		default: stay_take(st, what); break;
		}
	}
	for (size_t i = 0; i < st->calls.n; i++)
		CHECK(!why_call_deliver(st, &st->calls.v[i]));
	CHECK(!why_top_deliver(st));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct feed feed = { .call = on_call };
	struct why_state st = { .opts.call_nr = -1, .feed = &feed, .stacks = stacks, .devs = devs };
	struct summary out;
	uint8_t how;

	in.at = data;
	in.n = size;
	memset(ring, 0, sizeof(ring));
	memset(ends, 0, sizeof(ends));
	now = 1 << 30;
	for (int i = 0; i < TIDS; i++)
		since[i] = now;
	seen = 0;
	how = byte();
	st.opts.call = how & OF_CALLS ? "fsync" : NULL;
	st.opts.top = how & OF_TOP ? 2 : 0;
	st.store = why_store_new();
	st.result = why_result_new();
	CHECK(st.store && st.result);
	st.start = now;
	if (how & OF_HISTORY)
		st.history = (struct why_history){ .ring = ring, .seq = ends, .size = RING, .ncpus = CPUS, .begin = now };
	run(&st, how & AT_ONCE);
	overflow = seen >> 64 != 0;
	threads_check(&st);
	for (int i = 0; i < 2; i++) { /* of an interval, then the last one */
		CHECK(!why_result_make(&st, &out, false) && out.why);
		result_check(out.why);
	}
	why_result_free(st.result);
	why_store_free(st.store);
	why_tab_free(&st.waits);
	why_tab_free(&st.runq);
	vec_free(&st.calls);
	return 0;
}
