/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The summary: a table of operations with the largest wait reasons under each, a table of devices with the
 * stages of their requests, then what was lost, what it cost and what could not be seen.
 */
#include <errno.h>
#include <inttypes.h>

#include "view/probe.h"
#include "view/sched.h"
#include "view/why.h"

struct table {
	struct view v;
	bool begun;               /* an interval has been printed: `start` is known */
	uint64_t start;
};

/* Columns of both tables up to the shares. */
enum { T_DEV, T_KIND, T_COUNT, T_BYTES, T_ERRORS, T_MEAN, T_P50, T_P90, T_P99, T_P999, T_MAX, T_SHARES };
enum { MAX_STAGES = 10, MAX_REASONS = 5 };

/* The stages of all device rows, each once, in order of appearance. */
struct stages { unsigned int n; bool overflow; const char *name[MAX_STAGES]; };

static void *table_open(const struct sink_opts *opts)
{
	return view_open(opts, sizeof(struct table));
}

static void set_columns(struct grid *g, bool errors, bool device)
{
	static const struct col cols[T_SHARES] = {
		[T_DEV] = { .head = "device", .left = true, .min = 6 },
		[T_KIND] = { .head = "operation", .left = true, .min = 9 },
		[T_COUNT] = { .head = "count", .group = true },
		[T_BYTES] = { .head = "bytes", .rank = RANK_HARD + 1 },
		[T_ERRORS] = { .head = "errors", .rank = RANK_HARD + 4 },
		[T_MEAN] = { .head = "mean", .group = true, .rank = RANK_HARD + 2 },
		[T_P50] = { .head = "p50", .rank = 4 },
		[T_P90] = { .head = "p90", .rank = 1 },
		[T_P99] = { .head = "p99", .rank = RANK_HARD + 3 },
		[T_P999] = { .head = "p99.9", .rank = 2 },
		[T_MAX] = { .head = "max" },
	};

	memcpy(g->col, cols, sizeof(cols));
	g->col[T_SHARES].group = true;
	if (device)
		g->col[T_KIND].head = "kind";
	if (!errors)
		g->col[T_ERRORS].rank = 3;
}

static void set_share(struct grid *g, unsigned int row, unsigned int col, uint64_t ns, uint64_t wall,
		      enum color color)
{
	struct cell *cell = grid_cell(g, row, col);

	fmt_percent(cell->s, ns, wall);
	cell->color = !ns ? C_DIM : ns >= wall / 10 ? color : C_NONE;
}

static void set_row(struct grid *g, unsigned int i, const struct row *r)
{
	static const struct { unsigned int col; double q; } quantiles[] = {
		{ T_P50, .5 }, { T_P90, .9 }, { T_P99, .99 }, { T_P999, .999 },
	};

	fmt_escape(grid_cell(g, i, T_DEV)->s, CELL_LEN, r->dev && *r->dev ? r->dev : "-");
	fmt_escape(grid_cell(g, i, T_KIND)->s, CELL_LEN, r->kind);
	grid_cell(g, i, T_KIND)->color = C_BOLD;
	fmt_count(grid_cell(g, i, T_COUNT)->s, r->count);
	fmt_size(grid_cell(g, i, T_BYTES)->s, r->bytes);
	fmt_count(grid_cell(g, i, T_ERRORS)->s, r->errors);
	grid_cell(g, i, T_ERRORS)->color = r->errors ? C_RED : C_DIM;
	fmt_time(grid_cell(g, i, T_MEAN)->s, r->count ? r->wall / r->count : 0);
	for (unsigned int k = 0; k < 4; k++)
		fmt_time(grid_cell(g, i, quantiles[k].col)->s,
			 view_round(hist_quantile(r->hist, r->count, quantiles[k].q, r->max)));
	fmt_time(grid_cell(g, i, T_MAX)->s, r->max);
}

static bool any_errors(const struct row *rows, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (rows[i].errors)
			return true;
	return false;
}

/* An interrupt column that shows nothing may go early. */
static void rank_part(struct grid *g, unsigned int part, const struct row *rows, unsigned int n)
{
	bool nothing = true;

	for (unsigned int i = 0; i < n; i++)
		nothing = nothing && rows[i].part[part] < rows[i].wall / 1000;
	g->col[T_SHARES + part].rank = nothing ? 4 + part : RANK_HARD + 4 + part;
}

static void set_parts(struct grid *g, const struct row *rows, unsigned int n)
{
	for (unsigned int p = 0; p < PART_N; p++) {
		g->col[T_SHARES + p].head = part_names[p];
		for (unsigned int i = 0; i < n; i++)
			set_share(g, i, T_SHARES + p, rows[i].part[p], rows[i].wall, part_colors[p]);
	}
	rank_part(g, PART_IRQ, rows, n);
	rank_part(g, PART_SOFTIRQ, rows, n);
}

static void find_stages(struct stages *s, const struct row *rows, unsigned int n)
{
	unsigned int k;

	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < rows[i].nshares; j++) {
			for (k = 0; k < s->n && strcmp(s->name[k], rows[i].shares[j].name); k++)
				;
			if (k < s->n)
				continue;
			if (s->n < MAX_STAGES)
				s->name[s->n++] = rows[i].shares[j].name;
			else
				s->overflow = true;
		}
}

static void set_stages(struct grid *g, const struct stages *s, const struct row *rows, unsigned int n)
{
	for (unsigned int k = 0; k < s->n; k++) {
		g->col[T_SHARES + k].head = s->name[k];
		for (unsigned int i = 0; i < n; i++) {
			uint64_t ns = 0;

			for (unsigned int j = 0; j < rows[i].nshares; j++)
				if (!strcmp(rows[i].shares[j].name, s->name[k]))
					ns += rows[i].shares[j].ns;
			set_share(g, i, T_SHARES + k, ns, rows[i].wall, C_CYAN);
		}
	}
}

/* "    page-cache read    45.2%  ████████▌              12.3k × 4.20ms" */
static void print_share(const struct table *t, const struct share *s, uint64_t wall, unsigned int name_width)
{
	char name[CELL_LEN], cut[CELL_LEN], pct[FMT_LEN], n[FMT_LEN], mean[FMT_LEN], each[3 * FMT_LEN];
	const struct view *v = &t->v;

	fmt_escape(name, sizeof(name), s->name);
	fprintf(v->o.out, "    ");
	view_text(v, C_NONE, fmt_cut(cut, sizeof(cut), name, name_width, false), name_width, false);
	view_text(v, C_NONE, fmt_percent(pct, s->ns, wall), 7, true);
	if (s->count)
		snprintf(each, sizeof(each), "%s %s %s", fmt_count(n, s->count), v->utf8 ? "×" : "x",
			 fmt_time(mean, s->ns / s->count));
	else
		snprintf(each, sizeof(each), "%s", fmt_time(mean, s->ns));
	view_text(v, C_DIM, each, 18, true);
	fputs(s->ns ? "  " : "", v->o.out);
	view_bar(v, C_CYAN, s->ns, wall, !v->o.width || v->o.width >= 100 ? 40 : 20);
	fputc('\n', v->o.out);
}

/* The largest reasons of at least 1 %; the rest as "other" where it shows at all. Stages: every one. */
static void print_shares(const struct table *t, const struct row *r, unsigned int name_width)
{
	struct share other = { .name = "other" };
	unsigned int shown = 0;

	for (unsigned int i = 0; i < r->nshares; i++) {
		const struct share *s = &r->shares[i];

		if (r->type == ROW_DEVICE || (shown < MAX_REASONS && s->ns && s->ns >= r->wall / 100)) {
			print_share(t, s, r->wall, name_width);
			shown++;
		} else {
			other.ns += s->ns;
			other.count += s->count;
		}
	}
	if (shown && other.ns && other.ns >= r->wall / 1000)
		print_share(t, &other, r->wall, name_width);
}

static unsigned int share_name_width(const struct view *v, const struct row *rows, unsigned int n)
{
	unsigned int most = 0, limit = v->o.width && v->o.width < 100 ? 24 : 32;
	char name[CELL_LEN];

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < rows[i].nshares; j++) {
			unsigned int w = fmt_width(fmt_escape(name, sizeof(name), rows[i].shares[j].name));

			most = w > most ? w : most;
		}
	return most < limit ? most : limit;
}

static void print_grid(const struct table *t, const struct grid *g, const struct row *rows, bool under)
{
	unsigned int name_width = share_name_width(&t->v, rows, g->nrows);

	grid_head(g, &t->v);
	for (unsigned int i = 0; i < g->nrows; i++) {
		grid_row(g, &t->v, i);
		if (under)
			print_shares(t, &rows[i], name_width);
		if (t->v.o.histograms)
			view_hist(&t->v, rows[i].hist);
	}
}

static int print_ops(const struct table *t, const struct row *rows, unsigned int n, bool interval)
{
	struct grid g;

	if (!n)
		return 0;
	if (grid_init(&g, T_SHARES + PART_N, n))
		return -ENOMEM;
	set_columns(&g, any_errors(rows, n), false);
	for (unsigned int i = 0; i < n; i++)
		set_row(&g, i, &rows[i]);
	set_parts(&g, rows, n);
	grid_measure(&g);
	grid_fit(&g, t->v.o.width);
	print_grid(t, &g, rows, !interval);
	grid_free(&g);
	return 0;
}

/* The stages as columns where they fit, else as lines under each row. */
static int print_devices(const struct table *t, const struct row *rows, unsigned int n, bool interval)
{
	struct stages stages;
	struct grid g;
	bool fits;

	if (!n)
		return 0;
	find_stages(&stages, rows, n);
	if (grid_init(&g, T_SHARES + stages.n, n))
		return -ENOMEM;
	set_columns(&g, any_errors(rows, n), true);
	for (unsigned int i = 0; i < n; i++)
		set_row(&g, i, &rows[i]);
	set_stages(&g, &stages, rows, n);
	grid_measure(&g);
	fits = !stages.overflow && grid_fit(&g, t->v.o.width);
	if (!fits) {
		for (unsigned int c = 0; c < g.ncols; c++)
			g.col[c].gone = c >= T_SHARES;
		grid_measure(&g);
		grid_fit(&g, t->v.o.width);
	}
	print_grid(t, &g, rows, !fits && !interval);
	grid_free(&g);
	return 0;
}

/* "operations: 12345 in 10.0s, 1.23k/s" */
static void print_title(const struct table *t, const char *what, const struct row *rows, unsigned int n,
			uint64_t ns)
{
	char text[4 * FMT_LEN], c[FMT_LEN], d[FMT_LEN], rate[FMT_LEN];
	uint64_t count = 0;

	for (unsigned int i = 0; i < n; i++)
		count += rows[i].count;
	fmt_count(rate, ns ? view_round((double)count * 1e9 / (double)ns) : 0);
	view_text(&t->v, C_BOLD, what, 0, false);
	snprintf(text, sizeof(text), ": %s in %s, %s/s\n", fmt_count(c, count), fmt_time(d, ns), rate);
	fputs(text, t->v.o.out);
}

/* The time since the first interval began. */
static void print_interval(struct table *t, const struct summary *s)
{
	char text[FMT_LEN + 16], at[FMT_LEN];

	if (!t->begun)
		t->start = s->t;
	t->begun = true;
	snprintf(text, sizeof(text), "%s %s  ", t->v.utf8 ? "──" : "--", fmt_time(at, s->t + s->ns - t->start));
	view_text(&t->v, C_BOLD, text, 0, false);
}

/* Those that have no rows. */
static int table_other(struct table *t, const struct summary *s)
{
	int err;

	if (s->interval)
		print_interval(t, s);
	err = s->sched ? sched_table(&t->v, s) : s->why ? why_table(&t->v, s) : probe_table(&t->v, s);
	if (err)
		return err;
	return s->interval ? view_flush(t) : view_result(&t->v);
}

static int table_summary(void *self, const struct summary *s)
{
	struct table *t = self;
	unsigned int nops = 0;
	int err;

	if (s->sched || s->why || s->probes)
		return table_other(t, s);
	while (nops < s->nrows && s->rows[nops].type == ROW_OP)
		nops++;
	if (s->interval) /* both tables, without anything under the rows */
		print_interval(t, s);
	print_title(t, "operations", s->rows, nops, s->ns);
	err = print_ops(t, s->rows, nops, s->interval);
	if (!s->interval && nops < s->nrows) {
		fputc('\n', t->v.o.out);
		print_title(t, "device requests", s->rows + nops, s->nrows - nops, s->ns);
	}
	if (!err)
		err = print_devices(t, s->rows + nops, s->nrows - nops, s->interval);
	if (err)
		return err;
	fputc('\n', t->v.o.out);
	return s->interval ? view_flush(t) : view_result(&t->v); /* an interval is watched live */
}

static int table_lost(void *self, const struct losses *l)
{
	struct table *t = self;
	char text[FMT_LEN + 24];

	snprintf(text, sizeof(text), "lost: %llu record%s", (unsigned long long)l->total,
		 l->total == 1 ? "" : "s");
	view_text(&t->v, l->total ? C_RED : C_NONE, text, 0, false);
	fputc('\n', t->v.o.out);
	for (unsigned int i = 0; i < l->n; i++)
		if (l->v[i].n)
			fprintf(t->v.o.out, "    %llu  %s: %s\n", (unsigned long long)l->v[i].n, l->v[i].what,
				l->v[i].why);
	return view_result(&t->v);
}

/* CPU seconds and their share of one core, two digits. */
static void cost_cpu(struct wrap *w, const struct cost *c)
{
	char text[4 * FMT_LEN], cpu[FMT_LEN];
	uint64_t ns = c->cpu_user + c->cpu_sys;
	uint64_t hundredths = c->wall ? view_round((double)ns * 1e4 / (double)c->wall) : 0;

	if (hundredths < 100)
		snprintf(text, sizeof(text), "%s CPU (0.%02u %% of one core),", fmt_time_words(cpu, ns), (unsigned int)hundredths);
	else
		snprintf(text, sizeof(text), "%s CPU (%" PRIu64 ".%u %% of one core),", fmt_time_words(cpu, ns),
			 (hundredths + 5) / 100, (unsigned int)((hundredths + 5) / 10 % 10));
	wrap_put(w, C_NONE, text);
}

static void cost_bpf(struct wrap *w, const struct cost *c)
{
	char text[2 * FMT_LEN], ns[FMT_LEN];

	if (!c->bpf_known) {
		wrap_put(w, C_NONE, "BPF time not measured: sysctl kernel.bpf_stats_enabled=1 tells,");
		return;
	}
	if (c->ops)
		snprintf(text, sizeof(text), "BPF %s/operation,", fmt_time_words(ns, c->bpf_ns / c->ops));
	else
		snprintf(text, sizeof(text), "BPF %s,", fmt_time_words(ns, c->bpf_ns));
	wrap_put(w, C_NONE, text);
}

/* A sentence, broken between words where the width ends. */
static void print_unseen(struct table *t, const struct unseen *u)
{
	struct wrap w = { .v = &t->v, .lead = "    ", .gap = " " };
	char text[320], *word = text, *end;

	snprintf(text, sizeof(text), "not visible on this kernel: %s (%s)", u->what, u->why);
	while (word) {
		end = strchr(word, ' ');
		if (end)
			*end++ = 0;
		wrap_put(&w, C_NONE, word);
		word = end;
	}
	fputc('\n', t->v.o.out);
}

static int table_cost(void *self, const struct cost *c)
{
	struct table *t = self;
	struct wrap w = { .v = &t->v, .lead = "    ", .gap = " " };
	char text[2 * FMT_LEN], value[FMT_LEN];

	wrap_put(&w, C_NONE, "spoor's own cost:");
	cost_cpu(&w, c);
	cost_bpf(&w, c);
	snprintf(text, sizeof(text), "%s resident,", fmt_size_words(value, c->rss));
	wrap_put(&w, C_NONE, text);
	snprintf(text, sizeof(text), "%s of maps,", fmt_size_words(value, c->map_bytes));
	wrap_put(&w, C_NONE, text);
	snprintf(text, sizeof(text), "attached in %s", fmt_time_words(value, c->attach_ns));
	wrap_put(&w, C_NONE, text);
	fputc('\n', t->v.o.out);
	for (unsigned int i = 0; i < c->nunseen; i++)
		print_unseen(t, &c->unseen[i]);
	return view_result(&t->v);
}

const struct sink sink_table = {
	.name = "table",
	.open = table_open,
	.summary = table_summary,
	.lost = table_lost,
	.cost = table_cost,
	.resize = view_resize,
	.flush = view_flush,
	.close = view_close,
};
