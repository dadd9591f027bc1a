/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * A critical path as a tree: what a thread waited for, what those who ended the waits did meanwhile, and so on. The lines
 * are chosen first (what is small is left out, and said so where it adds up), then measured, then printed.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>

#include "view/why.h"

enum { MOST_LINES = 30, MAX_DEPTH = 16, PREFIX_LEN = 4 * 3 * MAX_DEPTH + 1, LEAD_LEN = PREFIX_LEN + 128 };
enum { MOST_LEAVES = 5, SEGMENTS = 6, SEGMENT_LEN = WHO_LEN + 64 };

const enum color why_colors[WHY_PART_N] = {
	[WHY_USER] = C_GREEN, [WHY_KERNEL] = C_GREEN, [WHY_IRQ] = C_MAGENTA, [WHY_SOFTIRQ] = C_MAGENTA,
	[WHY_PREEMPTED] = C_YELLOW, [WHY_WOKEN] = C_YELLOW, [WHY_THROTTLED] = C_YELLOW,
	[WHY_WAIT] = C_CYAN, [WHY_UNKNOWN] = C_RED,
};

/* A node, or what was left out below another. */
struct line {
	const struct crit_node *node; /* NULL: `others` of them */
	unsigned int depth, more;     /* bit d: a later line at depth d hangs on the same branch */
	uint64_t ns;
	unsigned int others;
};

struct path {
	const struct view *v;
	const struct crit *c;
	unsigned int flags;
	uint64_t least;               /* nodes of at least this are shown, */
	unsigned int ties;            /* of exactly this so many */
	unsigned int n, few;          /* few: nodes left out without a line of their own */
	uint64_t few_ns;
	struct line *line;
	unsigned int figures, bar;    /* columns */
	bool counts;
};

/* What a line says, in pieces between which it may break. */
struct text { unsigned int n; char s[SEGMENTS][SEGMENT_LEN]; };

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->n == SEGMENTS)
		return;
	va_start(ap, fmt);
	vsnprintf(t->s[t->n], SEGMENT_LEN, fmt, ap);
	va_end(ap);
	t->n += t->s[t->n][0] != '\0';
}

char *why_who(char buf[WHO_LEN], const struct ender *by, bool tid)
{
	static const struct { const char *kind, *bare, *named; } kinds[] = {
		{ "timer", "a timer", "timer " }, { "device", "a device", "device " }, { "network", "the network", "network " },
		{ "irq", "an interrupt", "interrupt " }, { "softirq", "a softirq", "softirq " }, { "unknown", "unknown", "" },
		{ "", "nobody", "" },
	};
	char name[WHO_LEN - 32];

	fmt_escape(name, sizeof(name), by->name);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(by->kind, kinds[i].kind)) {
			snprintf(buf, WHO_LEN, "%s%s", *name ? kinds[i].named : kinds[i].bare, name);
			return buf;
		}
	if (!*name)
		snprintf(buf, WHO_LEN, "task %u", by->tid);
	else if (tid)
		snprintf(buf, WHO_LEN, "%s[%u]", name, by->tid);
	else
		snprintf(buf, WHO_LEN, "%s", name);
	return buf;
}

/* ---- which lines ---- */

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

/* What is shown: at least 1 % of the path, and no more than fit on a screen. A short story is told whole. */
static int set_limit(struct path *p)
{
	const struct crit *c = p->c;
	uint64_t *ns;

	p->ties = UINT_MAX;
	if (p->flags & WHY_PATH_ALL || (p->flags & WHY_PATH_AXIS && c->n <= MOST_LINES))
		return 0;
	p->least = (c->ns + 99) / 100;
	if (c->n <= MOST_LINES)
		return 0;
	ns = calloc(c->n, sizeof(*ns));
	if (!ns)
		return -ENOMEM;
	for (unsigned int i = 0; i < c->n; i++)
		ns[i] = c->node[i].ns;
	qsort(ns, c->n, sizeof(*ns), compare_ns);
	if (ns[MOST_LINES - 1] >= p->least) {
		p->least = ns[MOST_LINES - 1];
		p->ties = 0;
		for (unsigned int i = 0; i < MOST_LINES; i++)
			p->ties += ns[i] == p->least;
	}
	free(ns);
	return 0;
}

static bool is_shown(struct path *p, const struct crit_node *n)
{
	if (n->ns == p->least && p->ties) {
		p->ties--;
		return true;
	}
	return n->ns > p->least;
}

/* All at `depth` and below from node i on, then what was left out of those; returns the node behind them. */
static unsigned int add_level(struct path *p, unsigned int i, unsigned int depth)
{
	const struct crit *c = p->c;
	struct line rest = { .depth = depth };

	while (i < c->n && (!depth || c->node[i].depth >= depth)) {
		const struct crit_node *n = &c->node[i++];

		if (is_shown(p, n)) {
			p->line[p->n++] = (struct line){ .node = n, .depth = depth, .ns = n->ns };
			if (depth + 1 < MAX_DEPTH)
				i = add_level(p, i, depth + 1);
			continue;
		}
		rest.others++;
		rest.ns += n->ns;
		while (i < c->n && c->node[i].depth > n->depth)
			i++;
	}
	if (rest.others && rest.ns >= c->ns / 100) {
		p->line[p->n++] = rest;
	} else {
		p->few += rest.others;
		p->few_ns += rest.ns;
	}
	return i;
}

/* From the last line up: which branches go on below each. */
static void set_branches(struct path *p)
{
	unsigned int open = 0;

	for (unsigned int i = p->n; i-- > 0;) {
		struct line *l = &p->line[i];

		open &= (2U << l->depth) - 1;
		l->more = open;
		open |= 1U << l->depth;
	}
}

/* ---- what they say ---- */

/* "(user 80%, kernel 18%, irq 2%)" */
static void say_parts(struct text *t, const struct crit_node *n)
{
	char text[SEGMENT_LEN];
	size_t used = 0;

	for (unsigned int i = 0; i < WHY_CPU_N; i++) {
		uint64_t percent = n->ns ? view_round((double)n->part[i] * 100 / (double)n->ns) : 0;

		if (percent)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %" PRIu64 "%%", used ? ", " : "(",
						 why_part_names[i], percent);
	}
	if (used)
		say(t, "%s)", text);
}

static void say_runq(struct text *t, const struct crit_node *n)
{
	bool throttled = !strcmp(n->reason, "throttled");
	char reason[64], who[WHO_LEN];

	fmt_escape(reason, sizeof(reason), n->reason);
	say(t, "on the run queue");
	if (throttled || !*n->by.kind)
		say(t, "(%s%s)", reason, throttled ? " by cpu.max" : "");
	else
		say(t, "(%s; %s had the CPU)", reason, why_who(who, &n->by, false));
}

static void say_wait(struct text *t, const struct crit_node *n, bool tid)
{
	char reason[96], who[WHO_LEN];

	fmt_escape(reason, sizeof(reason), n->reason);
	if (*n->by.kind && strcmp(n->by.kind, "unknown")) {
		say(t, "waits for");
		say(t, "%s:", why_who(who, &n->by, tid));
		say(t, "%s", reason);
	} else {
		say(t, "waits:");
		say(t, "%s", reason);
		say(t, *n->by.kind ? "(who ended it is unknown)" : "(not ended yet)");
	}
	if (n->before && n->before == n->count)
		say(t, "(began before)");
	else if (n->before)
		say(t, "(%llu began before)", (unsigned long long)n->before);
}

static void line_text(const struct path *p, const struct line *l, struct text *t)
{
	const struct crit_node *n = l->node;
	bool tid = p->flags & WHY_PATH_AXIS; /* merged, it is one of perhaps many */
	char comm[64], reason[96];

	t->n = 0;
	if (!n) {
		say(t, "%u other%s", l->others, l->others == 1 ? "" : "s");
		return;
	}
	fmt_escape(comm, sizeof(comm), n->comm);
	fmt_escape(reason, sizeof(reason), n->reason);
	if (tid)
		say(t, "%s[%u]", comm, n->tid);
	else
		say(t, "%s", comm);
	if (n->kind == CRIT_CPU) {
		say(t, "on the CPU%s%s", *reason ? " in " : "", reason);
		say_parts(t, n);
	} else if (n->kind == CRIT_RUNQ) {
		say_runq(t, n);
	} else if (n->kind == CRIT_WAIT) {
		say_wait(t, n, tid);
	} else {
		say(t, "unknown");
		say(t, *reason ? "(%s)" : "%s", reason);
	}
}

static enum color line_color(const struct line *l)
{
	static const enum color colors[CRIT_KIND_N] = { C_GREEN, C_YELLOW, C_CYAN, C_RED };

	if (!l->node)
		return C_DIM;
	return l->node->kind == CRIT_WAIT && !strcmp(l->node->by.kind, "device") ? C_BLUE : colors[l->node->kind];
}

/* ---- what it comes to: the leaves, which tile the path ---- */

struct leaf { enum crit_kind kind; const char *by, *name; uint64_t ns; };

static int compare_leaf_names(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;
	int r = (x->kind > y->kind) - (x->kind < y->kind);

	r = r ? r : strcmp(x->by, y->by);
	return r ? r : strcmp(x->name, y->name);
}

static int compare_leaf_ns(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;
	int r = (x->ns < y->ns) - (x->ns > y->ns);

	return r ? r : compare_leaf_names(a, b);
}

/* Of a wait who ended it, where nobody did its reason; else whose time it is. */
static struct leaf leaf_of(const struct crit_node *n)
{
	struct leaf leaf = { .kind = n->kind, .by = "", .name = n->comm, .ns = n->ns };

	if (n->kind == CRIT_WAIT) {
		leaf.by = n->by.kind;
		leaf.name = *n->by.kind && strcmp(n->by.kind, "unknown") ? n->by.name : n->reason;
	}
	return leaf;
}

static unsigned int find_leaves(const struct crit *c, struct leaf *leaf)
{
	unsigned int n = 0, all = 0;

	for (unsigned int i = 0; i < c->n; i++)
		if (i + 1 == c->n || c->node[i + 1].depth <= c->node[i].depth)
			leaf[all++] = leaf_of(&c->node[i]);
	qsort(leaf, all, sizeof(*leaf), compare_leaf_names);
	for (unsigned int i = 0; i < all; i++)
		if (n && !compare_leaf_names(&leaf[n - 1], &leaf[i]))
			leaf[n - 1].ns += leaf[i].ns;
		else
			leaf[n++] = leaf[i];
	qsort(leaf, n, sizeof(*leaf), compare_leaf_ns);
	return n;
}

/* "cc1 on the CPU 58.7%" */
static void leaf_text(char *buf, size_t cap, const struct leaf *l, uint64_t whole, const char *comma)
{
	static const char *const after[CRIT_KIND_N] = { " on the CPU", " on the run queue", "", " unknown" };
	const struct ender by = { .kind = l->by, .name = l->name };
	bool known = *l->by && strcmp(l->by, "unknown");
	char name[96], who[WHO_LEN], percent[FMT_LEN];
	const char *before = "";

	if (l->kind == CRIT_WAIT && !known)
		before = "waiting: ";
	else if (l->kind == CRIT_WAIT && !strcmp(l->by, "task"))
		before = "waiting for ";
	snprintf(buf, cap, "%s%s%s %s%s", before, known ? why_who(who, &by, false) : fmt_escape(name, sizeof(name), l->name),
		 after[l->kind], fmt_percent(percent, l->ns, whole), comma);
}

int why_mostly(const struct view *v, const struct crit *c, const char *lead)
{
	struct leaf *leaf = calloc((size_t)c->n + 1, sizeof(*leaf));
	struct wrap w = { .v = v, .lead = lead, .gap = " " };
	unsigned int n, most = 1;
	char text[WHO_LEN + 64];

	if (!leaf)
		return -ENOMEM;
	n = find_leaves(c, leaf);
	fprintf(v->o.out, "%smostly ", lead);
	w.col = fmt_width(lead) + fmt_width("mostly ");
	while (most < n && most < MOST_LEAVES && leaf[most].ns >= c->ns / 20)
		most++;
	for (unsigned int i = 0; i < n && i < most; i++) {
		leaf_text(text, sizeof(text), &leaf[i], c->ns, i + 1 < most ? "," : "");
		wrap_cut(&w, i ? C_NONE : C_BOLD, text);
	}
	fputc('\n', v->o.out);
	free(leaf);
	return 0;
}

/* ---- printing ---- */

/* The branches left of a line; `below`: of the text under it. */
static char *line_prefix(const struct path *p, const struct line *l, bool below, char buf[PREFIX_LEN])
{
	const char *pass = p->v->utf8 ? "│  " : "|  ", *fork = p->v->utf8 ? "├─ " : "|- ";
	const char *end = p->v->utf8 ? "└─ " : "`- ";
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int d = 1; d <= l->depth; d++) {
		bool more = l->more >> d & 1;
		const char *s = d < l->depth || below ? (more ? pass : "   ") : more ? fork : end;

		used += (size_t)snprintf(buf + used, PREFIX_LEN - used, "%s", s);
	}
	return buf;
}

/* The bar takes what the texts leave. */
static void measure(struct path *p)
{
	bool axis = p->flags & WHY_PATH_AXIS;
	unsigned int most = axis ? 40 : 24, least = 8, width = p->v->o.width, longest = 0;
	char prefix[PREFIX_LEN];
	struct text t;

	for (unsigned int i = 0; i < p->n; i++) {
		unsigned int w = fmt_width(line_prefix(p, &p->line[i], false, prefix));

		line_text(p, &p->line[i], &t);
		for (unsigned int k = 0; k < t.n; k++)
			w += fmt_width(t.s[k]) + (k ? 1 : 0);
		longest = w > longest ? w : longest;
		p->counts = p->counts || (p->line[i].node && p->line[i].node->count > 1);
	}
	p->counts = p->counts && !axis;
	p->figures = axis ? 8 + 8 : 6 + 8 + (p->counts ? 9 : 0);
	if (width && width < p->figures + longest + 4 + most)
		p->bar = width > p->figures + longest + 4 + least ? width - p->figures - longest - 4 : width < 60 ? 0 : least;
	else
		p->bar = most;
}

static void print_figures(const struct path *p, const struct line *l)
{
	char text[FMT_LEN + 8], n[FMT_LEN];
	const struct view *v = p->v;
	const struct crit *c = p->c;

	if (p->flags & WHY_PATH_AXIS) {
		snprintf(text, sizeof(text), "+%s", fmt_time(n, l->node && l->node->t > c->t ? l->node->t - c->t : 0));
		view_text(v, C_DIM, l->node ? text : "", 8, true);
		view_text(v, C_NONE, fmt_time(n, l->ns), 8, true);
		return;
	}
	view_text(v, C_BOLD, fmt_percent(n, l->ns, c->ns), 6, true);
	view_text(v, C_NONE, fmt_time(n, l->ns), 8, true);
	if (!p->counts)
		return;
	snprintf(text, sizeof(text), "%s %s", fmt_count(n, l->node ? l->node->count : 0), v->utf8 ? "×" : "x");
	view_text(v, C_DIM, l->node && l->node->count > 1 ? text : "", 9, true);
}

static void print_bar(const struct path *p, const struct line *l)
{
	const struct crit *c = p->c;
	unsigned int cells = 0;

	if (!p->bar)
		return;
	view_blanks(p->v, 2);
	if (!(p->flags & WHY_PATH_AXIS))
		cells = view_bar(p->v, line_color(l), l->ns, c->ns, p->bar);
	else if (l->node)
		cells = view_span(p->v, line_color(l), l->node->t > c->t ? l->node->t - c->t : 0, l->ns, c->ns, p->bar);
	view_blanks(p->v, p->bar > cells ? p->bar - cells : 0);
}

static void print_line(const struct path *p, const struct line *l)
{
	const unsigned int before = p->figures + (p->bar ? p->bar + 2 : 0) + 2;
	char prefix[PREFIX_LEN], lead[LEAD_LEN];
	const struct view *v = p->v;
	struct wrap w = { .v = v, .lead = lead, .gap = " " };
	struct text t;

	print_figures(p, l);
	print_bar(p, l);
	view_blanks(v, 2);
	view_text(v, C_DIM, line_prefix(p, l, false, prefix), 0, false);
	snprintf(lead, sizeof(lead), "%*s%s", (int)before, "", line_prefix(p, l, true, prefix));
	w.col = before + fmt_width(prefix);
	line_text(p, l, &t);
	for (unsigned int i = 0; i < t.n; i++)
		wrap_cut(&w, l->node ? C_NONE : C_DIM, t.s[i]);
	fputc('\n', v->o.out);
	if (l->node && l->node->stack && p->flags & WHY_PATH_ALL)
		view_stack(v, lead, l->node->stack);
}

static void print_rest(const struct path *p)
{
	char n[FMT_LEN], text[FMT_LEN + 80];

	if (p->few)
		fprintf(p->v->o.out, "and %u more below 1%%, together %s%s\n", p->few, fmt_time(n, p->few_ns),
			p->v->o.verbose ? "" : " (--verbose)");
	if (!p->c->cut)
		return;
	snprintf(text, sizeof(text), "%s more found no room: their time is in the waits above them", fmt_count(n, p->c->cut));
	view_text(p->v, C_RED, text, 0, false);
	fputc('\n', p->v->o.out);
}

int why_path(const struct view *v, const struct crit *c, unsigned int flags)
{
	struct path p = { .v = v, .c = c, .flags = flags };
	int err = set_limit(&p);

	if (err)
		return err;
	p.line = calloc((size_t)c->n + 1, sizeof(*p.line));
	if (!p.line)
		return -ENOMEM;
	add_level(&p, 0, 0);
	set_branches(&p);
	measure(&p);
	for (unsigned int i = 0; i < p.n; i++)
		print_line(&p, &p.line[i]);
	print_rest(&p);
	free(p.line);
	return 0;
}
