/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Columns of text that fit the terminal: first the gaps narrow, then columns go by rank, then names are cut. */
#include "view/view.h"

#include <errno.h>

int grid_init(struct grid *g, unsigned int ncols, unsigned int nrows)
{
	memset(g, 0, sizeof(*g));
	g->ncols = ncols;
	g->nrows = nrows;
	g->gap = 2;
	g->cell = calloc((size_t)ncols * nrows + 1, sizeof(*g->cell));
	return g->cell ? 0 : -ENOMEM;
}

void grid_free(struct grid *g)
{
	free(g->cell);
	g->cell = NULL;
}

struct cell *grid_cell(struct grid *g, unsigned int row, unsigned int col)
{
	return &g->cell[(size_t)row * g->ncols + col];
}

/* Upper or lower line of a heading. "get request" is two lines, "device" only the lower. */
static const char *head_line(char buf[CELL_LEN], const char *head, bool lower)
{
	const char *blank = strchr(head, ' ');
	int n = blank ? (int)(blank - head) : 0;

	if (lower)
		snprintf(buf, CELL_LEN, "%s", blank ? blank + 1 : head);
	else
		snprintf(buf, CELL_LEN, "%.*s", n, head);
	return buf;
}

void grid_measure(struct grid *g)
{
	char buf[CELL_LEN];

	for (unsigned int c = 0; c < g->ncols; c++) {
		unsigned int w = fmt_width(head_line(buf, g->col[c].head, true));
		unsigned int up = fmt_width(head_line(buf, g->col[c].head, false));

		w = up > w ? up : w;
		for (unsigned int r = 0; r < g->nrows; r++) {
			unsigned int cw = fmt_width(grid_cell(g, r, c)->s);

			w = cw > w ? cw : w;
		}
		g->col[c].width = w;
	}
}

unsigned int grid_width(const struct grid *g)
{
	unsigned int sum = 0, n = 0;

	for (unsigned int c = 0; c < g->ncols; c++)
		if (!g->col[c].gone) {
			sum += g->col[c].width;
			n++;
		}
	return n ? sum + g->gap * (n - 1) : 0;
}

/* Drops the column of the lowest rank below `limit`. False when there is none. */
static bool grid_drop(struct grid *g, unsigned int limit)
{
	struct col *worst = NULL;

	for (unsigned int c = 0; c < g->ncols; c++) {
		struct col *col = &g->col[c];

		if (!col->gone && col->rank && col->rank < limit && (!worst || col->rank < worst->rank))
			worst = col;
	}
	if (worst)
		worst->gone = true;
	return worst != NULL;
}

/* Takes one column of width off the name that has most to give. */
static bool grid_shrink(struct grid *g)
{
	struct col *best = NULL;

	for (unsigned int c = 0; c < g->ncols; c++) {
		struct col *col = &g->col[c];

		if (!col->gone && col->min && col->width > col->min &&
		    (!best || col->width - col->min > best->width - best->min))
			best = col;
	}
	if (best)
		best->width--;
	return best != NULL;
}

static bool grid_shrink_to(struct grid *g, unsigned int width)
{
	while (grid_width(g) > width)
		if (!grid_shrink(g))
			return false;
	return true;
}

/* Blanks left over set the groups apart: a wider column of figures is a wider gap before it. */
static void grid_air(struct grid *g, unsigned int width)
{
	for (unsigned int c = 0; g->gap == 1 && c < g->ncols; c++)
		if (g->col[c].group && !g->col[c].gone && !g->col[c].left && grid_width(g) < width)
			g->col[c].width++;
}

bool grid_fit(struct grid *g, unsigned int width)
{
	unsigned int natural[GRID_COLS] = { 0 };
	bool soft = true;

	if (!width)
		return true;
	do {
		for (g->gap = 2; g->gap; g->gap--)
			if (grid_width(g) <= width) {
				grid_air(g, width);
				return true;
			}
		g->gap = 1;
	} while (grid_drop(g, RANK_HARD));
	for (unsigned int c = 0; c < g->ncols; c++)
		natural[c] = g->col[c].width;
	while (!grid_shrink_to(g, width) && grid_drop(g, UINT32_MAX)) {
		soft = false;
		for (unsigned int c = 0; c < g->ncols; c++) /* the names have a little more room again */
			g->col[c].width = natural[c];
	}
	return soft;
}

enum { LINE_UPPER = -2, LINE_LOWER = -1 };

static const char *grid_text(const struct grid *g, int line, unsigned int c, char buf[CELL_LEN])
{
	if (line < 0)
		return head_line(buf, g->col[c].head, line == LINE_LOWER);
	return g->cell[(size_t)line * g->ncols + c].s;
}

/* One row or half of the heading, up to the last column that has something: no blanks at the end. */
static void grid_line(const struct grid *g, const struct view *v, int line)
{
	char buf[CELL_LEN], cut[CELL_LEN];
	unsigned int end = 0, shown = 0;

	for (unsigned int c = 0; c < g->ncols; c++)
		if (!g->col[c].gone && *grid_text(g, line, c, buf))
			end = c + 1;
	for (unsigned int c = 0; c < end; c++) {
		const struct col *col = &g->col[c];
		const char *s = grid_text(g, line, c, buf);

		if (col->gone)
			continue;
		if (shown++)
			view_blanks(v, g->gap);
		if (col->min && v->o.width)
			s = fmt_cut(cut, sizeof(cut), s, col->width, false);
		view_text(v, line < 0 ? C_DIM : g->cell[(size_t)line * g->ncols + c].color, s,
			  col->left && c + 1 == end ? 0 : col->width, !col->left);
	}
}

void grid_head(const struct grid *g, const struct view *v)
{
	bool two = false;

	for (unsigned int c = 0; c < g->ncols; c++)
		two = two || (!g->col[c].gone && strchr(g->col[c].head, ' '));
	for (int line = two ? LINE_UPPER : LINE_LOWER; line < 0; line++) {
		grid_line(g, v, line);
		fputc('\n', v->o.out);
	}
}

void grid_cells(const struct grid *g, const struct view *v, unsigned int row)
{
	grid_line(g, v, (int)row);
}

void grid_row(const struct grid *g, const struct view *v, unsigned int row)
{
	grid_line(g, v, (int)row);
	fputc('\n', v->o.out);
}
