/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The critical path, its merged tree, and what the history of switches and wake-ups tells. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "path/why/why_hist.h"
#include "path/why/why_walk.h"

/* xorshift64*: the same numbers everywhere */
static uint64_t rnd_state;

static uint64_t rnd(uint64_t below)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return (rnd_state * 0x2545f4914f6cdd1d >> 33) % below;
}

static void rnd_seed(uint64_t seed)
{
	rnd_state = seed * 0x9e3779b97f4a7c15 + 1;
}

/* ---- a model of threads ---- */

enum { THREADS = 10 };

struct model {
	why_segs_t thread[THREADS]; /* tid - 1; in time order */
	bool hostile;
	size_t windows, pieces, most; /* asked for; given; the most of one */
};

static const char *const tid_names[] = { "", "main", "worker", "third", "io", "e", "f", "g", "h", "i", "j" };

static void model_free(struct model *m)
{
	for (int i = 0; i < THREADS; i++)
		vec_free(&m->thread[i]);
}

/* Wrong in any way that a broken record could be. */
static void spoil(struct why_seg *s)
{
	switch (rnd(12)) {
	case 0: s->t = rnd(4000); break;
	case 1: s->ns += rnd(300); break;
	case 2: s->ns = 0; break;
	case 3: s->ns = UINT64_MAX - rnd(100); break;
	case 4: s->t -= rnd(50); break;
	case 5: s->kind = (enum crit_kind)(CRIT_KIND_N + rnd(5)); break;
	case 6: s->part[rnd(WHY_CPU_N)] = UINT64_MAX; break;
	case 7: s->part[rnd(WHY_CPU_N)] = rnd(20); break;
	case 8: s->t = UINT64_MAX - rnd(100); break;
	case 9: s->by_tid = (uint32_t)rnd(UINT32_MAX); break;
	default: break;
	}
}

static int model_segs(void *ctx, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out)
{
	struct model *m = ctx;
	const why_segs_t *all = tid - 1 < THREADS ? &m->thread[tid - 1] : NULL;
	size_t lo = 0, hi = all ? all->n : 0, begin = out->n;

	while (lo < hi) { /* the first that ends after from */
		size_t mid = lo + (hi - lo) / 2;
		if (all->v[mid].t + all->v[mid].ns > from)
			hi = mid;
		else
			lo = mid + 1;
	}
	for (; all && lo < all->n && all->v[lo].t < to; lo++) {
		struct why_seg s = all->v[lo]; /* not clipped when hostile */
		if (!m->hostile) {
			uint64_t end = s.t + s.ns < to ? s.t + s.ns : to;
			s.t = s.t > from ? s.t : from;
			s.ns = end - s.t;
		} else {
			spoil(&s);
		}
		if (m->hostile && !rnd(10))
			continue;
		if (vec_push(out, s))
			return -ENOMEM;
	}
	m->windows++;
	m->pieces += out->n - begin;
	m->most = m->most > out->n - begin ? m->most : out->n - begin;
	return 0;
}

static void model_name(void *ctx, const struct why_seg *s, struct crit_node *n)
{
	static const char *const reasons[] = { "pipe", "futex", "read", "mutex" };
	static char copies[2][4][8];
	static int turn;

	if (!copies[0][0][0])
		for (int i = 0; i < 8; i++)
			memcpy(copies[i / 4][i % 4], reasons[i % 4], strlen(reasons[i % 4]));
	n->comm = n->tid <= THREADS ? tid_names[n->tid] : "stranger";
	n->pid = n->tid;
	n->reason = s->kind == CRIT_UNKNOWN ? "unknown" : s->site ? copies[turn ^= 1][s->site % 4] : "";
	if (s->by_tid) {
		n->by = (struct ender){ "task", s->by_tid <= THREADS ? tid_names[s->by_tid] : "stranger", s->by_tid, s->by_tid };
	} else if (s->kind == CRIT_WAIT) {
		n->by.kind = s->context == WHY_BY_DEVICE ? "device" : "timer";
	}
}

static void model_add(struct model *m, uint32_t tid, uint64_t ns, enum crit_kind kind, uint32_t by, uint64_t site)
{
	why_segs_t *all = &m->thread[tid - 1];
	struct why_seg s = { .t = all->n ? all->v[all->n - 1].t + all->v[all->n - 1].ns : 0, .ns = ns, .kind = kind, .by_tid = by,
			     .site = site };

	if (kind == CRIT_CPU) {
		s.part[WHY_USER] = ns / 2;
		s.part[WHY_IRQ] = ns - ns / 2;
	}
	assert_int_equal(vec_push(all, s), 0);
}

static void model_random(struct model *m, uint64_t length)
{
	for (uint32_t tid = 1; tid <= THREADS; tid++) {
		uint64_t mean = 1 + rnd(200);
		for (uint64_t t = 0; t < length;) {
			uint64_t ns = 1 + rnd(mean);
			if (rnd(20)) {
				enum crit_kind kind = (enum crit_kind)rnd(CRIT_KIND_N + 1);
				bool wait = kind >= CRIT_UNKNOWN ? rnd(3) : kind == CRIT_WAIT;
				model_add(m, tid, ns, wait ? CRIT_WAIT : kind > CRIT_UNKNOWN ? CRIT_UNKNOWN : kind,
					  wait && rnd(4) ? (uint32_t)rnd(THREADS + 2) : 0, rnd(5));
			} else { /* a hole */
				model_add(m, tid, ns, CRIT_CPU, 0, 0);
				m->thread[tid - 1].v[m->thread[tid - 1].n - 1].ns = 1;
				m->thread[tid - 1].v[m->thread[tid - 1].n - 1].part[WHY_USER] = 0;
				m->thread[tid - 1].v[m->thread[tid - 1].n - 1].part[WHY_IRQ] = 1;
				m->thread[tid - 1].v[m->thread[tid - 1].n - 1].t += ns - 1;
			}
			t += ns;
		}
	}
}

/* ---- what must hold of any path ---- */

static void check_node(const struct crit_node *n)
{
	uint64_t sum = 0;

	assert_true(n->ns > 0);
	assert_true(n->kind < CRIT_KIND_N);
	assert_true(n->depth <= WALK_DEPTH);
	assert_int_equal(n->count, 1);
	for (int i = 0; i < WHY_CPU_N; i++) {
		assert_true(n->part[i] <= n->ns);
		sum += n->part[i];
	}
	assert_int_equal(sum, n->kind == CRIT_CPU ? n->ns : 0);
}

/* Nodes of depth 0 tile the window, those below a node tile it. Returns the waits for a task that have no nodes below. */
static uint64_t check_path(const struct crit_node *v, size_t n, uint32_t tid, uint64_t from, uint64_t to)
{
	uint64_t at[WALK_DEPTH + 2] = { from }, end[WALK_DEPTH + 2] = { to }, cut = 0;
	uint32_t tids[WALK_DEPTH + 2] = { tid };
	enum crit_kind last[WALK_DEPTH + 2] = { CRIT_CPU };
	unsigned int open = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = v[i].depth;
		bool below = i + 1 < n && v[i + 1].depth > d, waits_for = v[i].kind == CRIT_WAIT && v[i].by.tid;

		check_node(&v[i]);
		assert_true(d <= open);
		for (; open > d; open--)
			assert_int_equal(at[open], end[open]);
		assert_int_equal(v[i].t, at[d]);
		assert_int_equal(v[i].tid, tids[d]);
		assert_true(v[i].kind != CRIT_UNKNOWN || last[d] != CRIT_UNKNOWN);
		last[d] = v[i].kind;
		at[d] += v[i].ns;
		assert_true(at[d] <= end[d]);
		assert_true(!below || (waits_for && v[i + 1].depth == d + 1));
		cut += waits_for && !below;
		if (!below)
			continue;
		open = d + 1;
		at[open] = v[i].t;
		end[open] = v[i].t + v[i].ns;
		last[open] = CRIT_CPU;
		tids[open] = v[i].by.tid;
		for (unsigned int k = 0; k <= d; k++)
			assert_true(tids[k] != tids[open]);
	}
	for (; open; open--)
		assert_int_equal(at[open], end[open]);
	assert_int_equal(at[0], to);
	return cut;
}

/* ---- the merged tree, against a simple and slow merge ---- */

struct ref { int parent; struct crit_node n; uint64_t largest, below; };
typedef VEC(struct ref) refs_t;

static bool ref_same(const struct crit_node *a, const struct crit_node *b)
{
	return a->kind == b->kind && !strcmp(a->comm, b->comm) && !strcmp(a->reason, b->reason) &&
	       !strcmp(a->by.kind, b->by.kind) && !strcmp(a->by.name, b->by.name);
}

static int ref_find(const refs_t *r, int parent, const struct crit_node *n)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].parent == parent && ref_same(&r->v[i].n, n))
			return (int)i;
	return -1;
}

static void ref_add(refs_t *r, const struct crit_node *v, size_t n)
{
	int way[WALK_DEPTH + 2] = { -1 };

	for (size_t i = 0; i < n; i++) {
		int parent = way[v[i].depth], at = ref_find(r, parent, &v[i]);
		if (at < 0) {
			assert_int_equal(vec_push(r, (struct ref){ .parent = parent, .n = v[i] }), 0);
			at = (int)r->n - 1;
			r->v[at].n.ns = r->v[at].n.count = 0;
			memset(r->v[at].n.part, 0, sizeof(r->v[at].n.part));
		}
		if (v[i].ns > r->v[at].largest) {
			r->v[at].largest = v[i].ns;
			r->v[at].n.tid = v[i].tid;
			r->v[at].n.by.tid = v[i].by.tid;
		}
		r->v[at].n.ns += v[i].ns;
		r->v[at].n.count++;
		for (int k = 0; k < WHY_CPU_N; k++)
			r->v[at].n.part[k] += v[i].part[k];
		if (parent >= 0)
			r->v[parent].below += v[i].ns;
		way[v[i].depth + 1] = at;
	}
}

/* Sums, order, and that children tile. */
static void check_tree(const struct why_tree *t, const refs_t *r, uint64_t ns)
{
	crit_nodes_t out = { 0 };
	int way[WALK_DEPTH + 2] = { -1 };
	uint64_t left[WALK_DEPTH + 2] = { ns }, last[WALK_DEPTH + 2] = { UINT64_MAX };
	unsigned int open = 0;
	size_t seen = 0;

	assert_int_equal(why_tree_nodes(t, &out), 0);
	for (size_t i = 0; i < out.n; i++) {
		const struct crit_node *n = &out.v[i];
		unsigned int d = n->depth;
		int at = ref_find(r, way[d], n);

		assert_true(d <= open);
		for (; open > d; open--)
			assert_int_equal(left[open], 0);
		assert_int_equal(n->t, 0);
		assert_true(n->ns <= last[d]);
		assert_true(n->ns <= left[d]);
		last[d] = n->ns;
		left[d] -= n->ns;
		if (!strcmp(n->reason, "not followed")) {
			assert_int_equal(n->kind, CRIT_UNKNOWN);
			assert_int_equal(n->ns, r->v[way[d]].n.ns - r->v[way[d]].below);
			assert_true(n->count > 0 && n->count < r->v[way[d]].n.count);
			continue;
		}
		assert_true(at >= 0);
		seen++;
		assert_int_equal(n->ns, r->v[at].n.ns);
		assert_int_equal(n->count, r->v[at].n.count);
		assert_int_equal(n->tid, r->v[at].n.tid);
		assert_int_equal(n->by.tid, r->v[at].n.by.tid);
		assert_memory_equal(n->part, r->v[at].n.part, sizeof(n->part));
		way[d + 1] = at;
		if (i + 1 < out.n && out.v[i + 1].depth == d + 1) {
			open = d + 1;
			left[open] = n->ns;
			last[open] = UINT64_MAX;
		} else {
			assert_int_equal(r->v[at].below, 0);
		}
	}
	for (; open; open--)
		assert_int_equal(left[open], 0);
	assert_int_equal(left[0], 0);
	assert_int_equal(seen, r->n);
	vec_free(&out);
}

static void test_any_path(void **state)
{
	static const size_t room[] = { 0, 1, 7, 40, 300, WALK_NODES };

	(void)state;
	for (unsigned int seed = 1; seed <= 600; seed++) {
		struct model m = { .hostile = seed % 3 == 0 };
		struct why_view view = { model_segs, NULL, model_name, &m, &m };
		struct why_tree *t = why_tree_new();
		crit_nodes_t out = { 0 };
		refs_t r = { 0 };
		uint64_t ns = 0;

		rnd_seed(seed);
		assert_non_null(t);
		model_random(&m, 50 + rnd(1000));
		for (int walk = 0; walk < 4; walk++) {
			size_t begin = out.n, most = room[rnd(sizeof(room) / sizeof(room[0]))];
			uint32_t tid = 1 + (uint32_t)rnd(THREADS + 1);
			uint64_t from = rnd(1000), to = from + rnd(400), cut = 0;

			m.windows = m.pieces = m.most = 0;
			assert_int_equal(why_walk(&view, tid, from, to, most, &out, &cut), 0);
			/* each piece and each hole is one node; beyond the room there is a window of each depth at most */
			assert_true(out.n - begin <= 2 * m.pieces + m.windows);
			assert_true(out.n - begin <= most + (WALK_DEPTH + 1) * (2 * m.most + 1));
			assert_int_equal(check_path(out.v + begin, out.n - begin, tid, from, to), cut);
			ns += to - from;
			assert_int_equal(why_tree_add(t, out.v + begin, out.n - begin), 0);
			ref_add(&r, out.v + begin, out.n - begin);
			if (!most)
				for (size_t i = begin; i < out.n; i++)
					assert_int_equal(out.v[i].depth, 0);
		}
		check_tree(t, &r, ns);
		why_tree_free(t);
		vec_free(&out);
		vec_free(&r);
		model_free(&m);
	}
}

/* Between any two pieces. */
static uint64_t model_slice(void *ctx, uint32_t tid, uint64_t from, uint64_t to)
{
	why_segs_t segs = { 0 };
	uint64_t end = to;

	assert_int_equal(model_segs(ctx, tid, from, to, &segs), 0);
	if (segs.n > 1)
		end = segs.v[1 + rnd(segs.n - 1)].t;
	vec_free(&segs);
	return end;
}

/* What is unknown may have been cut. */
static void unknown_join(crit_nodes_t *v)
{
	size_t to = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct crit_node *last = to ? &v->v[to - 1] : NULL;

		if (last && last->kind == CRIT_UNKNOWN && v->v[i].kind == CRIT_UNKNOWN && last->depth == v->v[i].depth)
			last->ns += v->v[i].ns;
		else
			v->v[to++] = v->v[i];
	}
	v->n = to;
}

/* The same path, whether a window's pieces are all there at once or not. */
static void test_slices(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 200; seed++) {
		struct model m = { 0 };
		struct why_view whole = { model_segs, NULL, model_name, &m, &m }, cut = { model_segs, model_slice, model_name, &m, &m };
		crit_nodes_t a = { 0 }, b = { 0 };
		uint64_t cuts[2] = { 0 };

		rnd_seed(seed);
		model_random(&m, 50 + rnd(1000));
		assert_int_equal(why_walk(&whole, 1, 10, 900, WALK_NODES, &a, &cuts[0]), 0);
		assert_int_equal(why_walk(&cut, 1, 10, 900, WALK_NODES, &b, &cuts[1]), 0);
		assert_int_equal(cuts[0], cuts[1]);
		unknown_join(&a);
		unknown_join(&b);
		assert_int_equal(check_path(b.v, b.n, 1, 10, 900), cuts[1]);
		assert_int_equal(a.n, b.n);
		for (size_t i = 0; i < a.n; i++) {
			assert_int_equal(a.v[i].t, b.v[i].t);
			assert_int_equal(a.v[i].ns, b.v[i].ns);
			assert_int_equal(a.v[i].kind, b.v[i].kind);
			assert_int_equal(a.v[i].depth, b.v[i].depth);
			assert_int_equal(a.v[i].tid, b.v[i].tid);
		}
		vec_free(&a);
		vec_free(&b);
		model_free(&m);
	}
}

/* main waits for worker, which waits for a device, for itself, and for main. */
static void test_path(void **state)
{
	static const struct crit_node want[] = {
		{ .kind = CRIT_CPU, .t = 0, .ns = 10, .tid = 1 },
		{ .kind = CRIT_WAIT, .t = 10, .ns = 80, .tid = 1 },
		{ .kind = CRIT_CPU, .depth = 1, .t = 10, .ns = 10, .tid = 2 },
		{ .kind = CRIT_WAIT, .depth = 1, .t = 20, .ns = 30, .tid = 2 },
		{ .kind = CRIT_WAIT, .depth = 1, .t = 50, .ns = 5, .tid = 2 },
		{ .kind = CRIT_WAIT, .depth = 1, .t = 55, .ns = 5, .tid = 2 },
		{ .kind = CRIT_WAIT, .depth = 1, .t = 60, .ns = 10, .tid = 2 },
		{ .kind = CRIT_UNKNOWN, .depth = 2, .t = 60, .ns = 10, .tid = 99 },
		{ .kind = CRIT_RUNQ, .depth = 1, .t = 70, .ns = 5, .tid = 2 },
		{ .kind = CRIT_UNKNOWN, .depth = 1, .t = 75, .ns = 15, .tid = 2 },
		{ .kind = CRIT_CPU, .t = 90, .ns = 5, .tid = 1 },
	};
	struct model m = { 0 };
	struct why_view view = { model_segs, NULL, model_name, &m, &m };
	crit_nodes_t out = { 0 };
	uint64_t cut = 0;

	(void)state;
	model_add(&m, 1, 10, CRIT_CPU, 0, 0);
	model_add(&m, 1, 80, CRIT_WAIT, 2, 1);
	model_add(&m, 1, 20, CRIT_CPU, 0, 0);
	model_add(&m, 2, 20, CRIT_CPU, 0, 0);
	model_add(&m, 2, 30, CRIT_WAIT, 0, 2);
	model_add(&m, 2, 5, CRIT_WAIT, 2, 2);
	model_add(&m, 2, 5, CRIT_WAIT, 1, 2);
	model_add(&m, 2, 10, CRIT_WAIT, 99, 2);
	model_add(&m, 2, 5, CRIT_RUNQ, 3, 0);
	model_add(&m, 2, 5, CRIT_UNKNOWN, 0, 0);
	model_add(&m, 2, 5, CRIT_UNKNOWN, 0, 0); /* and 5 more that are missing */
	assert_int_equal(why_walk(&view, 1, 0, 95, WALK_NODES, &out, &cut), 0);
	assert_int_equal(cut, 2);
	assert_int_equal(out.n, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < out.n; i++) {
		assert_int_equal(out.v[i].kind, want[i].kind);
		assert_int_equal(out.v[i].depth, want[i].depth);
		assert_int_equal(out.v[i].t, want[i].t);
		assert_int_equal(out.v[i].ns, want[i].ns);
		assert_int_equal(out.v[i].tid, want[i].tid);
	}
	assert_int_equal(out.v[10].part[WHY_USER] + out.v[10].part[WHY_IRQ], 5);
	assert_string_equal(out.v[1].by.name, "worker");
	/* nothing of an empty window */
	assert_int_equal(why_walk(&view, 1, 5, 5, WALK_NODES, &out, &cut), 0);
	assert_int_equal(why_walk(&view, 1, 6, 5, WALK_NODES, &out, &cut), 0);
	assert_int_equal(out.n, sizeof(want) / sizeof(want[0]));
	vec_free(&out);
	model_free(&m);
}

/* Each waits all the time for the next: as deep as there are threads, or as the walk goes. */
static int chain_segs(void *ctx, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out)
{
	return vec_push(out, (struct why_seg){ .t = from, .ns = to - from, .kind = CRIT_WAIT, .by_tid = tid + 1 });
}

static int failing_segs(void *ctx, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out)
{
	return tid == 3 ? -ENOMEM : chain_segs(ctx, tid, from, to, out);
}

static void test_path_limits(void **state)
{
	struct why_view view = { chain_segs, NULL, model_name, NULL, NULL };
	crit_nodes_t out = { 0 };
	uint64_t cut = 0;

	(void)state;
	assert_int_equal(why_walk(&view, 1, 0, 10, WALK_NODES, &out, &cut), 0);
	assert_int_equal(out.n, WALK_DEPTH + 1);
	assert_int_equal(out.v[out.n - 1].depth, WALK_DEPTH);
	assert_int_equal(cut, 1);
	out.n = 0;
	assert_int_equal(why_walk(&view, 1, 0, 10, 5, &out, &cut), 0);
	assert_int_equal(out.n, 5);
	assert_int_equal(cut, 2);
	view.segs = failing_segs; /* nothing of what had been found by then */
	assert_int_equal(why_walk(&view, 1, 0, 10, WALK_NODES, &out, &cut), -ENOMEM);
	assert_int_equal(out.n, 5);
	vec_free(&out);
}

/* Many pieces, and many names: neither takes quadratic time, which the test would not live to see the end of. */
static void test_many(void **state)
{
	enum { MANY = 100000 };
	static char names[MANY][8];
	struct model m = { 0 };
	struct why_view view = { model_segs, NULL, model_name, &m, &m };
	struct why_tree *t = why_tree_new();
	crit_nodes_t out = { 0 };
	uint64_t cut = 0;

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < MANY; i++) {
		model_add(&m, 1, 2, i % 2 ? CRIT_WAIT : CRIT_CPU, i % 2 ? 2 : 0, 1);
		model_add(&m, 2, 2, i % 3 ? CRIT_CPU : CRIT_UNKNOWN, 0, 1);
	}
	assert_int_equal(why_walk(&view, 1, 0, 2 * MANY, SIZE_MAX, &out, &cut), 0);
	assert_int_equal(out.n, MANY + MANY / 2);
	assert_int_equal(check_path(out.v, out.n, 1, 0, 2 * MANY), cut);
	out.n = 0;
	assert_int_equal(why_walk(&view, 1, 0, 2 * MANY, WALK_NODES, &out, &cut), 0);
	assert_int_equal(check_path(out.v, out.n, 1, 0, 2 * MANY), cut);
	assert_true(cut > 0);
	out.n = 0;
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		assert_int_equal(vec_push(&out, (struct crit_node){ .kind = CRIT_RUNQ, .ns = 1 + (uint64_t)i / 2, .count = 1,
				 .comm = names[i], .reason = "woken", .by = { .kind = "", .name = "" } }), 0);
	}
	assert_int_equal(why_tree_add(t, out.v, out.n), 0);
	assert_int_equal(why_tree_add(t, out.v, out.n), 0);
	out.n = 0;
	assert_int_equal(why_tree_nodes(t, &out), 0);
	assert_int_equal(out.n, MANY);
	for (int i = 0; i < MANY; i++) { /* of two of one size the one that came first */
		assert_int_equal(out.v[i].ns, 2 * (1 + (MANY - 1 - i) / 2));
		assert_string_equal(out.v[i].comm, names[(MANY - 1 - i) ^ 1]);
	}
	why_tree_free(t);
	vec_free(&out);
	model_free(&m);
}

/* A tree of none; a wait that was taken apart once of twice; nodes that no walk makes. */
static void test_tree(void **state)
{
	static const struct stack stack;
	static const struct crit_node a[] = {
		{ .kind = CRIT_WAIT, .t = 5, .ns = 30, .count = 1, .pid = 7, .tid = 8, .comm = "main", .reason = "futex",
		  .by = { "task", "w", 20, 21 }, .stack = &stack },
		{ .kind = CRIT_CPU, .depth = 1, .t = 5, .ns = 30, .count = 1, .tid = 21, .comm = "w", .reason = "",
		  .by = { "", "", 0, 0 }, .part = { 10, 20 } },
		{ .kind = CRIT_WAIT, .t = 35, .ns = 70, .count = 1, .pid = 7, .tid = 9, .comm = "main", .reason = "futex",
		  .by = { "task", "w", 20, 22 } },
		{ .kind = CRIT_CPU, .depth = 3, .t = 35, .ns = 70, .count = 1, .comm = "x", .reason = "", .by = { "", "", 0, 0 } },
	};
	struct why_tree *t = why_tree_new();
	crit_nodes_t out = { 0 };

	(void)state;
	assert_non_null(t);
	assert_int_equal(why_tree_nodes(t, &out), 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(why_tree_add(t, a, 4), 0);
	assert_int_equal(why_tree_nodes(t, &out), 0);
	assert_int_equal(out.n, 3);
	assert_int_equal(out.v[0].ns, 100);
	assert_int_equal(out.v[0].count, 2);
	assert_int_equal(out.v[0].tid, 9);
	assert_int_equal(out.v[0].by.tid, 22);
	assert_null(out.v[0].stack);
	assert_string_equal(out.v[1].reason, "not followed");
	assert_int_equal(out.v[1].kind, CRIT_UNKNOWN);
	assert_int_equal(out.v[1].ns, 70);
	assert_int_equal(out.v[1].count, 1);
	assert_int_equal(out.v[1].tid, 22);
	assert_int_equal(out.v[2].kind, CRIT_CPU);
	assert_int_equal(out.v[2].part[WHY_KERNEL], 20);
	why_tree_free(t);
	why_tree_free(NULL);
	vec_free(&out);
}

/* ---- history: a scheduler that writes down what it does, and the truth ---- */

enum { CPUS = 4, TASKS = 9, RING_MOST = 4096 };

struct truth {
	why_segs_t task[TASKS];     /* tid - 1; CRIT_UNKNOWN: there was none */
	VEC(struct why_ran) cpu[CPUS];
	struct why_hist ring[CPUS * RING_MOST];
	struct why_hist_end seq[CPUS];
	uint32_t current[CPUS], size;
	struct why_history h;
	uint64_t t;
	bool vain;                  /* tasks are woken that had set their state, and were preempted before they slept */
};

static void truth_change(struct truth *w, uint32_t tid, struct why_seg next)
{
	why_segs_t *all = &w->task[tid - 1];

	next.t = w->t;
	if (all->n)
		all->v[all->n - 1].ns = w->t - all->v[all->n - 1].t;
	assert_int_equal(vec_push(all, next), 0);
}

static struct why_seg *truth_last(const struct truth *w, uint32_t tid)
{
	return &w->task[tid - 1].v[w->task[tid - 1].n - 1];
}

static void truth_write(struct truth *w, uint32_t cpu, struct why_hist e)
{
	e.t = w->t;
	e.seq = ++w->seq[cpu].seq;
	if (e.seq)
		w->ring[cpu * w->size + ((e.seq - 1) & (w->size - 1))] = e;
}

static uint32_t truth_pick(const struct truth *w, enum crit_kind kind)
{
	uint32_t begin = (uint32_t)rnd(TASKS);

	for (uint32_t i = 0; i < TASKS; i++)
		if (truth_last(w, 1 + (begin + i) % TASKS)->kind == kind)
			return 1 + (begin + i) % TASKS;
	return 0;
}

static void truth_wake(struct truth *w, uint32_t cpu, uint32_t tid, bool changes)
{
	struct why_hist e = { .event = WHY_EV_WAKE, .b = tid, .context = WHY_BY_TIMER };
	struct why_seg *wait = truth_last(w, tid);
	bool fresh = wait->kind == CRIT_UNKNOWN;

	if (w->current[cpu] && rnd(3)) {
		e.context = WHY_BY_TASK;
		e.a = w->current[cpu];
	}
	if (fresh)
		e.how = WHY_OFF_NEW;
	if (changes) {
		wait->context = e.context;
		wait->by_tid = e.a;
		truth_change(w, tid, (struct why_seg){ .kind = CRIT_RUNQ, .how = fresh ? WHY_OFF_NEW : WHY_OFF_BLOCKED });
	}
	truth_write(w, cpu, e);
}

static void truth_switch(struct truth *w, uint32_t cpu)
{
	static const uint8_t hows[] = { WHY_OFF_BLOCKED, WHY_OFF_BLOCKED, WHY_OFF_BLOCKED, WHY_OFF_PREEMPTED, WHY_OFF_THROTTLED,
					WHY_OFF_DEAD };
	uint32_t prev = w->current[cpu], next = truth_pick(w, CRIT_RUNQ);
	struct why_hist e = { .event = WHY_EV_SWITCH, .a = prev, .b = next, .how = hows[rnd(rnd(8) ? 5 : 6)] };

	if (prev == next)
		return;
	if (prev && e.how == WHY_OFF_BLOCKED && !rnd(6)) { /* it is woken in the middle of it, by another CPU */
		truth_wake(w, (cpu + 1) % CPUS, prev, false);
		w->t++;
		truth_change(w, prev, (struct why_seg){ .kind = CRIT_RUNQ, .how = WHY_OFF_BLOCKED });
	} else if (prev) {
		enum crit_kind kind = e.how == WHY_OFF_BLOCKED ? CRIT_WAIT : e.how == WHY_OFF_DEAD ? CRIT_UNKNOWN : CRIT_RUNQ;
		truth_change(w, prev, (struct why_seg){ .kind = kind, .how = e.how, .by_tid = kind == CRIT_RUNQ ? next : 0 });
	}
	if (next)
		truth_change(w, next, (struct why_seg){ .kind = CRIT_CPU });
	if (w->cpu[cpu].n)
		w->cpu[cpu].v[w->cpu[cpu].n - 1].ns = w->t; /* where it ends */
	assert_int_equal(vec_push(&w->cpu[cpu], (struct why_ran){ UINT64_MAX, next }), 0);
	w->current[cpu] = next;
	truth_write(w, cpu, e);
}

static struct truth *truth_new(uint32_t size, uint32_t first)
{
	struct truth *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = 1000;
	w->size = size;
	w->h = (struct why_history){ .ring = w->ring, .seq = w->seq, .size = size, .ncpus = CPUS, .begin = 1000 };
	for (uint32_t i = 0; i < TASKS; i++)
		truth_change(w, i + 1, (struct why_seg){ .kind = i % 3 ? CRIT_WAIT : CRIT_RUNQ });
	for (uint32_t c = 0; c < CPUS; c++) {
		w->seq[c].seq = first;
		assert_int_equal(vec_push(&w->cpu[c], (struct why_ran){ UINT64_MAX, 0 }), 0);
	}
	return w;
}

static void truth_run(struct truth *w, unsigned int steps)
{
	while (steps--) {
		uint32_t cpu = (uint32_t)rnd(rnd(4) ? CPUS : 2), tid;

		w->t += 2 + 2 * rnd(10) + w->t % 2; /* odd times are those after a wake-up in the middle of a switch */
		if (rnd(2)) {
			truth_switch(w, cpu);
		} else {
			tid = truth_pick(w, rnd(10) ? CRIT_WAIT : CRIT_UNKNOWN);
			if (tid)
				truth_wake(w, cpu, tid, true);
			else if (w->vain && (tid = truth_pick(w, CRIT_RUNQ)) && truth_last(w, tid)->how == WHY_OFF_PREEMPTED)
				truth_wake(w, cpu, tid, false);
		}
	}
	w->t += 10 + w->t % 2;
	for (uint32_t i = 0; i < TASKS; i++)
		truth_last(w, i + 1)->ns = w->t - truth_last(w, i + 1)->t;
}

static void truth_free(struct truth *w)
{
	for (uint32_t i = 0; i < TASKS; i++)
		vec_free(&w->task[i]);
	for (uint32_t i = 0; i < CPUS; i++)
		vec_free(&w->cpu[i]);
	free(w);
}

/* What it says is true. Returns how much it does not say, though there was something to say. */
static uint64_t check_segs(struct truth *w, uint32_t tid, uint64_t from, uint64_t to)
{
	const why_segs_t *all = &w->task[tid - 1];
	why_segs_t out = { 0 };
	uint64_t at = from, unknown = 0;
	size_t k = 0;

	assert_int_equal(why_history_segs(&w->h, tid, from, to, &out), 0);
	for (size_t i = 0; i < out.n; i++) {
		const struct why_seg *s = &out.v[i];

		assert_int_equal(s->t, at);
		assert_true(s->ns > 0);
		at += s->ns;
		assert_true(at <= to);
		assert_int_equal(s->part[WHY_KERNEL], s->kind == CRIT_CPU ? s->ns : 0);
		assert_int_equal(s->nr, WHY_NR_UNKNOWN);
		for (; k < all->n && all->v[k].t < at; k++) { /* all pieces of the truth that it touches */
			const struct why_seg *real = &all->v[k];
			uint64_t begin = real->t > s->t ? real->t : s->t;
			uint64_t end = real->t + real->ns < at ? real->t + real->ns : at;

			if (begin < end && s->kind == CRIT_UNKNOWN && real->kind != CRIT_UNKNOWN)
				unknown += end - begin;
			if (begin < end && s->kind != CRIT_UNKNOWN) {
				assert_int_equal(s->kind, real->kind);
				if (s->kind == CRIT_WAIT && s->context) {
					assert_int_equal(s->context, real->context);
					assert_int_equal(s->by_tid, real->by_tid);
				}
				if (s->kind == CRIT_RUNQ && s->how != WHY_OFF_BLOCKED) {
					assert_int_equal(s->how, real->how);
					assert_int_equal(s->by_tid, real->by_tid);
				}
			}
			if (real->t + real->ns > at)
				break;
		}
	}
	assert_int_equal(at, to);
	vec_free(&out);
	return unknown;
}

static uint64_t check_ran(struct truth *w, uint32_t cpu, uint64_t from, uint64_t to)
{
	why_rans_t out = { 0 };
	uint64_t at = from, unknown = 0;
	size_t k = 0;

	assert_int_equal(why_history_ran(&w->h, cpu, from, to, &out), 0);
	for (size_t i = 0; i < out.n; i++) {
		assert_true(out.v[i].ns > 0);
		if (out.v[i].tid == WHY_RAN_UNKNOWN) {
			unknown += out.v[i].ns;
		} else {
			while (w->cpu[cpu].v[k].ns <= at)
				k++;
			assert_int_equal(out.v[i].tid, w->cpu[cpu].v[k].tid);
			assert_true(at + out.v[i].ns <= w->cpu[cpu].v[k].ns);
		}
		at += out.v[i].ns;
	}
	assert_int_equal(at, to);
	vec_free(&out);
	return unknown;
}

/* A number that is not there any more, or not yet. */
static void truth_tear(struct truth *w)
{
	struct why_hist *e = &w->ring[rnd(CPUS * w->size)];

	switch (rnd(3)) {
	case 0: e->seq = 0; break;
	case 1: e->seq += w->size; break;
	case 2: e->seq -= w->size; break;
	}
}

static void test_history(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 400; seed++) {
		static const uint32_t sizes[] = { 2, 8, 64, 256, RING_MOST };
		uint32_t size = sizes[seed % 5];
		struct truth *w;
		bool whole;

		rnd_seed(seed);
		w = truth_new(size, rnd(4) ? 0 : (uint32_t)-rnd(300)); /* numbers wrap */
		whole = size == RING_MOST && !w->seq[0].seq;
		w->vain = whole && rnd(2); /* as the first event of a window it would look like any other */
		truth_run(w, 100 + (unsigned int)rnd(1500));
		for (uint64_t n = rnd(3) || whole ? 0 : 1 + rnd(20); n; n--)
			truth_tear(w);
		if (!rnd(4) && !whole)
			w->h.begin = 0;
		for (int q = 0; q < 60; q++) {
			uint64_t back = 1 + rnd(rnd(2) ? 300 : w->t - 1000), from = (w->t - back) & ~1ULL, to = from + 1 + rnd(back);
			uint32_t tid = 1 + (uint32_t)rnd(TASKS), cpu = (uint32_t)rnd(CPUS);
			uint64_t ran = check_ran(w, cpu, from, to);

			assert_true(!whole || !ran || w->cpu[cpu].n == 1); /* nothing was lost, but who began */
			if (!w->vain)
				check_segs(w, tid, from, to);
		}
		if (whole)
			for (uint32_t tid = 1; tid <= TASKS; tid++)
				if (w->task[tid - 1].n > 4) /* but for the last piece, of which nothing tells afterwards */
					assert_int_equal(check_segs(w, tid, 1000, truth_last(w, tid)->t), 0);
		truth_free(w);
	}
}

/* ---- history: case by case ---- */

struct rings { struct why_hist v[2 * 8]; struct why_hist_end seq[2]; struct why_history h; };

static void rings_init(struct rings *r)
{
	*r = (struct rings){ 0 };
	r->h = (struct why_history){ .ring = r->v, .seq = r->seq, .size = 8, .ncpus = 2, .begin = 1 };
}

static struct why_hist *rings_add(struct rings *r, uint32_t cpu, struct why_hist e)
{
	struct why_hist *at = &r->v[cpu * 8 + (r->seq[cpu].seq & 7)];

	e.seq = ++r->seq[cpu].seq;
	*at = e;
	return at;
}

static struct why_hist *on(struct rings *r, uint32_t cpu, uint64_t t, uint32_t prev, uint32_t next, int how)
{
	return rings_add(r, cpu, (struct why_hist){ .t = t, .event = WHY_EV_SWITCH, .a = prev, .b = next, .how = (uint8_t)how });
}

static struct why_hist *wake(struct rings *r, uint32_t cpu, uint64_t t, uint32_t waker, uint32_t wakee)
{
	return rings_add(r, cpu, (struct why_hist){ .t = t, .event = WHY_EV_WAKE, .context = waker ? WHY_BY_TASK : WHY_BY_DEVICE,
						    .a = waker, .b = wakee, .dev = waker ? 0 : 7, .write = !waker });
}

/* "cpu 10, wait 20" and so on, so that a case is one line. */
static void segs_are(struct rings *r, uint32_t tid, uint64_t from, uint64_t to, const char *want)
{
	static const char *const kinds[] = { "cpu", "runq", "wait", "unknown" };
	why_segs_t out = { 0 };
	char text[400] = "";
	size_t n = 0;

	assert_int_equal(why_history_segs(&r->h, tid, from, to, &out), 0);
	for (size_t i = 0; i < out.n; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %d", i ? ", " : "", kinds[out.v[i].kind], (int)out.v[i].ns);
		if (out.v[i].how)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " how %d", out.v[i].how);
		if (out.v[i].by_tid)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " by %u", out.v[i].by_tid);
		if (out.v[i].dev)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " dev %u %d", out.v[i].dev, out.v[i].write);
	}
	assert_string_equal(text, want);
	vec_free(&out);
}

static void rans_are(struct rings *r, uint32_t cpu, uint64_t from, uint64_t to, const char *want)
{
	why_rans_t out = { 0 };
	char text[400] = "";
	size_t n = 0;

	assert_int_equal(why_history_ran(&r->h, cpu, from, to, &out), 0);
	for (size_t i = 0; i < out.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d %d", i ? ", " : "", (int)out.v[i].tid, (int)out.v[i].ns);
	assert_string_equal(text, want);
	vec_free(&out);
}

static void test_history_states(void **state)
{
	struct rings r;

	(void)state;
	rings_init(&r);
	segs_are(&r, 5, 10, 10, "");
	segs_are(&r, 5, 10, 20, "unknown 10");
	on(&r, 0, 20, 5, 6, WHY_OFF_PREEMPTED);
	on(&r, 0, 30, 6, 5, WHY_OFF_BLOCKED);
	on(&r, 0, 45, 5, 0, WHY_OFF_BLOCKED);
	wake(&r, 1, 60, 0, 5);
	on(&r, 1, 65, 0, 5, WHY_OFF_BLOCKED);
	wake(&r, 1, 70, 5, 6);
	on(&r, 1, 80, 5, 0, WHY_OFF_DEAD);
	segs_are(&r, 5, 10, 100, "cpu 10, runq 10 how 1 by 6, cpu 15, wait 15 dev 7 1, runq 5, cpu 15, unknown 20");
	segs_are(&r, 5, 21, 100, "runq 9, cpu 15, wait 15 dev 7 1, runq 5, cpu 15, unknown 20");
	segs_are(&r, 5, 46, 62, "wait 14 dev 7 1, runq 2");
	segs_are(&r, 5, 46, 50, "wait 4 dev 7 1"); /* by what came after it */
	segs_are(&r, 5, 66, 69, "cpu 3");
	segs_are(&r, 6, 10, 90, "runq 10, cpu 10, wait 40 by 5, runq 20");
	segs_are(&r, 6, 71, 90, "unknown 19");
	segs_are(&r, 0, 10, 90, "unknown 80");
	segs_are(&r, 7, 10, 90, "unknown 80");
	rans_are(&r, 0, 10, 90, "5 10, 6 10, 5 15, 0 45");
	rans_are(&r, 0, 31, 33, "5 2");
	rans_are(&r, 0, 50, 60, "0 10");
	rans_are(&r, 1, 10, 90, "0 55, 5 15, 0 10");
	rans_are(&r, 2, 10, 90, "-1 80");
	rans_are(&r, 1, 90, 90, "");
}

/* Wake-ups that end no wait, and switches that were not seen. */
static void test_history_odd(void **state)
{
	struct rings r;

	(void)state;
	rings_init(&r);
	on(&r, 0, 10, 0, 5, 0);
	wake(&r, 1, 15, 6, 5);  /* it runs */
	wake(&r, 1, 19, 6, 5);  /* it is on its way out */
	on(&r, 0, 20, 5, 0, WHY_OFF_BLOCKED);
	on(&r, 1, 30, 6, 5, WHY_OFF_PREEMPTED);
	segs_are(&r, 5, 5, 40, "runq 5, cpu 10, runq 10, cpu 10");
	segs_are(&r, 5, 12, 40, "cpu 8, runq 10, cpu 10");
	wake(&r, 0, 50, 0, 6);  /* it was preempted */
	on(&r, 0, 60, 0, 6, 0);
	segs_are(&r, 6, 12, 65, "cpu 18, runq 30 how 1 by 5, cpu 5");
	on(&r, 0, 70, 5, 0, WHY_OFF_BLOCKED); /* since when is it here? since when is 6 not? */
	segs_are(&r, 5, 25, 80, "runq 5, unknown 40, wait 10");
	rans_are(&r, 0, 12, 80, "5 8, 0 40, -1 10, 0 10");
	wake(&r, 0, 90, 0, 9)->how = WHY_OFF_NEW;
	on(&r, 0, 95, 0, 9, 0);
	segs_are(&r, 9, 80, 100, "unknown 10, runq 5 how 3, cpu 5");
}

static void test_history_lost(void **state)
{
	struct why_hist *torn;
	struct rings r;

	(void)state;
	rings_init(&r);
	on(&r, 1, 5, 0, 8, 0);
	on(&r, 0, 10, 0, 5, 0);
	on(&r, 0, 20, 5, 0, WHY_OFF_BLOCKED);
	for (uint64_t t = 31; t <= 38; t++) /* the ring of CPU 1 reaches back to 31 */
		on(&r, 1, t, t % 2 ? 8 : 9, t % 2 ? 9 : 8, WHY_OFF_PREEMPTED);
	wake(&r, 0, 40, 0, 5);
	on(&r, 0, 50, 0, 5, 0);
	on(&r, 0, 60, 5, 7, WHY_OFF_BLOCKED);
	/* it runs: that is known of CPU 0. It sleeps: it may have been woken and have run on CPU 1 */
	segs_are(&r, 5, 8, 60, "unknown 2, cpu 10, unknown 11, wait 9 dev 7 1, runq 10, cpu 10");
	segs_are(&r, 5, 12, 25, "cpu 8, unknown 5");
	rans_are(&r, 1, 20, 35, "-1 11, 9 1, 8 1, 9 1, 8 1");
	/* begin not known: nothing before the oldest entry of any */
	rings_init(&r);
	r.h.begin = 0;
	on(&r, 0, 30, 5, 0, WHY_OFF_BLOCKED);
	segs_are(&r, 5, 10, 40, "unknown 20, wait 10");
	rans_are(&r, 0, 10, 40, "-1 20, 0 10");
	rans_are(&r, 1, 10, 40, "-1 30");
	/* one that was overwritten while it was read: what came before it on that CPU is lost, for it must be too */
	torn = wake(&r, 0, 50, 0, 5);
	on(&r, 0, 60, 0, 5, 0);
	on(&r, 0, 70, 5, 0, WHY_OFF_BLOCKED);
	on(&r, 1, 25, 0, 6, 0);
	segs_are(&r, 5, 40, 80, "wait 10 dev 7 1, runq 10, cpu 10, wait 10");
	torn->seq += 8;
	segs_are(&r, 5, 40, 80, "unknown 20, cpu 10, wait 10");
	segs_are(&r, 5, 61, 80, "cpu 9, wait 10");
	rans_are(&r, 0, 40, 80, "-1 20, 5 10, 0 10");
	/* the latest is just being written */
	torn = wake(&r, 0, 80, 0, 5);
	torn->seq = 0;
	segs_are(&r, 5, 61, 90, "cpu 9, unknown 20");
	segs_are(&r, 6, 61, 90, "unknown 29");
	rans_are(&r, 0, 61, 90, "5 9, -1 20");
	/* nothing is valid, or there are no rings */
	for (int i = 0; i < 16; i++)
		r.v[i].seq = 99;
	r.seq[0].seq = r.seq[1].seq = 1000;
	segs_are(&r, 5, 40, 80, "unknown 40");
	rans_are(&r, 0, 40, 80, "-1 40");
	r.h.ncpus = 0;
	segs_are(&r, 5, 40, 80, "unknown 40");
	rans_are(&r, 0, 40, 80, "-1 40");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_path_limits),
		cmocka_unit_test(test_any_path),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_history_states),
		cmocka_unit_test(test_history_odd),
		cmocka_unit_test(test_history_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
