/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * One operation as a tree: its parts as bars, then the waits and the requests with their stages on the axis of
 * its wall time. The lines are collected first (the branches need to know what follows), then printed.
 */
#include <errno.h>
#include <limits.h>

#include "view/sched.h"
#include "view/why.h"

enum { LABEL_LEN = 96, MAX_DEPTH = 16, PREFIX_LEN = 4 * 3 * MAX_DEPTH + 16, SHOWN = 8 };

struct node {
	unsigned int depth;          /* from 1 */
	unsigned int more;           /* bit d: a later line at depth d hangs on the same branch */
	char label[LABEL_LEN];
	uint64_t from, ns;
	bool placed;                 /* on the time axis; else a share of the wall from the left */
	bool bare;                   /* no bar: its time is known, its place is not */
	enum color color, label_color;
	const struct stack *stack;
};

struct req {
	unsigned int id;
	int parent, error;
	uint64_t t, end;
	const struct stage *stage;   /* its first */
	bool unfinished, done;
};

struct tree {
	struct view v;
	const struct op *op;
	unsigned int n, cap, nreqs;
	struct node *node;
	struct req *req;
};

static void *tree_open(const struct sink_opts *opts)
{
	return view_open(opts, sizeof(struct tree));
}

/* Room was made for all beforehand; see tree_alloc(). */
static struct node *add(struct tree *t, unsigned int depth, enum color color, uint64_t ns)
{
	struct node *n = &t->node[t->n < t->cap ? t->n++ : t->cap];

	memset(n, 0, sizeof(*n));
	n->depth = depth < MAX_DEPTH ? depth : MAX_DEPTH;
	n->color = color;
	n->ns = ns;
	return n;
}

/* Sets a node on the time axis; what began before the operation begins with it. */
static void place(const struct tree *t, struct node *n, uint64_t at)
{
	n->placed = true;
	n->from = at > t->op->t ? at - t->op->t : 0;
}

static bool wait_shown(const struct tree *t, unsigned int i)
{
	const struct op *op = t->op;
	unsigned int larger = 0;

	if (t->v.o.verbose || op->nwaits <= SHOWN)
		return true;
	for (unsigned int k = 0; k < op->nwaits; k++)
		larger += op->waits[k].ns > op->waits[i].ns || (k < i && op->waits[k].ns == op->waits[i].ns);
	return larger < SHOWN;
}

static void add_more(struct tree *t, unsigned int depth, unsigned int count, const char *what, uint64_t ns)
{
	struct node *n;

	if (!count)
		return;
	n = add(t, depth, C_NONE, ns);
	n->bare = true;
	n->label_color = C_DIM;
	snprintf(n->label, LABEL_LEN, "%u more %s", count, what);
}

static bool same_stack(const struct stack *a, const struct stack *b)
{
	if (!a || !b || a->n != b->n)
		return a == b;
	for (unsigned int i = 0; i < a->n; i++)
		if (strcmp(a->name[i] ? a->name[i] : "?", b->name[i] ? b->name[i] : "?"))
			return false;
	return true;
}

static void add_waits(struct tree *t)
{
	const struct op *op = t->op;
	const struct stack *last = NULL;
	unsigned int hidden = 0;
	uint64_t hidden_ns = 0;

	for (unsigned int i = 0; i < op->nwaits; i++) {
		const struct wait *w = &op->waits[i];
		struct node *n;

		if (!wait_shown(t, i)) {
			hidden++;
			hidden_ns += w->ns;
			continue;
		}
		n = add(t, 2, part_colors[PART_WAIT], w->ns);
		fmt_escape(n->label, LABEL_LEN, w->reason);
		if (w->t)
			place(t, n, w->t);
		n->bare = !w->t;
		n->stack = same_stack(w->stack, last) ? NULL : w->stack; /* said already */
		last = w->stack;
	}
	add_more(t, 2, hidden, hidden == 1 ? "wait" : "waits", hidden_ns);
}

static void add_parts(struct tree *t)
{
	const struct op *op = t->op;

	for (unsigned int p = 0; p < PART_N; p++) {
		struct node *n;

		if (!op->part[p] && !t->v.o.verbose)
			continue;
		n = add(t, 1, part_colors[p], op->part[p]);
		n->label_color = C_BOLD;
		snprintf(n->label, LABEL_LEN, "%s", part_names[p]);
		if (p == PART_RUNQ && op->runq_preempted && op->runq_preempted <= op->part[p]) {
			n = add(t, 2, part_colors[p], op->runq_preempted);
			snprintf(n->label, LABEL_LEN, "preempted");
			n = add(t, 2, part_colors[p], op->part[p] - op->runq_preempted);
			snprintf(n->label, LABEL_LEN, "woken, not yet run");
		}
		if (p == PART_WAIT)
			add_waits(t);
	}
}

/* One entry a request, in order of appearance. */
static void find_requests(struct tree *t)
{
	for (unsigned int i = 0; i < t->op->nstages; i++) {
		const struct stage *s = &t->op->stages[i];
		struct req *r = t->req, *end = t->req + t->nreqs;

		while (r < end && r->id != s->request)
			r++;
		if (r == end) {
			*r = (struct req){ .id = s->request, .parent = s->parent, .t = s->t, .end = s->t, .stage = s };
			t->nreqs++;
		}
		r->t = s->t < r->t ? s->t : r->t;
		r->end = s->t + s->ns > r->end ? s->t + s->ns : r->end;
		r->error = s->error ? s->error : r->error;
		r->unfinished |= s->unfinished;
	}
}

/* "vda: read 16k EIO at sector 8192": what is cut off on a narrow terminal is the place, not the error */
static void label_request(struct node *n, const struct req *r)
{
	const struct stage *s = r->stage;
	char size[FMT_LEN], err[FMT_LEN], dev[40], rw[24], at[40] = "";

	if (s->bytes)
		snprintf(at, sizeof(at), " at sector %llu", (unsigned long long)s->sector);
	snprintf(n->label, LABEL_LEN, "%s: %s%s%s%s%s%s%s", fmt_escape(dev, sizeof(dev), s->dev && *s->dev ? s->dev : "?"),
		 fmt_escape(rw, sizeof(rw), s->rw ? s->rw : "request"), s->bytes ? " " : "",
		 s->bytes ? fmt_size_exact(size, s->bytes) : "", r->error ? " " : "",
		 r->error ? fmt_errno(err, r->error) : "", r->unfinished ? " unfinished" : "", at);
	n->label_color = r->error ? C_RED : C_BOLD;
}

static void add_request(struct tree *t, struct req *r, unsigned int depth)
{
	struct node *n = add(t, depth, C_BLUE, r->end - r->t);

	r->done = true;
	label_request(n, r);
	place(t, n, r->t);
	for (unsigned int i = 0; i < t->op->nstages; i++) {
		const struct stage *s = &t->op->stages[i];
		char name[40], layer[24];

		if (s->request != r->id)
			continue;
		n = add(t, depth + 1, C_CYAN, s->ns);
		place(t, n, s->t);
		fmt_escape(name, sizeof(name), s->name);
		if (t->v.o.verbose)
			snprintf(n->label, LABEL_LEN, "%s (%s)", name, fmt_escape(layer, sizeof(layer), s->layer));
		else
			snprintf(n->label, LABEL_LEN, "%s", name);
	}
	for (unsigned int i = 0; i < t->nreqs; i++) /* what it was passed on to */
		if (!t->req[i].done && t->req[i].parent >= 0 && (unsigned int)t->req[i].parent == r->id)
			add_request(t, &t->req[i], depth + 1);
}

static bool is_root(const struct tree *t, const struct req *r)
{
	for (unsigned int i = 0; i < t->nreqs && r->parent >= 0; i++)
		if (t->req[i].id == (unsigned int)r->parent && &t->req[i] != r)
			return false;
	return true;
}

static bool request_shown(const struct tree *t, const struct req *r)
{
	unsigned int larger = 0;

	if (t->v.o.verbose || t->nreqs <= SHOWN || r->error)
		return true;
	for (const struct req *k = t->req; k < t->req + t->nreqs; k++)
		larger += is_root(t, k) &&
			  (k->end - k->t > r->end - r->t || (k->end - k->t == r->end - r->t && k < r));
	return larger < SHOWN;
}

static void add_requests(struct tree *t)
{
	unsigned int hidden = 0;

	find_requests(t);
	for (unsigned int i = 0; i < t->nreqs; i++) {
		struct req *r = &t->req[i];

		if (!is_root(t, r))
			continue;
		if (request_shown(t, r))
			add_request(t, r, 1);
		else
			hidden++;
	}
	for (unsigned int i = 0; i < t->nreqs && !hidden; i++)
		if (!t->req[i].done) /* parents in a circle: bad input, but shown */
			add_request(t, &t->req[i], 1);
	add_more(t, 1, hidden, hidden == 1 ? "request" : "requests", 0);
}

/* From the last line up: which branches go on below each. */
static void set_branches(struct tree *t)
{
	unsigned int open = 0;

	for (unsigned int i = t->n; i-- > 0;) {
		struct node *n = &t->node[i];

		open &= (2U << n->depth) - 1;
		n->more = open;
		open |= 1U << n->depth;
	}
}

/* The branches left of a line; `below`: of the text under it. */
static char *node_prefix(const struct tree *t, const struct node *n, bool below, char buf[PREFIX_LEN])
{
	const char *pass = t->v.utf8 ? "│  " : "|  ", *fork = t->v.utf8 ? "├─ " : "|- ";
	const char *end = t->v.utf8 ? "└─ " : "`- ";
	size_t used = 0;

	for (unsigned int d = 1; d <= n->depth; d++) {
		bool more = n->more >> d & 1;
		const char *s = d < n->depth || below ? (more ? pass : "   ") : more ? fork : end;

		used += (size_t)snprintf(buf + used, PREFIX_LEN - used, "%s", s);
	}
	buf[used] = '\0';
	return buf;
}

static void print_node(const struct tree *t, const struct node *n, unsigned int label_width, unsigned int bar)
{
	char prefix[PREFIX_LEN], cut[LABEL_LEN], text[FMT_LEN];
	const struct view *v = &t->v;
	unsigned int room;

	node_prefix(t, n, false, prefix);
	view_text(v, C_DIM, prefix, 0, false);
	room = fmt_width(prefix);
	room = label_width > room ? label_width - room : 0;
	view_text(v, n->label_color, v->o.width ? fmt_cut(cut, sizeof(cut), n->label, room, false) : n->label,
		  n->bare && !n->ns ? 0 : room, false);
	if (!n->bare || n->ns) {
		view_text(v, C_NONE, fmt_time(text, n->ns), 8, true);
		view_text(v, C_NONE, fmt_percent(text, n->ns, t->op->wall), n->ns || !n->bare ? 7 : 0, true);
	}
	if (!n->bare && (n->ns || n->placed)) {
		fputs("  ", v->o.out);
		if (n->placed)
			view_span(v, n->color, n->from, n->ns, t->op->wall, bar);
		else
			view_bar(v, n->color, n->ns, t->op->wall, bar);
	}
	fputc('\n', v->o.out);
	if (n->stack)
		view_stack(v, node_prefix(t, n, true, prefix), n->stack);
}

static void print_nodes(struct tree *t)
{
	unsigned int label = 12, width = t->v.o.width, limit = width ? width / 2 : UINT_MAX, bar;
	char prefix[PREFIX_LEN];

	set_branches(t);
	for (unsigned int i = 0; i < t->n; i++) {
		unsigned int w = fmt_width(node_prefix(t, &t->node[i], false, prefix)) + fmt_width(t->node[i].label);

		label = w > label ? w : label;
	}
	if (label > limit)
		label = limit > 24 ? limit : 24;
	bar = !width ? 40 : width > label + 17 + 8 ? width - label - 17 : 8;
	for (unsigned int i = 0; i < t->n; i++)
		print_node(t, &t->node[i], label, bar < 80 ? bar : 80);
}

/* "pread64 16k at 4M of /data/x.db" */
static void head_what(struct wrap *w, const struct op *op)
{
	char text[4 * PATH_MAX], file[4 * PATH_MAX], cut[4 * PATH_MAX], size[FMT_LEN], at[FMT_LEN], kind[64];
	unsigned int width = w->v->o.width, used;
	bool named = op->file && *op->file;

	snprintf(text, sizeof(text), "%s%s%s%s%s%s", fmt_escape(kind, sizeof(kind), op->kind),
		 op->size ? " " : "", op->size ? fmt_size_exact(size, op->size) : "",
		 op->offset >= 0 ? " at " : "", op->offset >= 0 ? fmt_size_exact(at, (uint64_t)op->offset) : "",
		 named ? " of" : "");
	wrap_put(w, C_BOLD, text);
	if (!named)
		return;
	used = w->col + 1;
	fmt_escape(file, sizeof(file), op->file);
	if (width)
		fmt_cut(cut, sizeof(cut), file, width > used + 20 ? width - used : 20, true);
	w->gap = " ";
	wrap_put(w, C_BOLD, width ? cut : file);
	w->gap = "  ";
}

static void head_flags(struct wrap *w, const struct op *op)
{
	char text[256];
	size_t used = 0;

	for (unsigned int bit = 0; op_flag_text(bit); bit++)
		if (op->flags & 1U << bit)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "[",
						 op_flag_text(bit));
	if (!used)
		return;
	snprintf(text + used, sizeof(text) - used, "]");
	wrap_put(w, C_DIM, text);
}

static void head_counts(struct wrap *w, const struct tree *t)
{
	const struct op *op = t->op;
	char text[64];

	if (op->pages_added) {
		snprintf(text, sizeof(text), "%u page%s read in", op->pages_added, op->pages_added == 1 ? "" : "s");
		wrap_put(w, C_DIM, text);
	}
	if (op->pages_dirtied) {
		snprintf(text, sizeof(text), "%u page%s dirtied", op->pages_dirtied, op->pages_dirtied == 1 ? "" : "s");
		wrap_put(w, C_DIM, text);
	}
	if (op->requests > t->nreqs) {
		snprintf(text, sizeof(text), "%u bio%s, %u request%s seen", op->requests, op->requests == 1 ? "" : "s",
			 t->nreqs, t->nreqs == 1 ? "" : "s");
		wrap_put(w, C_DIM, text);
	}
}

static void head_result(struct wrap *w, const struct op *op)
{
	char text[FMT_LEN + 16], value[FMT_LEN];
	bool failed = op->ret < 0;

	snprintf(text, sizeof(text), "wall %s", fmt_time(value, op->wall));
	wrap_put(w, C_BOLD, text);
	if (op->flags & (OP_KILLED | OP_END_UNSEEN)) /* it returned nothing, or nobody saw what */
		return;
	if (failed)
		snprintf(text, sizeof(text), "= %s", fmt_errno(value, op->ret == INT64_MIN ? INT64_MAX : -op->ret));
	else
		snprintf(text, sizeof(text), "= %lld", (long long)op->ret);
	wrap_put(w, failed ? C_RED : C_NONE, text);
}

static void print_head(const struct tree *t)
{
	struct wrap w = { .v = &t->v, .lead = "  ", .gap = "  " };
	const struct op *op = t->op;
	char text[512], name[256];

	head_what(&w, op);
	if (op->dev && *op->dev) {
		snprintf(text, sizeof(text), "on %s", fmt_escape(name, sizeof(name), op->dev));
		wrap_put(&w, C_NONE, text);
	}
	fmt_escape(name, sizeof(name), op->comm);
	if (op->pid == op->tid)
		snprintf(text, sizeof(text), "by %s[%u]", name, op->pid);
	else
		snprintf(text, sizeof(text), "by %s[%u/%u]", name, op->pid, op->tid);
	wrap_put(&w, C_NONE, text);
	if (t->v.o.verbose && op->cgroup && *op->cgroup) {
		snprintf(text, sizeof(text), "in %s", fmt_escape(name, sizeof(name), op->cgroup));
		wrap_put(&w, C_NONE, text);
	}
	head_result(&w, op);
	head_flags(&w, op);
	head_counts(&w, t);
	fputc('\n', t->v.o.out);
}

/* Room for every line there can be, and one to spare for add(). */
static int tree_alloc(struct tree *t, const struct op *op)
{
	t->cap = PART_N + 2 + op->nwaits + 2 * op->nstages + 2;
	t->node = calloc((size_t)t->cap + 1, sizeof(*t->node));
	t->req = calloc((size_t)op->nstages + 1, sizeof(*t->req));
	return t->node && t->req ? 0 : -ENOMEM;
}

static int tree_op(void *self, const struct op *op)
{
	struct tree *t = self;
	int err;

	t->op = op;
	t->n = t->nreqs = 0;
	err = tree_alloc(t, op);
	if (!err) {
		add_parts(t);
		add_requests(t);
		print_head(t);
		print_nodes(t);
		fputc('\n', t->v.o.out);
		err = view_result(&t->v);
	}
	free(t->node);
	free(t->req);
	t->node = NULL;
	t->req = NULL;
	return err;
}

const struct sink sink_tree = {
	.name = "tree",
	.open = tree_open,
	.op = tree_op,
	.delay = sched_tree,
	.call = why_tree,
	.resize = view_resize,
	.flush = view_flush,
	.close = view_close,
};
