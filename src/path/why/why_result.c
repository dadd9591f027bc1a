/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* From what was kept to the result: slow calls, threads, sums and critical paths. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "path/why/why_priv.h"

enum { CHAIN_MOST = 20000 }; /* nodes of a path that is shown in time order */

struct why_result {
	struct why why;
	struct why_tree *tree;            /* of all slow calls */
	crit_nodes_t path, chain;
	VEC(struct why_thread) threads;
	VEC(struct why_wait) waits;       /* of all, then of each thread */
	VEC(struct why_runq) runq;
	VEC(struct why_syscall) syscalls;
	struct why_sum sums[WHY_SUMS];    /* at the end of the last interval */
	uint64_t calls0, slow0, t0;       /* then */
	VEC(struct slow) top;             /* --top: the slowest so far, in no order */
};

/* A slow call that is kept, with its nodes. */
struct slow { struct slow_call call; struct crit_node *node; };

struct why_result *why_result_new(void)
{
	struct why_result *r = calloc(1, sizeof(*r));

	if (r)
		r->tree = why_tree_new();
	if (r && !r->tree) {
		free(r);
		r = NULL;
	}
	return r;
}

static void top_free(struct why_result *r)
{
	for (size_t i = 0; i < r->top.n; i++)
		free(r->top.v[i].node);
	vec_free(&r->top);
}

void why_result_free(struct why_result *r)
{
	if (!r)
		return;
	why_tree_free(r->tree);
	vec_free(&r->path);
	vec_free(&r->chain);
	vec_free(&r->threads);
	vec_free(&r->waits);
	vec_free(&r->runq);
	vec_free(&r->syscalls);
	top_free(r);
	free(r);
}

/* ---- a slow call ---- */

static void parts_of(const why_segs_t *segs, uint64_t part[WHY_PART_N])
{
	for (size_t i = 0; i < segs->n; i++) {
		const struct why_seg *s = &segs->v[i];

		switch (s->kind) {
		case CRIT_CPU:
			for (int p = 0; p < WHY_CPU_N; p++)
				part[p] += s->part[p];
			break;
		case CRIT_RUNQ:
			part[why_runq_part(s->how)] += s->ns;
			break;
		case CRIT_WAIT:
			part[WHY_WAIT] += s->ns;
			break;
		default:
			part[WHY_UNKNOWN] += s->ns;
		}
	}
}

static int by_ns(const void *a, const void *b)
{
	const struct slow *x = a, *y = b;

	return (x->call.ns < y->call.ns) - (x->call.ns > y->call.ns);
}

/* --top: takes the place of the shortest. */
static int top_keep(struct why_state *st, const struct slow_call *call)
{
	struct why_result *r = st->result;
	struct slow new = { *call, NULL };

	if (r->top.n == st->opts.top && call->ns <= r->top.v[r->top.n - 1].call.ns) /* the last is the shortest */
		return 0;
	new.node = malloc(call->path.n * sizeof(*new.node) + 1);
	if (!new.node)
		return -ENOMEM;
	if (call->path.n)
		memcpy(new.node, call->path.node, call->path.n * sizeof(*new.node));
	new.call.path.node = new.node;
	if (vec_push(&r->top, new)) {
		free(new.node);
		return -ENOMEM;
	}
	if (r->top.n < st->opts.top)
		return 0;
	qsort(r->top.v, r->top.n, sizeof(*r->top.v), by_ns);
	if (r->top.n > st->opts.top)
		free(r->top.v[--r->top.n].node);
	return 0;
}

int why_top_deliver(struct why_state *st)
{
	struct why_result *r = st->result;
	int err = 0;

	if (r->top.n)
		qsort(r->top.v, r->top.n, sizeof(*r->top.v), by_ns);
	for (size_t i = 0; i < r->top.n && !err; i++)
		err = st->feed && st->feed->call ? st->feed->call(st->feed->ctx, &r->top.v[i].call) : 0;
	top_free(r);
	return err;
}

int why_call_deliver(struct why_state *st, const struct why_call *c)
{
	const struct why_view view = { why_store_segs, why_store_slice, why_node_name, st->store, st };
	struct slow_call call = {
		.name = st->opts.call, .pid = c->tgid, .tid = c->tid, .comm = why_store_string(st->store, c->comm),
		.t = c->t, .ns = c->end - c->t, .ret = c->ret,
	};
	crit_nodes_t nodes = { 0 };
	why_segs_t segs = { 0 };
	int err;

	err = why_store_segs(st->store, c->tid, c->t, c->end, &segs);
	if (!err)
		err = why_walk(&view, c->tid, c->t, c->end, CHAIN_MOST, &nodes, &call.path.cut);
	if (!err)
		err = why_tree_add(st->result->tree, nodes.v, nodes.n);
	if (!err) {
		parts_of(&segs, call.part);
		call.path.t = call.t;
		call.path.ns = call.ns;
		call.path.pid = call.pid;
		call.path.tid = call.tid;
		call.path.comm = call.comm;
		call.path.n = (unsigned int)nodes.n;
		call.path.node = nodes.v;
		if (st->opts.top)
			err = top_keep(st, &call);
		else if (st->feed && st->feed->call)
			err = st->feed->call(st->feed->ctx, &call);
	}
	vec_free(&segs);
	vec_free(&nodes);
	return err;
}

/* ---- sums ---- */

static int wait_order(const void *a, const void *b)
{
	const struct why_wait *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

static int runq_order(const void *a, const void *b)
{
	const struct why_runq *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

/* By name, so that equal ones lie together. */
static int wait_names(const void *a, const void *b)
{
	const struct why_wait *x = a, *y = b;
	int d = strcmp(x->reason, y->reason);

	if (!d)
		d = strcmp(x->by.kind, y->by.kind);
	if (!d)
		d = strcmp(x->by.name, y->by.name);
	return d ? d : (x->by.tid > y->by.tid) - (x->by.tid < y->by.tid);
}

/* What differs only in the stack becomes one. Returns how many are left, the largest first. */
static size_t waits_merge(struct why_wait *v, size_t n)
{
	size_t to = 0;

	if (n)
		qsort(v, n, sizeof(*v), wait_names);
	for (size_t i = 0; i < n; i++) {
		struct why_wait *w = to ? &v[to - 1] : NULL;

		if (!w || wait_names(w, &v[i])) {
			v[to++] = v[i];
			continue;
		}
		v[i].count += w->count;
		v[i].ns += w->ns;
		v[i].before += w->before;
		if (v[i].max < w->max) {
			w->count = v[i].count;
			w->ns = v[i].ns;
			w->before = v[i].before;
		} else {
			*w = v[i];
		}
	}
	if (to)
		qsort(v, to, sizeof(*v), wait_order);
	return to;
}

/* Appends the table's waits; their number. -ENOMEM. */
static int waits_add(struct why_state *st, struct why_tab *tab, bool interval)
{
	struct why_result *r = st->result;
	size_t first = r->waits.n;
	const char *reason;
	struct why_tally a;

	for (size_t i = 0; i < tab->all.n; i++) {
		struct why_wait w;

		if (!why_tally_get(&tab->all.v[i], interval, &a))
			continue;
		w = (struct why_wait){ .count = a.count, .ns = a.ns, .max = a.max, .lock = a.lock, .owner = a.owner,
				       .owner_pid = a.owner_tgid, .owner_tid = a.owner_tid, .before = a.before,
				       .lock_name = lock_names_get(&st->locks, a.lock) };
		w.reason = why_reason(st, a.key.site, a.key.context, &w.stack);
		if (a.owner_site)
			w.owner_stack = stacks_get(st->stacks, a.owner_site, &reason);
		why_ender_name(st, a.key.context, a.key.vec, a.key.write, a.by_tid, a.key.dev, &w.by);
		if (a.key.context == WHY_BY_TASK)
			w.by.name = a.key.comm; /* as it was called then */
		if (vec_push(&r->waits, w))
			return -ENOMEM;
	}
	r->waits.n = first + waits_merge(r->waits.v ? r->waits.v + first : NULL, r->waits.n - first);
	return (int)(r->waits.n - first);
}

static int runq_add(struct why_state *st, struct why_tab *tab, bool interval)
{
	struct why_result *r = st->result;
	size_t first = r->runq.n;
	struct why_tally a;

	for (size_t i = 0; i < tab->all.n; i++) {
		struct why_runq q = { .by = { .kind = "", .name = "" } };

		if (!why_tally_get(&tab->all.v[i], interval, &a))
			continue;
		q.count = a.count;
		q.ns = a.ns;
		if (a.key.context == WHY_BY_TASK) {
			why_ender_name(st, WHY_BY_TASK, 0, 0, a.by_tid, 0, &q.by);
			q.by.name = a.key.comm;
		} else if (a.key.context == WHY_BY_NONE) {
			q.by.kind = "unknown";
		}
		if (vec_push(&r->runq, q))
			return -ENOMEM;
	}
	if (r->runq.n > first)
		qsort(r->runq.v + first, r->runq.n - first, sizeof(*r->runq.v), runq_order);
	return (int)(r->runq.n - first);
}

static int syscall_order(const void *a, const void *b)
{
	const struct why_syscall *x = a, *y = b;

	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? 1 : -1;
	return (x->ns < y->ns) - (x->ns > y->ns);
}

/* What was not there at the end of the last interval. The longest is that of the whole run. */
static void syscall_since(struct why_sum *was, struct why_syscall *row)
{
	const struct why_sum now = { .count = row->count, .ns = row->ns, .cpu = row->cpu };

	row->count -= was->count;
	row->ns -= was->ns;
	row->cpu -= was->cpu;
	if (row->max > row->ns)
		row->max = row->ns;
	*was = now;
}

static int syscalls_add(struct why_state *st, bool interval)
{
	int fd = why_map_fd(st, "sums"), ncpus = libbpf_num_possible_cpus(), err = 0;
	struct why_sum *s = ncpus > 0 ? calloc((size_t)ncpus, sizeof(*s)) : NULL;

	if (!s)
		return -ENOMEM;
	for (uint32_t i = 0; i < WHY_SUMS && !err && !bpf_map_lookup_elem(fd, &i, s); i++) {
		struct why_syscall row = { .name = why_nr_name(st, i == WHY_SUM_FAULT ? WHY_NR_FAULT : (int32_t)i) };

		for (int cpu = 0; cpu < ncpus; cpu++) {
			row.count += s[cpu].count;
			row.ns += s[cpu].ns;
			row.cpu += s[cpu].cpu;
			if (s[cpu].max > row.max)
				row.max = s[cpu].max;
		}
		if (interval)
			syscall_since(&st->result->sums[i], &row);
		if (row.count)
			err = vec_push(&st->result->syscalls, row);
	}
	free(s);
	if (err)
		return err;
	if (st->result->syscalls.n)
		qsort(st->result->syscalls.v, st->result->syscalls.n, sizeof(*st->result->syscalls.v), syscall_order);
	return 0;
}

/* ---- threads ---- */

static uint64_t on_cpu(const uint64_t part[WHY_PART_N])
{
	return part[WHY_USER] + part[WHY_KERNEL] + part[WHY_IRQ] + part[WHY_SOFTIRQ];
}

static int thread_order(const void *a, const void *b)
{
	const struct why_thread *x = a, *y = b;
	uint64_t p = on_cpu(x->part), q = on_cpu(y->part);

	if (p != q)
		return p < q ? 1 : -1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int thread_add(struct why_state *st, struct thread *t, bool interval)
{
	struct why_result *r = st->result;
	struct why_thread w = { .pid = t->tgid, .tid = t->tid, .comm = t->comm, .t = t->first, .before = t->before,
				.ended = t->ended };
	int n;

	for (int i = 0; i < WHY_PART_N; i++) {
		w.part[i] = t->part[i] - (interval ? t->part0[i] : 0);
		w.wall += w.part[i];
		r->why.part[i] += w.part[i];
		if (interval)
			t->part0[i] = t->part[i];
	}
	if (!w.wall && interval)
		return 0;
	r->why.wall += w.wall;
	n = waits_add(st, &t->waits, interval);
	if (n < 0)
		return n;
	w.nwaits = (unsigned int)n;
	n = runq_add(st, &t->runq, interval);
	if (n < 0)
		return n;
	w.nrunq = (unsigned int)n;
	return vec_push(&r->threads, w);
}

static int threads_add(struct why_state *st, bool interval)
{
	int err = 0;

	for (size_t i = 0; i < why_store_count(st->store) && !err; i++) {
		struct thread *t = why_store_at(st->store, i);

		if (t->seen && !t->helper)
			err = thread_add(st, t, interval);
	}
	return err;
}

/* The vectors no longer move. */
static void pointers_set(struct why_result *r, unsigned int nwaits, unsigned int nrunq)
{
	size_t w = nwaits, q = nrunq;

	for (size_t i = 0; i < r->threads.n; i++) {
		struct why_thread *t = &r->threads.v[i];

		t->waits = t->nwaits ? r->waits.v + w : NULL;
		t->runq = t->nrunq ? r->runq.v + q : NULL;
		w += t->nwaits;
		q += t->nrunq;
	}
	if (r->threads.n)
		qsort(r->threads.v, r->threads.n, sizeof(*r->threads.v), thread_order);
	r->why.nthreads = (unsigned int)r->threads.n;
	r->why.threads = r->threads.v;
	r->why.nwaits = nwaits;
	r->why.waits = r->waits.v;
	r->why.nrunq = nrunq;
	r->why.runq = r->runq.v;
	r->why.nsyscalls = (unsigned int)r->syscalls.n;
	r->why.syscalls = r->syscalls.v;
}

/* ---- the critical path ---- */

/* The command's first thread, whose number may be another in a PID namespace; else who was on the CPU the longest. */
static const struct thread *path_thread(const struct why_state *st)
{
	const struct thread *most = NULL, *first = NULL, *t;

	for (size_t i = 0; i < why_store_count(st->store); i++) {
		t = why_store_at(st->store, i);
		if (!t->seen || t->helper)
			continue;
		if (st->opts.command && !st->pidns && t->tid == st->opts.tasks.pids[0])
			return t;
		if (!first || t->first < first->first)
			first = t;
		if (!most || on_cpu(t->part) > on_cpu(most->part))
			most = t;
	}
	return st->opts.command ? first : most;
}

/* Who has its number at the end: another thread of its process, that executed a program. */
static const struct thread *thread_end(const struct why_state *st, const struct thread *t)
{
	const struct thread *end = why_store_find(st->store, t->tid);

	return end && end->tgid == t->tgid && end->seen && !end->helper && end->last > t->last ? end : t;
}

static void path_set(struct crit *c, const struct thread *t, const struct thread *end, const crit_nodes_t *nodes, uint64_t cut)
{
	*c = (struct crit){ .comm = "", .n = (unsigned int)nodes->n, .node = nodes->v, .cut = cut };
	if (t) {
		c->t = t->first;
		c->ns = end->last - t->first;
		c->pid = t->tgid;
		c->tid = t->tid;
		c->comm = end->comm;
		return;
	}
	for (size_t i = 0; i < nodes->n; i++)
		if (!nodes->v[i].depth)
			c->ns += nodes->v[i].ns;
}

/* All nodes go into the tree; the chain takes what can be shown. */
struct run_path { struct why_tree *tree; crit_nodes_t *chain; size_t n; };

static int run_node(void *to, const struct crit_node *node)
{
	struct run_path *p = to;

	if (++p->n <= CHAIN_MOST && vec_push(p->chain, *node))
		return -ENOMEM;
	return why_tree_put(p->tree, node);
}

static int path_of_run(struct why_state *st)
{
	const struct why_view view = { why_store_segs, why_store_slice, why_node_name, st->store, st };
	const struct thread *t = path_thread(st);
	struct why_result *r = st->result;
	struct run_path p = { .chain = &r->chain };
	const struct thread *end;
	uint64_t cut = 0;
	int err;

	if (!t)
		return 0;
	end = thread_end(st, t);
	p.tree = why_tree_new();
	if (!p.tree)
		return -ENOMEM;
	err = why_walk_each(&view, t->tid, t->first, end->last, WALK_NODES, run_node, &p, &cut);
	why_tree_end(p.tree);
	if (!err)
		err = why_tree_nodes(p.tree, &r->path);
	why_tree_free(p.tree);
	path_set(&r->why.path, t, end, &r->path, cut);
	if (p.n <= CHAIN_MOST)
		path_set(&r->why.chain, t, end, &r->chain, cut);
	return err;
}

static int path_of_calls(struct why_state *st)
{
	struct why_result *r = st->result;
	int err = why_tree_nodes(r->tree, &r->path);

	path_set(&r->why.path, NULL, NULL, &r->path, 0);
	return err;
}

/* An interval has what ended in it, and no path. */
static int result_sums(struct why_state *st, bool interval)
{
	struct why_result *r = st->result;
	int nwaits = waits_add(st, &st->waits, interval), nrunq, err;

	if (nwaits < 0)
		return nwaits;
	nrunq = runq_add(st, &st->runq, interval);
	err = nrunq < 0 ? nrunq : threads_add(st, interval);
	if (!err)
		err = syscalls_add(st, interval);
	if (!err && !interval)
		err = st->opts.call ? path_of_calls(st) : path_of_run(st);
	if (!err)
		pointers_set(r, (unsigned int)nwaits, (unsigned int)nrunq);
	return err;
}

static int locks_name(struct why_state *st)
{
	int err = 0;

	lock_names_clear(&st->locks);
	for (size_t i = 0; i < st->waits.all.n && !err; i++)
		err = lock_names_add(&st->locks, st->waits.all.v[i].lock);
	return err ? err : lock_names_find(&st->locks);
}

int why_result_make(struct why_state *st, struct summary *out, bool interval)
{
	uint64_t now = st->end ? st->end : clock_monotonic();
	struct why_result *r = st->result;
	int err = 0;

	r->waits.n = r->runq.n = r->threads.n = r->syscalls.n = r->path.n = r->chain.n = 0;
	r->why = (struct why){ .call = st->opts.call ? st->opts.call : "" };
	if (!interval)
		err = locks_name(st);
	if (!err)
		err = result_sums(st, interval);
	if (err)
		return err;
	why_calls_read(st, &r->why.calls, &r->why.slow);
	out->why = &r->why;
	out->t = interval && r->t0 ? r->t0 : st->start;
	out->ns = now > out->t ? now - out->t : 0;
	if (interval) {
		const uint64_t calls = r->why.calls, slow = r->why.slow;

		r->why.calls -= r->calls0;
		r->why.slow -= r->slow0;
		r->calls0 = calls;
		r->slow0 = slow;
		r->t0 = now;
	}
	return 0;
}
