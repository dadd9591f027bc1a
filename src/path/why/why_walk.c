/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The walk, and trees of merged walks. See why_walk.h. */
#include <errno.h>

#include "path/why/why.h"
#include "path/why/why_walk.h"

/* ---- the walk ---- */

struct walk {
	const struct why_view *view;
	why_node_fn fn;
	void *fn_to;
	size_t n, most;                   /* nodes so far, and room for them */
	uint64_t *cut;
	why_segs_t raw;                   /* as the view gave them */
	why_segs_t segs[WALK_DEPTH + 1];  /* mended, by depth */
	uint32_t tids[WALK_DEPTH + 1];    /* whose they are: the way down */
};

/* The parts of a stretch of which a piece was clipped, or that never added up: the same proportions, to the nanosecond. */
static void parts_fit(uint64_t part[WHY_CPU_N], uint64_t ns)
{
	unsigned __int128 sum = 0;
	uint64_t left = ns;
	int most = 0;

	for (int i = 0; i < WHY_CPU_N; i++) {
		sum += part[i];
		if (part[i] > part[most])
			most = i;
	}
	if (sum == ns)
		return;
	for (int i = 0; i < WHY_CPU_N; i++) {
		part[i] = sum ? (uint64_t)((unsigned __int128)part[i] * ns / sum) : 0;
		left -= part[i];
	}
	part[most] += left;
}

/* What is unknown is one piece, however many pieces say so. */
static int seg_add(why_segs_t *segs, struct why_seg s)
{
	struct why_seg *last = segs->n ? &segs->v[segs->n - 1] : NULL;

	if (s.kind == CRIT_UNKNOWN && last && last->kind == CRIT_UNKNOWN) {
		last->ns += s.ns;
		return 0;
	}
	if (s.kind == CRIT_CPU)
		parts_fit(s.part, s.ns);
	else
		memset(s.part, 0, sizeof(s.part));
	return vec_push(segs, s);
}

static int seg_add_unknown(why_segs_t *segs, uint64_t from, uint64_t to)
{
	if (from >= to)
		return 0;
	return seg_add(segs, (struct why_seg){ .t = from, .ns = to - from, .kind = CRIT_UNKNOWN, .nr = WHY_NR_UNKNOWN });
}

/* Pieces that tile [from, to), whatever there was: what lies outside or overlaps is clipped, holes are unknown. */
static int segs_mend(const why_segs_t *raw, uint64_t from, uint64_t to, why_segs_t *out)
{
	uint64_t at = from;
	int err = 0;

	out->n = 0;
	for (size_t i = 0; i < raw->n && at < to && !err; i++) {
		struct why_seg s = raw->v[i];
		uint64_t end;

		if (__builtin_add_overflow(s.t, s.ns, &end) || end > to)
			end = to;
		if (s.t < at)
			s.t = at;
		if (s.t >= end)
			continue;
		if ((unsigned int)s.kind >= CRIT_KIND_N)
			s.kind = CRIT_UNKNOWN;
		s.ns = end - s.t;
		err = seg_add_unknown(out, at, s.t);
		if (!err)
			err = seg_add(out, s);
		at = end;
	}
	return err ? err : seg_add_unknown(out, at, to);
}

static int node_add(struct walk *w, unsigned int depth, const struct why_seg *s)
{
	struct crit_node node = {
		.kind = s->kind, .depth = depth, .t = s->t, .ns = s->ns, .count = 1, .tid = w->tids[depth],
		.comm = "", .reason = "", .by = { .kind = "", .name = "" }, .before = s->kind == CRIT_WAIT && s->before,
	};

	memcpy(node.part, s->part, sizeof(node.part));
	w->view->name(w->view->name_ctx, s, &node);
	w->n++;
	return w->fn(w->fn_to, &node);
}

/* A wait that a task ended, whose node is the last one. Does its time come apart? */
static bool wait_opens(struct walk *w, unsigned int depth, const struct why_seg *s)
{
	bool room = depth < WALK_DEPTH && w->n < w->most;

	for (unsigned int i = 0; i <= depth && room; i++)
		room = w->tids[i] != s->by_tid;
	*w->cut += !room;
	return room;
}

static int walk_window(struct walk *w, unsigned int depth, uint32_t tid, uint64_t from, uint64_t to);

static int walk_slice(struct walk *w, unsigned int depth, uint32_t tid, uint64_t from, uint64_t to)
{
	why_segs_t *segs = &w->segs[depth];
	int err;

	w->raw.n = 0;
	err = w->view->segs(w->view->ctx, tid, from, to, &w->raw);
	if (!err)
		err = segs_mend(&w->raw, from, to, segs);
	for (size_t i = 0; i < segs->n && !err; i++) {
		const struct why_seg *s = &segs->v[i];

		err = node_add(w, depth, s);
		if (!err && s->kind == CRIT_WAIT && s->by_tid && wait_opens(w, depth, s))
			err = walk_window(w, depth + 1, s->by_tid, s->t, s->t + s->ns);
	}
	return err;
}

/* At most WALK_DEPTH deep. Linear: each piece of each window asked for becomes one node. */
static int walk_window(struct walk *w, unsigned int depth, uint32_t tid, uint64_t from, uint64_t to)
{
	int err = 0;

	w->tids[depth] = tid;
	while (from < to && !err) {
		uint64_t end = w->view->slice ? w->view->slice(w->view->ctx, tid, from, to) : to;

		err = walk_slice(w, depth, tid, from, end);
		from = end;
	}
	return err;
}

int why_walk_each(const struct why_view *view, uint32_t tid, uint64_t from, uint64_t to, size_t most, why_node_fn fn,
		  void *fn_to, uint64_t *cut)
{
	struct walk w = { .view = view, .fn = fn, .fn_to = fn_to, .most = most, .cut = cut };
	int err = walk_window(&w, 0, tid, from, to);

	vec_free(&w.raw);
	for (unsigned int i = 0; i <= WALK_DEPTH; i++)
		vec_free(&w.segs[i]);
	return err;
}

static int node_append(void *out, const struct crit_node *node)
{
	return vec_push((crit_nodes_t *)out, *node);
}

int why_walk(const struct why_view *view, uint32_t tid, uint64_t from, uint64_t to, size_t most, crit_nodes_t *out,
	     uint64_t *cut)
{
	size_t begin = out->n;
	int err = why_walk_each(view, tid, from, to, most, node_append, out, cut);

	if (err)
		out->n = begin;
	return err;
}

/* ---- the tree ---- */

struct tree_node {
	struct crit_node node;            /* sums; who it was and stack: of the largest contribution */
	uint64_t largest;
	uint64_t below;                   /* sum of ns of the children */
	uint64_t followed;                /* of node.count: those that had nodes below */
	uint64_t hash;
	uint32_t parent;                  /* index */
};

struct why_tree {
	VEC(struct tree_node) nodes;      /* a parent before its children; 0: the root, which is no node */
	uint32_t *index;                  /* of a node, open addressing; 0: free */
	uint32_t slots;                   /* a power of two, or 0 */
	uint32_t way[WALK_DEPTH + 2];     /* of the path under way: the node that the last one of each depth became, after the root */
	unsigned int deepest;             /* valid: way[0..deepest] */
	struct crit_node last;            /* its latest node, not merged yet: */
	uint32_t last_to;                 /* into this one; 0: there is none */
};

enum { TREE_ROOT, TREE_MOST = 1 << 30 };

struct why_tree *why_tree_new(void)
{
	struct why_tree *t = calloc(1, sizeof(*t));

	if (t && vec_push(&t->nodes, (struct tree_node){ 0 })) {
		free(t);
		return NULL;
	}
	return t;
}

void why_tree_free(struct why_tree *t)
{
	if (!t)
		return;
	vec_free(&t->nodes);
	free(t->index);
	free(t);
}

/* FNV-1a, the terminating zero included: "a" "bc" is not "ab" "c". */
static uint64_t hash_string(uint64_t h, const char *s)
{
	do
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	while (*s++);
	return h;
}

static uint64_t node_hash(uint32_t parent, const struct crit_node *n)
{
	uint64_t h = 0xcbf29ce484222325;

	h = (h ^ parent) * 0x100000001b3;
	h = (h ^ (uint64_t)n->kind) * 0x100000001b3;
	h = hash_string(h, n->comm);
	h = hash_string(h, n->reason);
	h = hash_string(h, n->by.kind);
	h = hash_string(h, n->by.name);
	return h ^ h >> 32; /* the low bits choose the slot, and hear little of the high ones */
}

static bool node_same(const struct tree_node *a, uint64_t hash, uint32_t parent, const struct crit_node *n)
{
	return a->hash == hash && a->parent == parent && a->node.kind == n->kind && !strcmp(a->node.comm, n->comm) &&
	       !strcmp(a->node.reason, n->reason) && !strcmp(a->node.by.kind, n->by.kind) &&
	       !strcmp(a->node.by.name, n->by.name);
}

static void index_put(uint32_t *index, uint32_t slots, uint64_t hash, uint32_t node)
{
	uint32_t i = (uint32_t)hash & (slots - 1);

	while (index[i])
		i = (i + 1) & (slots - 1);
	index[i] = node;
}

/* At most half full, with one more. */
static int index_grow(struct why_tree *t)
{
	uint32_t slots = t->slots ? 2 * t->slots : 64;
	uint32_t *index;

	if (t->slots && 2 * (t->nodes.n + 1) <= t->slots)
		return 0;
	if (t->nodes.n >= TREE_MOST)
		return -ENOMEM;
	index = calloc(slots, sizeof(*index));
	if (!index)
		return -ENOMEM;
	for (size_t i = 1; i < t->nodes.n; i++)
		index_put(index, slots, t->nodes.v[i].hash, (uint32_t)i);
	free(t->index);
	t->index = index;
	t->slots = slots;
	return 0;
}

/* The child of that name, made if there is none. 0: no memory. */
static uint32_t child_get(struct why_tree *t, uint32_t parent, const struct crit_node *n)
{
	uint64_t hash = node_hash(parent, n);
	struct tree_node fresh = { .node = *n, .hash = hash, .parent = parent };
	uint32_t i;

	if (index_grow(t))
		return 0;
	for (i = (uint32_t)hash & (t->slots - 1); t->index[i]; i = (i + 1) & (t->slots - 1))
		if (node_same(&t->nodes.v[t->index[i]], hash, parent, n))
			return t->index[i];
	fresh.node.t = fresh.node.ns = fresh.node.count = fresh.node.before = 0;
	memset(fresh.node.part, 0, sizeof(fresh.node.part));
	if (vec_push(&t->nodes, fresh))
		return 0;
	t->index[i] = (uint32_t)(t->nodes.n - 1);
	return t->index[i];
}

static void node_merge(struct tree_node *to, const struct crit_node *n, bool followed)
{
	if (n->ns > to->largest) {
		to->largest = n->ns;
		to->node.pid = n->pid;
		to->node.tid = n->tid;
		to->node.by.pid = n->by.pid;
		to->node.by.tid = n->by.tid;
		to->node.stack = n->stack;
	}
	to->node.ns += n->ns;
	to->node.count += n->count;
	to->node.before += n->before;
	to->followed += followed ? n->count : 0;
	for (int i = 0; i < WHY_CPU_N; i++)
		to->node.part[i] += n->part[i];
}

/* What the latest node was is known: its children follow, or not. */
static void last_merge(struct why_tree *t, bool followed)
{
	if (t->last_to)
		node_merge(&t->nodes.v[t->last_to], &t->last, followed);
	t->last_to = 0;
}

int why_tree_put(void *tree, const struct crit_node *node)
{
	struct why_tree *t = tree;
	unsigned int depth = node->depth;

	last_merge(t, depth == t->last.depth + 1);
	if (depth > t->deepest || depth > WALK_DEPTH) /* of no walk: without a parent, it stays in what is above it */
		return 0;
	t->last_to = child_get(t, t->way[depth], node);
	if (!t->last_to)
		return -ENOMEM;
	t->last = *node;
	t->nodes.v[t->way[depth]].below += node->ns;
	t->way[depth + 1] = t->last_to;
	t->deepest = depth + 1;
	return 0;
}

void why_tree_end(struct why_tree *t)
{
	last_merge(t, false);
	t->deepest = 0;
}

int why_tree_add(struct why_tree *t, const struct crit_node *node, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = why_tree_put(t, &node[i]);
	why_tree_end(t);
	return err;
}

/* ---- the tree's nodes ---- */

struct ordered { uint64_t ns; uint32_t parent, index; };

/* Children of one parent are neighbours, the largest first, then the one that came first. */
static int child_order(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

struct emit {
	const struct why_tree *t;
	const struct ordered *order;
	const uint32_t *first;            /* of each node's children in order; [i + 1] is the end */
	crit_nodes_t *out;
};

/* What its children do not tell of a node's time: some of the waits that it was merged from were not taken apart. */
static bool rest_get(const struct tree_node *p, struct crit_node *rest)
{
	if (!p->below || p->below >= p->node.ns)
		return false;
	*rest = (struct crit_node){
		.kind = CRIT_UNKNOWN, .depth = p->node.depth + 1, .ns = p->node.ns - p->below,
		.count = p->node.count - p->followed, .pid = p->node.by.pid, .tid = p->node.by.tid, .comm = p->node.by.name,
		.reason = "not followed", .by = { .kind = "", .name = "" },
	};
	return true;
}

/* At most WALK_DEPTH + 1 deep, as the nodes were. */
static int emit_children(const struct emit *e, uint32_t parent)
{
	const struct tree_node *p = &e->t->nodes.v[parent];
	struct crit_node rest = { 0 };
	bool has_rest = parent != TREE_ROOT && rest_get(p, &rest);

	for (uint32_t i = e->first[parent]; i < e->first[parent + 1]; i++) {
		if (has_rest && rest.ns > e->order[i].ns) {
			if (vec_push(e->out, rest))
				return -ENOMEM;
			has_rest = false;
		}
		if (vec_push(e->out, e->t->nodes.v[e->order[i].index].node) || emit_children(e, e->order[i].index))
			return -ENOMEM;
	}
	return has_rest ? vec_push(e->out, rest) : 0;
}

int why_tree_nodes(const struct why_tree *t, crit_nodes_t *out)
{
	size_t n = t->nodes.n - 1, begin = out->n;
	struct ordered *order = calloc(n + 1, sizeof(*order));
	uint32_t *first = calloc(n + 2, sizeof(*first));
	int err = -ENOMEM;

	if (!order || !first)
		goto out;
	for (size_t i = 0; i < n; i++) {
		order[i] = (struct ordered){ t->nodes.v[i + 1].node.ns, t->nodes.v[i + 1].parent, (uint32_t)i + 1 };
		first[order[i].parent + 1]++;
	}
	for (size_t i = 0; i <= n; i++)
		first[i + 1] += first[i];
	qsort(order, n, sizeof(*order), child_order);
	err = emit_children(&(struct emit){ t, order, first, out }, TREE_ROOT);
	if (err)
		out->n = begin;
out:
	free(order);
	free(first);
	return err;
}
