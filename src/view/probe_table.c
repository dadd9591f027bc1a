/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What was added up: a table by key, or a histogram for each. */
#include <errno.h>

#include "view/probe.h"

enum { BAR = 40, KEY_WIDTH = 60 };

static void put_value(char *buf, size_t cap, int64_t v, bool is_time)
{
	char text[FMT_LEN];

	if (is_time && v >= 0)
		snprintf(buf, cap, "%s", fmt_time(text, (uint64_t)v));
	else
		snprintf(buf, cap, "%lld", (long long)v);
}

static void bound_text(char *buf, size_t cap, int64_t v, bool is_time)
{
	if (v == INT64_MIN || v == INT64_MAX)
		snprintf(buf, cap, "%s", v == INT64_MIN ? "-inf" : "inf");
	else
		put_value(buf, cap, v, is_time);
}

static int64_t average(const struct aggregate_row *r)
{
	return r->count ? r->sum / (int64_t)r->count : 0;
}

/* ---- tables ---- */

enum { C_COUNT, C_SUM, C_AVG, C_MIN, C_MAX, C_VALUES };
static const char *const heads[C_VALUES] = { "count", "sum", "avg", "min", "max" };

/* Which of the columns the function has. */
static bool has(const struct aggregate *a, unsigned int c)
{
	if (c == C_COUNT || !strcmp(a->fn, "stats"))
		return true;
	return !strcmp(a->fn, heads[c]);
}

static int64_t column(const struct aggregate_row *r, unsigned int c)
{
	const int64_t values[C_VALUES] = { (int64_t)r->count, r->sum, average(r), r->min, r->max };

	return values[c];
}

static uint64_t bar_of(const struct aggregate *a, const struct aggregate_row *r)
{
	unsigned int c = C_COUNT;

	while (c < C_VALUES && strcmp(a->fn, heads[c]))
		c++;
	if (c == C_VALUES)
		c = C_COUNT;
	return column(r, c) > 0 ? (uint64_t)column(r, c) : 0;
}

static int print_table(struct view *v, const struct aggregate *a)
{
	unsigned int ncols = 0, width;
	struct grid g;
	uint64_t most = 1;
	char cut[CELL_LEN];
	int err;

	for (unsigned int c = 0; c < C_VALUES; c++)
		ncols += has(a, c);
	err = grid_init(&g, a->nkeys + ncols, a->nrows);
	ncols = 0;
	if (err)
		return err;
	for (unsigned int k = 0; k < a->nkeys; k++, ncols++) {
		g.col[ncols] = (struct col){ .head = a->key_names[k], .left = true, .min = 8 };
		for (unsigned int i = 0; i < a->nrows; i++)
			snprintf(grid_cell(&g, i, ncols)->s, CELL_LEN, "%s", fmt_cut(cut, sizeof(cut), a->rows[i].keys[k], KEY_WIDTH, false));
	}
	for (unsigned int c = 0; c < C_VALUES; c++) {
		if (!has(a, c))
			continue;
		g.col[ncols] = (struct col){ .head = heads[c] };
		for (unsigned int i = 0; i < a->nrows; i++)
			put_value(grid_cell(&g, i, ncols)->s, CELL_LEN, column(&a->rows[i], c), a->is_time && c != C_COUNT);
		ncols++;
	}
	for (unsigned int i = 0; i < a->nrows; i++)
		most = bar_of(a, &a->rows[i]) > most ? bar_of(a, &a->rows[i]) : most;
	grid_measure(&g);
	grid_fit(&g, v->o.width > 20 ? v->o.width - 10 : v->o.width);
	grid_head(&g, v);
	width = v->o.width && v->o.width < grid_width(&g) + 2 + BAR ? v->o.width - grid_width(&g) - 2 : BAR;
	if (v->o.width && v->o.width < grid_width(&g) + 12)
		width = 0;
	for (unsigned int i = 0; i < a->nrows; i++) {
		grid_cells(&g, v, i);
		fputs(width ? "  " : "", v->o.out);
		view_bar(v, C_GREEN, bar_of(a, &a->rows[i]), most, width);
		fputc('\n', v->o.out);
	}
	grid_free(&g);
	return 0;
}

/* ---- keys too long for a column, as stacks are ---- */

static bool long_keys(const struct aggregate *a)
{
	for (unsigned int i = 0; i < a->nrows; i++)
		for (unsigned int k = 0; k < a->nkeys; k++)
			if (strlen(a->rows[i].keys[k]) > KEY_WIDTH)
				return true;
	return a->nkeys > GRID_COLS - C_VALUES;
}

static void print_key(struct view *v, const char *key)
{
	struct wrap w = { .v = v, .lead = "        ", .gap = "" };
	const char *end;
	char part[256];

	while (*key) { /* between frames a line may be broken */
		end = strstr(key, " < ");
		snprintf(part, sizeof(part), "%.*s", end ? (int)(end - key) + 3 : (int)strlen(key), key);
		wrap_put(&w, C_NONE, part);
		key = end ? end + 3 : key + strlen(key);
	}
}

static void print_long(struct view *v, const struct aggregate *a)
{
	char value[FMT_LEN];

	for (unsigned int i = 0; i < a->nrows; i++) {
		for (unsigned int c = 0; c < C_VALUES; c++) {
			if (!has(a, c))
				continue;
			put_value(value, sizeof(value), column(&a->rows[i], c), a->is_time && c != C_COUNT);
			fprintf(v->o.out, "%s ", c == C_COUNT ? "" : heads[c]);
			view_text(v, C_BOLD, value, c == C_COUNT ? 8 : 0, true);
			fputs("  ", v->o.out);
		}
		for (unsigned int k = 0; k < a->nkeys; k++) {
			fputs(k ? "  " : "", v->o.out);
			print_key(v, a->rows[i].keys[k]);
		}
		fputc('\n', v->o.out);
	}
}

/* ---- histograms ---- */

static void print_buckets(struct view *v, const struct aggregate *a, const struct aggregate_row *r)
{
	unsigned int first = a->nbuckets, last = 0;
	char from[FMT_LEN], to[FMT_LEN], range[3 * FMT_LEN], n[FMT_LEN];
	uint64_t most = 1;

	for (unsigned int i = 0; i < a->nbuckets; i++) {
		if (!r->buckets[i])
			continue;
		first = i < first ? i : first;
		last = i;
		most = r->buckets[i] > most ? r->buckets[i] : most;
	}
	for (unsigned int i = first; i <= last && i < a->nbuckets; i++) {
		bound_text(from, sizeof(from), a->bounds[i], a->is_time);
		bound_text(to, sizeof(to), a->bounds[i + 1], a->is_time);
		if (!a->is_time && a->bounds[i] != INT64_MAX && a->bounds[i + 1] == a->bounds[i] + 1)
			snprintf(range, sizeof(range), "%s", from);
		else
			snprintf(range, sizeof(range), "%s %s %s", from, v->utf8 ? "–" : "-", to);
		view_text(v, C_DIM, range, 24, true);
		view_text(v, C_NONE, fmt_count(n, r->buckets[i]), 9, true);
		fputs(r->buckets[i] ? "  " : "", v->o.out);
		view_bar(v, C_GREEN, r->buckets[i], most, BAR);
		fputc('\n', v->o.out);
	}
}

static void print_histograms(struct view *v, const struct aggregate *a)
{
	char avg[FMT_LEN], min[FMT_LEN], max[FMT_LEN];

	for (unsigned int i = 0; i < a->nrows; i++) {
		const struct aggregate_row *r = &a->rows[i];

		for (unsigned int k = 0; k < a->nkeys; k++) {
			fputs(k ? ", " : "", v->o.out);
			view_text(v, C_BOLD, r->keys[k], 0, false);
		}
		put_value(avg, sizeof(avg), average(r), a->is_time);
		put_value(min, sizeof(min), r->min, a->is_time);
		put_value(max, sizeof(max), r->max, a->is_time);
		fprintf(v->o.out, "%s%llu, average %s, from %s to %s\n", a->nkeys ? ": " : "", (unsigned long long)r->count, avg, min, max);
		if (r->buckets)
			print_buckets(v, a, r);
	}
}

int probe_table(struct view *v, const struct summary *sum)
{
	int err = 0;

	for (unsigned int i = 0; i < sum->probes->n && !err; i++) {
		const struct aggregate *a = &sum->probes->v[i];

		view_text(v, C_BOLD, a->probe, 0, false);
		fprintf(v->o.out, "  %s%s%s\n", a->fn, a->value[0] ? " " : "", a->value);
		if (!a->nrows)
			fputs("nothing\n", v->o.out);
		else if (!strcmp(a->fn, "hist") || !strcmp(a->fn, "linear"))
			print_histograms(v, a);
		else if (long_keys(a))
			print_long(v, a);
		else
			err = print_table(v, a);
		if (a->more)
			fprintf(v->o.out, "and %llu more\n", (unsigned long long)a->more);
		fputc('\n', v->o.out);
	}
	return err ? err : view_result(v);
}
