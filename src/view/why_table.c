/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The summary of spoor why: the whole and its parts, the critical path, then waits, run queue, system calls and threads,
 * the largest first. Shares are of the whole wall time everywhere but in the path and in a thread's row.
 */
#include <errno.h>

#include "view/why.h"

enum { MOST_WAITS = 15, MOST_RUNQ = 10, MOST_CALLS = 12, MOST_THREADS = 15 };

/* Without --verbose, what tasks of the same name did is one. */
struct sum {
	const char *what;             /* reason; system call; "" */
	struct ender by;
	uint64_t count, ns, max, cpu, before;
	unsigned int tasks;           /* how many ids `by` stands for */
	const struct why_wait *longest;
};

/* One of the tables of sums. */
struct sums {
	const char *title, *what, *by, *key; /* heads; what, by NULL: no such column */
	const char *things;           /* "waits", for those that are not shown */
	bool cpu;                     /* its key is CPU time, and there is a duration too */
	unsigned int n, most;
	struct sum *v;
};

/* ---- sums ---- */

static uint64_t sum_key(const struct sums *t, const struct sum *s)
{
	return t->cpu ? s->cpu : s->ns;
}

static int compare_names(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	int r = strcmp(x->what, y->what);

	r = r ? r : strcmp(x->by.kind, y->by.kind);
	r = r ? r : strcmp(x->by.name, y->by.name);
	return r ? r : (x->by.tid > y->by.tid) - (x->by.tid < y->by.tid);
}

static int compare_ns(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	int r = (x->ns < y->ns) - (x->ns > y->ns);

	return r ? r : compare_names(a, b);
}

static int compare_cpu(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	int r = (x->cpu < y->cpu) - (x->cpu > y->cpu);

	return r ? r : compare_ns(a, b);
}

static bool same_names(const struct sum *a, const struct sum *b)
{
	return !strcmp(a->what, b->what) && !strcmp(a->by.kind, b->by.kind) && !strcmp(a->by.name, b->by.name);
}

static void sum_add(struct sum *to, const struct sum *s)
{
	to->tasks += to->by.tid != s->by.tid;
	to->by.tid = s->by.tid; /* in order: so each counts once */
	to->count += s->count;
	to->before += s->before;
	to->ns += s->ns;
	to->cpu += s->cpu;
	if (s->max > to->max) {
		to->max = s->max;
		to->longest = s->longest;
	}
}

static void sums_fold(struct sums *t)
{
	unsigned int n = 0;

	qsort(t->v, t->n, sizeof(*t->v), compare_names);
	for (unsigned int i = 0; i < t->n; i++)
		if (n && same_names(&t->v[n - 1], &t->v[i]))
			sum_add(&t->v[n - 1], &t->v[i]);
		else
			t->v[n++] = t->v[i];
	t->n = n;
}

enum { S_WHAT, S_BY, S_COUNT, S_KEY, S_SHARE, S_NS, S_MEAN, S_MAX, S_HELD, S_N };

static void set_columns(struct grid *g, const struct sums *t)
{
	const struct col cols[S_N] = {
		[S_WHAT] = { .head = t->what ? t->what : "", .left = true, .min = 12, .gone = !t->what },
		[S_BY] = { .head = t->by ? t->by : "", .left = true, .min = 12, .gone = !t->by },
		[S_COUNT] = { .head = "count", .group = true },
		[S_KEY] = { .head = t->key },
		[S_SHARE] = { .head = "share" },
		[S_NS] = { .head = "lasted", .gone = !t->cpu, .group = true },
		[S_MEAN] = { .head = "mean" },
		[S_MAX] = { .head = "max", .gone = true },
		[S_HELD] = { .head = "holder", .left = true, .group = true, .min = 8, .rank = 1, .gone = true },
	};

	memcpy(g->col, cols, sizeof(cols));
}

static void set_names(struct grid *g, unsigned int i, const struct sum *s)
{
	char who[WHO_LEN], text[WHO_LEN + 64];
	int n;

	fmt_escape(grid_cell(g, i, S_WHAT)->s, CELL_LEN, s->what);
	grid_cell(g, i, S_WHAT)->color = C_BOLD;
	why_who(who, &s->by, s->tasks == 1);
	if (s->tasks > 1)
		n = snprintf(text, sizeof(text), "%s (%u)", who, s->tasks);
	else
		n = snprintf(text, sizeof(text), "%s", who);
	if (s->before && s->before == s->count)
		snprintf(text + n, sizeof(text) - (size_t)n, ", began before");
	else if (s->before)
		snprintf(text + n, sizeof(text) - (size_t)n, ", %llu began before", (unsigned long long)s->before);
	fmt_cut(grid_cell(g, i, S_BY)->s, CELL_LEN, text, CELL_LEN, false);
}

static void set_held(struct grid *g, unsigned int i, const struct why_wait *w)
{
	char text[WHO_LEN], owner[64];

	if (!w || !w->owner_tid)
		return;
	snprintf(text, sizeof(text), "%s[%u]", fmt_escape(owner, sizeof(owner), w->owner), w->owner_tid);
	fmt_cut(grid_cell(g, i, S_HELD)->s, CELL_LEN, text, CELL_LEN, false);
	g->col[S_HELD].gone = false;
}

static void set_sum(struct grid *g, unsigned int i, const struct sums *t, uint64_t wall)
{
	const struct sum *s = &t->v[i];

	set_names(g, i, s);
	fmt_count(grid_cell(g, i, S_COUNT)->s, s->count);
	fmt_time(grid_cell(g, i, S_KEY)->s, sum_key(t, s));
	fmt_percent(grid_cell(g, i, S_SHARE)->s, sum_key(t, s), wall);
	fmt_time(grid_cell(g, i, S_NS)->s, s->ns);
	fmt_time(grid_cell(g, i, S_MEAN)->s, s->count ? s->ns / s->count : 0);
	fmt_time(grid_cell(g, i, S_MAX)->s, s->max);
	g->col[S_MAX].gone = g->col[S_MAX].gone && !s->max;
	set_held(g, i, s->longest);
}

static void print_more(const struct view *v, const struct sums *t, unsigned int shown)
{
	char ns[FMT_LEN];
	uint64_t rest = 0;

	for (unsigned int i = shown; i < t->n; i++)
		rest += sum_key(t, &t->v[i]);
	if (t->n > shown)
		fprintf(v->o.out, "and %u more %s, together %s (--verbose)\n", t->n - shown, t->things, fmt_time(ns, rest));
}

static unsigned int at_most(const struct view *v, unsigned int n, unsigned int most)
{
	return v->o.verbose || n < most ? n : most;
}

static void print_title(const struct view *v, const char *title)
{
	char cut[256];

	fputc('\n', v->o.out);
	view_text(v, C_BOLD, v->o.width ? fmt_cut(cut, sizeof(cut), title, v->o.width, false) : title, 0, false);
	fputc('\n', v->o.out);
}

/* Of the longest wait: where, for what lock, and where who held it slept. */
static void print_longest(const struct view *v, const struct why_wait *w)
{
	const char *name = w->lock_name ? w->lock_name : "";
	char lock[128], owner[64];

	if (w->stack)
		view_stack(v, "    ", w->stack);
	if (!w->lock || (!*name && !w->owner_stack))
		return;
	fputs("    the lock", v->o.out);
	if (*name)
		fprintf(v->o.out, " %s", fmt_escape(lock, sizeof(lock), name));
	if (w->owner_tid)
		fprintf(v->o.out, ", held by %s[%u]", fmt_escape(owner, sizeof(owner), w->owner), w->owner_tid);
	fprintf(v->o.out, "%s\n", w->owner_stack ? ", who slept in" : "");
	if (w->owner_stack)
		view_stack(v, "      ", w->owner_stack);
}

/* Folds, sorts, prints and frees them. */
static int print_sums(const struct view *v, struct sums *t, uint64_t wall)
{
	unsigned int n;
	struct grid g;

	if (!v->o.verbose)
		sums_fold(t);
	qsort(t->v, t->n, sizeof(*t->v), t->cpu ? compare_cpu : compare_ns);
	n = at_most(v, t->n, t->most);
	if (grid_init(&g, S_N, n)) {
		free(t->v);
		return -ENOMEM;
	}
	set_columns(&g, t);
	for (unsigned int i = 0; i < n; i++)
		set_sum(&g, i, t, wall);
	print_title(v, t->title);
	grid_measure(&g);
	grid_fit(&g, v->o.width);
	grid_head(&g, v);
	for (unsigned int i = 0; i < n; i++) {
		grid_row(&g, v, i);
		if (v->o.verbose && t->v[i].longest)
			print_longest(v, t->v[i].longest);
	}
	print_more(v, t, n);
	grid_free(&g);
	free(t->v);
	return 0;
}

static int print_waits(const struct view *v, const struct why *w)
{
	struct sums t = { .title = "waits, by reason and by who ended them", .what = "reason", .by = "by", .key = "waited",
			  .things = "waits", .n = w->nwaits, .most = MOST_WAITS };

	t.v = calloc(t.n + 1, sizeof(*t.v));
	if (!t.v)
		return -ENOMEM;
	for (unsigned int i = 0; i < t.n; i++)
		t.v[i] = (struct sum){ .what = w->waits[i].reason, .by = w->waits[i].by, .count = w->waits[i].count,
				       .ns = w->waits[i].ns, .max = w->waits[i].max, .before = w->waits[i].before, .tasks = 1,
				       .longest = &w->waits[i] };
	return print_sums(v, &t, w->wall);
}

static int print_runq(const struct view *v, const struct why *w)
{
	struct sums t = { .title = "run queue, by who had the CPU", .by = "by", .key = "waited", .things = "tasks",
			  .n = w->nrunq, .most = MOST_RUNQ };

	t.v = calloc(t.n + 1, sizeof(*t.v));
	if (!t.v)
		return -ENOMEM;
	for (unsigned int i = 0; i < t.n; i++)
		t.v[i] = (struct sum){ .what = "", .by = w->runq[i].by, .count = w->runq[i].count, .ns = w->runq[i].ns,
				       .tasks = 1 };
	return print_sums(v, &t, w->wall);
}

/* A thread of the process that has its name: the first, or any. */
static const char *process_name(const struct why *w, uint32_t pid)
{
	const char *name = "";

	for (unsigned int i = 0; i < w->nthreads; i++) {
		if (w->threads[i].pid != pid)
			continue;
		name = w->threads[i].comm;
		if (w->threads[i].tid == pid)
			break;
	}
	return name;
}

static int print_syscalls(const struct view *v, const struct why *w)
{
	struct sums t = { .title = "system calls, by their CPU time", .what = "call", .key = "CPU", .things = "calls",
			  .cpu = true, .n = w->nsyscalls, .most = MOST_CALLS };

	t.v = calloc(t.n + 1, sizeof(*t.v));
	if (!t.v)
		return -ENOMEM;
	for (unsigned int i = 0; i < t.n; i++) {
		const struct why_syscall *s = &w->syscalls[i];

		t.v[i] = (struct sum){ .what = s->name, .by = { .kind = "task", .name = process_name(w, s->pid), .pid = s->pid,
				       .tid = s->pid }, .count = s->count, .ns = s->ns, .max = s->max, .cpu = s->cpu, .tasks = 1 };
		t.by = s->pid ? "process" : t.by;
	}
	return print_sums(v, &t, w->wall);
}

/* ---- threads ---- */

enum { T_COMM, T_PID, T_TID, T_WALL, T_PARTS, T_LIFE = T_PARTS + WHY_PART_N, T_TOP, T_N };

static const char *life_text(const struct why_thread *t)
{
	if (t->before)
		return t->ended ? "ended" : "";
	return t->ended ? "began, ended" : "began";
}

/* "82.1% child (cc1)" */
static const char *wait_text(char buf[CELL_LEN], const struct why_thread *t, const struct why_wait *w)
{
	char text[WHO_LEN + 160], who[WHO_LEN], reason[96], percent[FMT_LEN];

	snprintf(text, sizeof(text), "%s %s (%s)", fmt_percent(percent, w->ns, t->wall),
		 fmt_escape(reason, sizeof(reason), w->reason), why_who(who, &w->by, false));
	return fmt_cut(buf, CELL_LEN, text, CELL_LEN, false);
}

static void set_thread(struct grid *g, unsigned int i, const struct why_thread *t)
{
	enum { H = RANK_HARD };
	static const unsigned int hard[WHY_PART_N] = { H + 9, H + 8, H, H + 1, H + 5, H + 4, H + 3, H + 10, H + 7 };

	fmt_escape(grid_cell(g, i, T_COMM)->s, CELL_LEN, t->comm);
	grid_cell(g, i, T_COMM)->color = C_BOLD;
	snprintf(grid_cell(g, i, T_PID)->s, CELL_LEN, "%u", t->pid);
	snprintf(grid_cell(g, i, T_TID)->s, CELL_LEN, "%u", t->tid);
	if (t->pid != t->tid) { /* then that names it well enough where there is no room */
		g->col[T_TID].gone = false;
		g->col[T_PID].rank = 4;
	}
	fmt_time(grid_cell(g, i, T_WALL)->s, t->wall);
	for (unsigned int p = 0; p < WHY_PART_N; p++) {
		struct cell *cell = grid_cell(g, i, T_PARTS + p);

		fmt_percent(cell->s, t->part[p], t->wall);
		cell->color = !t->part[p] ? C_DIM : t->part[p] >= t->wall / 10 ? why_colors[p] : C_NONE;
		if (t->part[p] && t->part[p] >= t->wall / 100)
			g->col[T_PARTS + p].rank = hard[p];
		g->col[T_PARTS + p].gone = g->col[T_PARTS + p].gone && !t->part[p];
	}
	snprintf(grid_cell(g, i, T_LIFE)->s, CELL_LEN, "%s", life_text(t));
	if (t->nwaits)
		wait_text(grid_cell(g, i, T_TOP)->s, t, t->waits);
}

static void set_thread_columns(struct grid *g, const struct view *v)
{
	g->col[T_COMM] = (struct col){ .head = "thread", .left = true, .min = 8 };
	g->col[T_PID] = (struct col){ .head = "pid", .rank = RANK_HARD + 6 };
	g->col[T_TID] = (struct col){ .head = "tid", .gone = true };
	g->col[T_WALL] = (struct col){ .head = "wall" };
	for (unsigned int p = 0; p < WHY_PART_N; p++)
		g->col[T_PARTS + p] = (struct col){ .head = why_part_names[p], .group = !p, .rank = 5 + p, .gone = p >= WHY_IRQ };
	g->col[T_LIFE] = (struct col){ .head = "window", .left = true, .rank = 1, .gone = !v->o.verbose };
	g->col[T_TOP] = (struct col){ .head = "mostly", .left = true, .min = 18, .rank = RANK_HARD + 2 };
}

/* What else it waited for. */
static void print_thread_waits(const struct view *v, const struct why_thread *t)
{
	struct wrap w = { .v = v, .lead = "    ", .gap = " ", .col = 4 };
	char text[CELL_LEN], item[CELL_LEN + 1];

	if (t->nwaits < 2)
		return;
	fputs(w.lead, v->o.out);
	for (unsigned int i = 1; i < t->nwaits; i++) {
		snprintf(item, sizeof(item), "%s%s", wait_text(text, t, &t->waits[i]), i + 1 < t->nwaits ? "," : "");
		wrap_cut(&w, C_DIM, item);
	}
	fputc('\n', v->o.out);
}

static int print_threads(const struct view *v, const struct why *w)
{
	unsigned int n = at_most(v, w->nthreads, MOST_THREADS);
	uint64_t rest = 0;
	char ns[FMT_LEN];
	struct grid g;

	if (grid_init(&g, T_N, n))
		return -ENOMEM;
	set_thread_columns(&g, v);
	for (unsigned int i = 0; i < n; i++)
		set_thread(&g, i, &w->threads[i]);
	print_title(v, "threads, by their CPU time");
	grid_measure(&g);
	grid_fit(&g, v->o.width);
	grid_head(&g, v);
	for (unsigned int i = 0; i < n; i++) {
		grid_row(&g, v, i);
		if (v->o.verbose)
			print_thread_waits(v, &w->threads[i]);
	}
	grid_free(&g);
	for (unsigned int i = n; i < w->nthreads; i++)
		rest += w->threads[i].wall;
	if (w->nthreads > n)
		fprintf(v->o.out, "and %u more threads, together %s of wall time (--verbose)\n", w->nthreads - n,
			fmt_time(ns, rest));
	return 0;
}

/* ---- the whole ---- */

static void print_whole(const struct view *v, const struct summary *sum)
{
	char text[96], wall[FMT_LEN], window[FMT_LEN], name[128];
	const struct why *w = sum->why;

	snprintf(text, sizeof(text), "%u thread%s", w->nthreads, w->nthreads == 1 ? "" : "s");
	view_text(v, C_BOLD, text, 0, false);
	fprintf(v->o.out, ", %s of wall time in a window of %s\n", fmt_time(wall, w->wall), fmt_time(window, sum->ns));
	if (!*w->call)
		return;
	view_text(v, C_BOLD, fmt_escape(name, sizeof(name), w->call), 0, false);
	fprintf(v->o.out, ": %llu call%s, %llu slow\n", (unsigned long long)w->calls, w->calls == 1 ? "" : "s",
		(unsigned long long)w->slow);
}

static void print_parts(const struct view *v, const struct why *w)
{
	static const char *const meaning[WHY_PART_N] = {
		"on the CPU, its own code", "on the CPU, in the kernel", "interrupts that came meanwhile",
		"softirqs that came meanwhile", "could run; had to give up its CPU", "was woken; had no CPU yet",
		"could run; its cpu.max was used up", "blocked", "records of it were lost",
	};
	const bool explain = !v->o.width || v->o.width >= 72;
	const unsigned int used = 11 + (explain ? 35 : 0) + 8 + 8 + 2;
	unsigned int bar = !v->o.width || v->o.width >= used + 40 ? 40 : v->o.width > used ? v->o.width - used : 0;
	char n[FMT_LEN];

	print_title(v, "where the time went");
	for (unsigned int p = 0; p < WHY_PART_N; p++) {
		if (!w->part[p] && !v->o.verbose)
			continue;
		view_text(v, w->part[p] ? C_BOLD : C_DIM, why_part_names[p], 11, false);
		if (explain)
			view_text(v, C_DIM, meaning[p], 35, false);
		view_text(v, C_NONE, fmt_time(n, w->part[p]), 8, true);
		view_text(v, C_NONE, fmt_percent(n, w->part[p], w->wall), 8, true);
		fputs(w->part[p] ? "  " : "", v->o.out);
		view_bar(v, why_colors[p], w->part[p], w->wall, bar);
		fputc('\n', v->o.out);
	}
}

static void path_title(const struct view *v, const struct why *w)
{
	char text[256], name[128], ns[FMT_LEN];
	const struct crit *c = &w->path;

	if (*w->call)
		snprintf(text, sizeof(text), "critical path of %llu slow call%s of %s, together %s", (unsigned long long)w->slow,
			 w->slow == 1 ? "" : "s", fmt_escape(name, sizeof(name), w->call), fmt_time(ns, c->ns));
	else
		snprintf(text, sizeof(text), "critical path of %s[%u], %s", fmt_escape(name, sizeof(name), c->comm), c->tid,
			 fmt_time(ns, c->ns));
	print_title(v, text);
}

static int print_paths(const struct view *v, const struct why *w)
{
	int err = 0;

	if (w->path.n) {
		path_title(v, w);
		err = why_mostly(v, &w->path, "");
		if (!err)
			err = why_path(v, &w->path, v->o.verbose ? WHY_PATH_ALL : 0);
	}
	if (!err && w->chain.n && v->o.verbose) {
		print_title(v, "the same on its time axis");
		err = why_path(v, &w->chain, WHY_PATH_AXIS);
	}
	return err;
}

int why_table(struct view *v, const struct summary *sum)
{
	const struct why *w = sum->why;
	int err = 0;

	print_whole(v, sum);
	if (w->wall) {
		print_parts(v, w);
		err = print_paths(v, w);
	}
	if (!err && w->nwaits)
		err = print_waits(v, w);
	if (!err && w->nrunq)
		err = print_runq(v, w);
	if (!err && w->nsyscalls)
		err = print_syscalls(v, w);
	if (!err && w->nthreads)
		err = print_threads(v, w);
	fputc('\n', v->o.out);
	return err;
}
