/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include "view/view.h"

#include <errno.h>

enum { FRAMES = 6 };

const enum color part_colors[PART_N] = {
	[PART_CPU] = C_GREEN, [PART_IRQ] = C_MAGENTA, [PART_SOFTIRQ] = C_MAGENTA,
	[PART_RUNQ] = C_YELLOW, [PART_WAIT] = C_CYAN,
};

void *view_open(const struct sink_opts *opts, size_t size)
{
	struct view *v = calloc(1, size);

	if (!v)
		return NULL;
	v->o = *opts;
	v->utf8 = fmt_utf8();
	errno = 0; /* from here on, what a failed write leaves there */
	return v;
}

int view_result(struct view *v)
{
	if (!v->err && ferror(v->o.out))
		v->err = errno ? -errno : -EIO;
	return v->err;
}

int view_flush(void *self)
{
	struct view *v = self;

	if (!ferror(v->o.out))
		errno = 0;
	if (fflush(v->o.out) && !v->err)
		v->err = errno ? -errno : -EIO;
	return view_result(v);
}

void view_resize(void *self, unsigned int width)
{
	struct view *v = self;

	v->o.width = width;
}

void view_close(void *self)
{
	free(self);
}

static const char *const color_codes[] = {
	[C_NONE] = "", [C_BOLD] = "\033[1m", [C_DIM] = "\033[2m", [C_RED] = "\033[31m", [C_GREEN] = "\033[32m",
	[C_YELLOW] = "\033[33m", [C_BLUE] = "\033[34m", [C_MAGENTA] = "\033[35m", [C_CYAN] = "\033[36m",
};

static void color_begin(const struct view *v, enum color c)
{
	if (v->o.color && c)
		fputs(color_codes[c], v->o.out);
}

static void color_end(const struct view *v, enum color c)
{
	if (v->o.color && c)
		fputs("\033[0m", v->o.out);
}

uint64_t view_round(double v)
{
	return v < 18e18 ? (uint64_t)(v + .5) : UINT64_MAX;
}

void view_blanks(const struct view *v, unsigned int n)
{
	static const char blanks[] = "                                ";

	for (; n >= sizeof(blanks); n -= (unsigned int)sizeof(blanks) - 1)
		fwrite(blanks, 1, sizeof(blanks) - 1, v->o.out);
	fwrite(blanks, 1, n, v->o.out);
}

void view_text(const struct view *v, enum color c, const char *s, unsigned int width, bool right)
{
	unsigned int w = fmt_width(s), pad = w < width ? width - w : 0;

	if (right)
		view_blanks(v, pad);
	if (*s) {
		color_begin(v, c);
		fputs(s, v->o.out);
		color_end(v, c);
	}
	if (!right)
		view_blanks(v, pad);
}

static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };

/* `eights` eighths of a cell in full and part blocks; without UTF-8 in whole cells, '.' for less than half. */
static unsigned int bar_put(const struct view *v, enum color c, uint64_t eights)
{
	unsigned int cells = (unsigned int)((eights + (v->utf8 || eights < 4 ? 7 : 4)) / 8);

	color_begin(v, c);
	if (v->utf8) {
		for (; eights >= 8; eights -= 8)
			fputs(eighths[8], v->o.out);
		fputs(eighths[eights], v->o.out);
	} else {
		if (eights && eights < 4)
			fputc('.', v->o.out);
		for (; eights >= 4; eights -= eights < 8 ? eights : 8)
			fputc('#', v->o.out);
	}
	color_end(v, c);
	return cells;
}

/* part / whole of width, in eighths of a cell. */
static uint64_t bar_scale(uint64_t part, uint64_t whole, unsigned int width)
{
	return whole ? (uint64_t)((unsigned __int128)part * width * 8 / whole) : 0;
}

unsigned int view_bar(const struct view *v, enum color c, uint64_t part, uint64_t whole, unsigned int width)
{
	uint64_t eights;

	if (!part || !whole || !width)
		return 0;
	eights = bar_scale(part < whole ? part : whole, whole, width);
	return bar_put(v, c, eights ? eights : 1);
}

unsigned int view_span(const struct view *v, enum color c, uint64_t from, uint64_t len, uint64_t whole,
		       unsigned int width)
{
	uint64_t first, eights;

	if (!whole || !width)
		return 0;
	if (from > whole)
		from = whole;
	if (len > whole - from)
		len = whole - from;
	first = bar_scale(from, whole, width) / 8; /* it begins on a whole cell */
	if (first >= width)
		first = width - 1;
	eights = bar_scale(from + len, whole, width) - first * 8;
	if (bar_scale(len, whole, width) < 8)      /* shorter than a cell: its length, not its end */
		eights = bar_scale(len, whole, width);
	view_blanks(v, (unsigned int)first);
	return (unsigned int)first + bar_put(v, c, eights ? eights : 1);
}

void view_hist(const struct view *v, const uint64_t hist[HIST_N])
{
	uint64_t lines[64] = { 0 }, most = 0;
	unsigned int first = 64, last = 0;
	char from[FMT_LEN], to[FMT_LEN], n[FMT_LEN], range[3 * FMT_LEN];

	for (unsigned int i = 0; i < HIST_N; i++) {
		unsigned int e = i > 1 ? 63 - (unsigned int)__builtin_clzll(hist_lower(i)) : 0;

		lines[e] += hist[i];
		if (hist[i]) {
			first = e < first ? e : first;
			last = e;
		}
		most = lines[e] > most ? lines[e] : most;
	}
	for (unsigned int e = first; e <= last; e++) {
		snprintf(range, sizeof(range), "%6s %s %6s", fmt_time(from, e ? 1ULL << e : 0),
			 v->utf8 ? "–" : "-", fmt_time(to, 2ULL << e));
		fprintf(v->o.out, "    ");
		view_text(v, C_DIM, range, 17, true);
		view_text(v, C_NONE, fmt_count(n, lines[e]), 8, true);
		fputs(lines[e] ? "  " : "", v->o.out);
		view_bar(v, C_GREEN, lines[e], most, !v->o.width || v->o.width >= 100 ? 60 : 40);
		fputc('\n', v->o.out);
	}
}

void wrap_put(struct wrap *w, enum color c, const char *segment)
{
	unsigned int width = fmt_width(segment), gap = w->some ? fmt_width(w->gap) : 0;
	const char *between = w->some ? w->gap : "";

	if (w->some && w->v->o.width && w->col + gap + width > w->v->o.width) {
		fprintf(w->v->o.out, "\n%s", w->lead);
		w->col = fmt_width(w->lead);
		between += strspn(between, " ");
		gap = fmt_width(between);
	}
	fputs(between, w->v->o.out);
	view_text(w->v, c, segment, 0, false);
	w->col += gap + width;
	w->some = true;
}

void wrap_cut(struct wrap *w, enum color c, const char *segment)
{
	unsigned int width = w->v->o.width, used = w->some ? fmt_width(w->lead) : w->col;
	char cut[512];

	wrap_put(w, c, width ? fmt_cut(cut, sizeof(cut), segment, width > used + 8 ? width - used : 8, false) : segment);
}

static bool is_scheduler(const char *frame)
{
	return !strcmp(frame, "__schedule") || !strcmp(frame, "schedule");
}

void view_stack(const struct view *v, const char *lead, const struct stack *stack)
{
	struct wrap w = { .v = v, .lead = lead, .gap = " < ", .col = fmt_width(lead) };
	unsigned int first = 0, end = stack->n;
	char text[128];

	if (!v->o.verbose) { /* the first frames are the same in all of them */
		while (first < end && stack->name[first] && is_scheduler(stack->name[first]))
			first++;
		end = end - first > FRAMES ? first + FRAMES : end;
	}
	if (first < end)
		fputs(lead, v->o.out);
	for (unsigned int i = first; i < end; i++) {
		fmt_escape(text, sizeof(text), stack->name[i] ? stack->name[i] : "?");
		if (!v->o.verbose && v->o.width && i > first && w.col + 3 + fmt_width(text) > v->o.width)
			break; /* one line only */
		wrap_put(&w, C_DIM, text);
	}
	if (first < end)
		fputc('\n', v->o.out);
}

static const struct { const char *name, *text; } flag_names[] = {
	{ "async", "asynchronous" },
	{ "reap_unseen", "reaped without a system call" },
	{ "cache_hit", "page-cache hit" },
	{ "direct", "O_DIRECT" },
	{ "kernel", "the kernel's own" },
	{ "killed", "killed meanwhile" },
	{ "started_before", "already under way when tracing began" },
	{ "end_unseen", "end not visible" },
};

const char *op_flag_name(unsigned int bit)
{
	return bit < sizeof(flag_names) / sizeof(flag_names[0]) ? flag_names[bit].name : NULL;
}

const char *op_flag_text(unsigned int bit)
{
	return bit < sizeof(flag_names) / sizeof(flag_names[0]) ? flag_names[bit].text : NULL;
}

unsigned int op_reasons(const struct op *op, struct share *share, unsigned int max)
{
	unsigned int n = 0, k;

	for (unsigned int i = 0; i < op->nwaits; i++) {
		const struct wait *w = &op->waits[i];

		for (k = 0; k < n && strcmp(share[k].name, w->reason); k++)
			;
		if (k == max)
			continue;
		if (k == n)
			share[n++] = (struct share){ .name = w->reason };
		share[k].ns += w->ns;
		share[k].count++;
	}
	for (unsigned int i = 1; i < n; i++) /* few: by insertion, stable */
		for (k = i; k && share[k].ns > share[k - 1].ns; k--) {
			struct share swap = share[k];

			share[k] = share[k - 1];
			share[k - 1] = swap;
		}
	return n;
}
