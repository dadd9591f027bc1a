/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The summary of scheduling: a table of CPUs with what they did, then processes, cgroups and preemptions, those with the
 * longest delays first.
 */
#include <errno.h>

#include "view/sched.h"

/* Columns of what is known of delays, from `first` on. */
enum { D_COUNT, D_NS, D_MEAN, D_P50, D_P99, D_P999, D_MAX, D_PREEMPTED, D_VOLUNTARY, D_INVOLUNTARY, D_MOVED, D_N };
enum { MOST_TASKS = 20, MOST_CGROUPS = 10, MOST_PREEMPTIONS = 10, MOST_LOCKS = 10, MAX_IDLE = 10 };

static void set_delay_columns(struct grid *g, unsigned int first)
{
	static const struct col cols[D_N] = {
		[D_COUNT] = { .head = "delays", .group = true },
		[D_NS] = { .head = "delayed" },
		[D_MEAN] = { .head = "mean", .rank = RANK_HARD + 3 },
		[D_P50] = { .head = "p50", .rank = 3 },
		[D_P99] = { .head = "p99", .rank = RANK_HARD + 4 },
		[D_P999] = { .head = "p99.9", .rank = 2 },
		[D_MAX] = { .head = "max" },
		[D_PREEMPTED] = { .head = "preempted", .rank = RANK_HARD + 2 },
		[D_VOLUNTARY] = { .head = "voluntary switches", .group = true, .rank = 4 },
		[D_INVOLUNTARY] = { .head = "involuntary switches", .rank = RANK_HARD },
		[D_MOVED] = { .head = "moved", .rank = RANK_HARD + 1 },
	};

	memcpy(&g->col[first], cols, sizeof(cols));
}

static void set_delays(struct grid *g, unsigned int row, unsigned int first, const struct delays *d)
{
	static const struct { unsigned int col; double q; } quantiles[] = { { D_P50, .5 }, { D_P99, .99 }, { D_P999, .999 } };
	const struct { unsigned int col; uint64_t n; } counts[] = {
		{ D_COUNT, d->count }, { D_VOLUNTARY, d->voluntary }, { D_INVOLUNTARY, d->involuntary }, { D_MOVED, d->migrations },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		fmt_count(grid_cell(g, row, first + counts[i].col)->s, counts[i].n);
	fmt_time(grid_cell(g, row, first + D_NS)->s, d->ns);
	fmt_time(grid_cell(g, row, first + D_MEAN)->s, d->count ? d->ns / d->count : 0);
	for (unsigned int k = 0; k < 3; k++)
		fmt_time(grid_cell(g, row, first + quantiles[k].col)->s,
			 view_round(hist_quantile(d->hist, d->count, quantiles[k].q, d->max)));
	fmt_time(grid_cell(g, row, first + D_MAX)->s, d->max);
	fmt_percent(grid_cell(g, row, first + D_PREEMPTED)->s, d->preempted_ns, d->ns);
}

/* d: whose histograms follow the rows with -H; NULL: they have none. */
static void print_rows(const struct view *v, struct grid *g, const struct delays *const d[])
{
	grid_measure(g);
	grid_fit(g, v->o.width);
	grid_head(g, v);
	for (unsigned int i = 0; i < g->nrows; i++) {
		grid_row(g, v, i);
		if (d && v->o.histograms)
			view_hist(v, d[i]->hist);
	}
}

static void print_more(const struct view *v, unsigned int all, unsigned int shown, const char *what)
{
	if (all > shown)
		fprintf(v->o.out, "and %u more %s (--verbose)\n", all - shown, what);
}

/* ---- CPUs ---- */

enum { C_CPU, C_PARTS, C_IDLE = C_PARTS + CPU_PART_N };

/* The idle states of all CPUs, each once. "none", the way in and out of them, is not worth a column. */
static unsigned int find_idle(const struct sched *s, const char *name[MAX_IDLE])
{
	unsigned int n = 0, k;

	for (unsigned int c = 0; c < s->ncpus; c++)
		for (unsigned int i = 1; i < s->cpus[c].nidle; i++) {
			for (k = 0; k < n && strcmp(name[k], s->cpus[c].idle[i].name); k++)
				;
			if (k == n && n < MAX_IDLE)
				name[n++] = s->cpus[c].idle[i].name;
		}
	return n;
}

static void set_cpu(struct grid *g, unsigned int i, const struct cpu_row *r, const char *const idle[], unsigned int nidle,
		    uint64_t window)
{
	static const enum color colors[CPU_PART_N] = { C_GREEN, C_MAGENTA, C_MAGENTA, C_CYAN, C_RED };

	snprintf(grid_cell(g, i, C_CPU)->s, CELL_LEN, "%u", r->cpu);
	for (unsigned int p = 0; p < CPU_PART_N; p++) {
		fmt_percent(grid_cell(g, i, C_PARTS + p)->s, r->part[p], window);
		grid_cell(g, i, C_PARTS + p)->color = !r->part[p] ? C_DIM : r->part[p] >= window / 10 ? colors[p] : C_NONE;
	}
	for (unsigned int k = 0; k < nidle; k++) {
		uint64_t ns = 0;

		for (unsigned int j = 1; j < r->nidle; j++)
			ns += strcmp(r->idle[j].name, idle[k]) ? 0 : r->idle[j].ns;
		fmt_percent(grid_cell(g, i, C_IDLE + k)->s, ns, window);
	}
	set_delays(g, i, C_IDLE + nidle, &r->d);
}

static int print_cpus(const struct view *v, const struct summary *sum)
{
	const struct sched *s = sum->sched;
	const char *idle[MAX_IDLE];
	unsigned int nidle = find_idle(s, idle);
	const struct delays **d = calloc(s->ncpus + 1, sizeof(*d));
	bool unknown = false;
	struct grid g;

	if (!d || grid_init(&g, C_IDLE + nidle + D_N, s->ncpus)) {
		free(d);
		return -ENOMEM;
	}
	g.col[C_CPU] = (struct col){ .head = "CPU", .left = true };
	for (unsigned int p = 0; p < CPU_PART_N; p++)
		g.col[C_PARTS + p] = (struct col){ .head = cpu_part_names[p], .group = !p };
	for (unsigned int k = 0; k < nidle; k++)
		g.col[C_IDLE + k] = (struct col){ .head = idle[k], .rank = 5, .group = !k };
	set_delay_columns(&g, C_IDLE + nidle);
	for (unsigned int i = 0; i < s->ncpus; i++) {
		set_cpu(&g, i, &s->cpus[i], idle, nidle, sum->ns);
		unknown = unknown || s->cpus[i].part[CPU_PART_UNKNOWN];
		d[i] = &s->cpus[i].d;
	}
	g.col[C_PARTS + CPU_PART_UNKNOWN].gone = !unknown;
	print_rows(v, &g, d);
	grid_free(&g);
	free(d);
	return 0;
}

/* ---- processes and cgroups ---- */

enum { T_NAME, T_PID, T_CLASS, T_CGROUP, T_RAN, T_DELAYS };

/* "other -5", "fifo 50": the policy with its nice value or real-time priority. */
void sched_class(char buf[CELL_LEN], const char *policy, int prio)
{
	if (prio < 0)
		snprintf(buf, CELL_LEN, "%.16s", policy);
	else
		snprintf(buf, CELL_LEN, "%.16s %d", policy, prio < 100 ? 99 - prio : prio - 120);
}

static void set_task(struct grid *g, unsigned int i, const struct task_row *t, bool cgroups, uint64_t window)
{
	const char *group = *t->cgroup ? t->cgroup : "-";

	fmt_escape(grid_cell(g, i, T_NAME)->s, CELL_LEN, cgroups ? group : t->comm);
	fmt_escape(grid_cell(g, i, T_CGROUP)->s, CELL_LEN, group);
	snprintf(grid_cell(g, i, T_PID)->s, CELL_LEN, "%u", t->pid);
	if (!t->others)
		sched_class(grid_cell(g, i, T_CLASS)->s, t->policy, t->prio);
	grid_cell(g, i, T_NAME)->color = C_BOLD;
	fmt_percent(grid_cell(g, i, T_RAN)->s, t->d.ran, window);
	set_delays(g, i, T_DELAYS, &t->d);
}

static int print_tasks(const struct view *v, const struct task_row *t, unsigned int n, bool cgroups, uint64_t window)
{
	const struct delays **d = calloc(n + 1, sizeof(*d));
	struct grid g;

	if (!d || grid_init(&g, T_DELAYS + D_N, n)) {
		free(d);
		return -ENOMEM;
	}
	g.col[T_NAME] = (struct col){ .head = cgroups ? "cgroup" : "process", .left = true, .min = 8 };
	g.col[T_PID] = (struct col){ .head = "pid", .gone = cgroups };
	g.col[T_CLASS] = (struct col){ .head = "class", .left = true, .gone = cgroups, .rank = 6 };
	g.col[T_CGROUP] = (struct col){ .head = "cgroup", .left = true, .min = 6, .gone = cgroups, .rank = 1 };
	g.col[T_RAN] = (struct col){ .head = "CPU" };
	set_delay_columns(&g, T_DELAYS);
	for (unsigned int i = 0; i < n; i++) {
		set_task(&g, i, &t[i], cgroups, window);
		d[i] = &t[i].d;
	}
	print_rows(v, &g, d);
	grid_free(&g);
	free(d);
	return 0;
}

/* ---- preemptions ---- */

static int print_preemptions(const struct view *v, const struct preemption *p, unsigned int n)
{
	enum { P_BY, P_BY_PID, P_COMM, P_PID, P_COUNT, P_NS, P_MEAN, P_N };
	static const struct col cols[P_N] = {
		[P_BY] = { .head = "preempted by", .left = true, .min = 8 }, [P_BY_PID] = { .head = "pid" },
		[P_COMM] = { .head = "process", .left = true, .min = 8 }, [P_PID] = { .head = "pid" },
		[P_COUNT] = { .head = "count", .group = true }, [P_NS] = { .head = "delayed" }, [P_MEAN] = { .head = "mean" },
	};
	struct grid g;

	if (grid_init(&g, P_N, n))
		return -ENOMEM;
	memcpy(g.col, cols, sizeof(cols));
	for (unsigned int i = 0; i < n; i++) {
		fmt_escape(grid_cell(&g, i, P_BY)->s, CELL_LEN, p[i].by);
		fmt_escape(grid_cell(&g, i, P_COMM)->s, CELL_LEN, p[i].comm);
		snprintf(grid_cell(&g, i, P_BY_PID)->s, CELL_LEN, "%u", p[i].by_pid);
		snprintf(grid_cell(&g, i, P_PID)->s, CELL_LEN, "%u", p[i].pid);
		fmt_count(grid_cell(&g, i, P_COUNT)->s, p[i].count);
		fmt_time(grid_cell(&g, i, P_NS)->s, p[i].ns);
		fmt_time(grid_cell(&g, i, P_MEAN)->s, p[i].count ? p[i].ns / p[i].count : 0);
	}
	print_rows(v, &g, NULL);
	grid_free(&g);
	return 0;
}

/* ---- locks ---- */

static int print_locks(const struct view *v, const struct lock_row *l, unsigned int n)
{
	enum { L_WHERE, L_KIND, L_COUNT, L_NS, L_MEAN, L_MAX, L_OWNER, L_NAME, L_N };
	static const struct col cols[L_N] = {
		[L_WHERE] = { .head = "lock taken in", .left = true, .min = 12 }, [L_KIND] = { .head = "kind", .left = true },
		[L_COUNT] = { .head = "waits", .group = true }, [L_NS] = { .head = "waited" }, [L_MEAN] = { .head = "mean" },
		[L_MAX] = { .head = "max" }, [L_OWNER] = { .head = "then held by", .left = true, .group = true, .min = 12, .rank = 2 },
		[L_NAME] = { .head = "variable", .left = true, .group = true, .min = 12, .rank = 1, .gone = true },
	};
	char comm[64];
	struct grid g;

	if (grid_init(&g, L_N, n))
		return -ENOMEM;
	memcpy(g.col, cols, sizeof(cols));
	for (unsigned int i = 0; i < n; i++) {
		snprintf(grid_cell(&g, i, L_WHERE)->s, CELL_LEN, "%s", l[i].where);
		snprintf(grid_cell(&g, i, L_KIND)->s, CELL_LEN, "%s", l[i].kind);
		fmt_count(grid_cell(&g, i, L_COUNT)->s, l[i].count);
		fmt_time(grid_cell(&g, i, L_NS)->s, l[i].ns);
		fmt_time(grid_cell(&g, i, L_MEAN)->s, l[i].count ? l[i].ns / l[i].count : 0);
		fmt_time(grid_cell(&g, i, L_MAX)->s, l[i].max);
		if (l[i].owner_tid)
			snprintf(grid_cell(&g, i, L_OWNER)->s, CELL_LEN, "%s[%u]", fmt_escape(comm, sizeof(comm), l[i].owner),
				 l[i].owner_tid);
		snprintf(grid_cell(&g, i, L_NAME)->s, CELL_LEN, "%s", l[i].lock_name);
		g.col[L_NAME].gone = g.col[L_NAME].gone && !*l[i].lock_name;
	}
	print_rows(v, &g, NULL);
	grid_free(&g);
	return 0;
}

/* ---- all of it ---- */

static unsigned int at_most(const struct view *v, unsigned int n, unsigned int most)
{
	return v->o.verbose || n < most ? n : most;
}

static void print_title(const struct view *v, const struct summary *sum)
{
	char n[FMT_LEN], d[FMT_LEN], delayed[FMT_LEN];
	uint64_t count = 0, ns = 0;

	for (unsigned int i = 0; i < sum->sched->ncpus; i++) {
		count += sum->sched->cpus[i].d.count;
		ns += sum->sched->cpus[i].d.ns;
	}
	view_text(v, C_BOLD, "run-queue delays", 0, false);
	fprintf(v->o.out, ": %s in %s, together %s\n", fmt_count(n, count), fmt_time(d, sum->ns), fmt_time(delayed, ns));
}

int sched_table(struct view *v, const struct summary *sum)
{
	const struct sched *s = sum->sched;
	unsigned int tasks = at_most(v, s->ntasks, MOST_TASKS), groups = at_most(v, s->ncgroups, MOST_CGROUPS);
	unsigned int pairs = at_most(v, s->npreemptions, MOST_PREEMPTIONS), locks = at_most(v, s->nlocks, MOST_LOCKS);
	int err;

	print_title(v, sum);
	err = print_cpus(v, sum);
	if (!err && tasks) {
		fputc('\n', v->o.out);
		err = print_tasks(v, s->tasks, tasks, false, sum->ns);
		print_more(v, s->ntasks, tasks, "processes");
	}
	if (!err && s->ncgroups > 1) {
		fputc('\n', v->o.out);
		err = print_tasks(v, s->cgroups, groups, true, sum->ns);
		print_more(v, s->ncgroups, groups, "cgroups");
	}
	if (!err && pairs) {
		fputc('\n', v->o.out);
		err = print_preemptions(v, s->preemptions, pairs);
		print_more(v, s->npreemptions, pairs, "pairs");
	}
	if (!err && locks) {
		fputc('\n', v->o.out);
		err = print_locks(v, s->locks, locks);
		print_more(v, s->nlocks, locks, "places");
	}
	fputc('\n', v->o.out);
	return err;
}
