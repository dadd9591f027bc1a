/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* --each: one line an operation, in columns whose width is settled once. The file name takes what is left. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "view/view.h"

enum { L_TIME, L_COMM, L_PID, L_KIND, L_DEV, L_SIZE, L_OFFSET, L_WALL, L_WHY, L_ERROR, L_N };
enum { MAX_REASONS = 32 };

struct line {
	struct view v;
	struct grid g;               /* one row, filled anew for each operation */
	unsigned int file_width;     /* 0: as long as it is */
};

static const struct col line_cols[L_N] = {
	[L_TIME] = { .head = "time", .width = 13, .rank = RANK_HARD + 3 },
	[L_COMM] = { .head = "comm", .width = 15, .min = 8, .left = true, .rank = RANK_HARD + 5 },
	[L_PID] = { .head = "pid/tid", .width = 13, .rank = RANK_HARD + 4 },
	[L_KIND] = { .head = "operation", .width = 15, .min = 9, .left = true },
	[L_DEV] = { .head = "device", .width = 9, .min = 7, .left = true, .rank = RANK_HARD + 1 },
	[L_SIZE] = { .head = "size", .width = 5, .rank = RANK_HARD + 2 },
	[L_OFFSET] = { .head = "offset", .width = 10, .rank = RANK_HARD },
	[L_WALL] = { .head = "wall", .width = 6 },
	[L_WHY] = { .head = "most of it", .width = 27, .min = 20, .left = true },
	[L_ERROR] = { .head = "error", .width = 6, .rank = RANK_HARD + 6 },
};

static unsigned int line_fit(struct grid *g, unsigned int width)
{
	unsigned int file = width < 100 ? 10 : width / 6, used;

	if (!width)
		return 0;
	grid_fit(g, width > file + 2 ? width - file - 2 : 1);
	used = grid_width(g) + g->gap;
	return width > used + 1 ? width - used : 1;
}

static void line_head(struct line *l)
{
	/* "most of it" would break at its blanks; the headings are one line here. */
	for (unsigned int c = 0; c < L_N; c++)
		snprintf(grid_cell(&l->g, 0, c)->s, CELL_LEN, "%s", line_cols[c].head);
	for (unsigned int c = 0; c < L_N; c++)
		grid_cell(&l->g, 0, c)->color = C_DIM;
	grid_cells(&l->g, &l->v, 0);
	view_blanks(&l->v, l->g.gap);
	view_text(&l->v, C_DIM, "file", 0, false);
	fputc('\n', l->v.o.out);
	for (unsigned int c = 0; c < L_N; c++)
		grid_cell(&l->g, 0, c)->color = C_NONE;
}

static void line_resize(void *self, unsigned int width)
{
	struct line *l = self;

	view_resize(l, width);
	memcpy(l->g.col, line_cols, sizeof(line_cols));
	l->file_width = line_fit(&l->g, width);
}

static void *line_open(const struct sink_opts *opts)
{
	struct line *l = view_open(opts, sizeof(*l));

	if (!l)
		return NULL;
	if (grid_init(&l->g, L_N, 1)) {
		free(l);
		errno = ENOMEM;
		return NULL;
	}
	line_resize(l, opts->width);
	if (opts->header)
		line_head(l);
	errno = 0;
	return l;
}

/* " 97% page-cache read": the largest part, a wait under the name of its reason. */
static void set_why(struct line *l, const struct op *op)
{
	struct share reasons[MAX_REASONS];
	struct cell *cell = grid_cell(&l->g, 0, L_WHY);
	unsigned int most = PART_CPU, n = op_reasons(op, reasons, MAX_REASONS);
	uint64_t ns;
	const char *name;
	char escaped[64];

	for (unsigned int p = 0; p < PART_WAIT; p++)
		most = op->part[p] > op->part[most] ? p : most;
	ns = op->part[most];
	name = part_names[most];
	cell->color = part_colors[most];
	if (n && reasons[0].ns >= ns) {
		ns = reasons[0].ns;
		name = reasons[0].name;
		cell->color = part_colors[PART_WAIT];
	}
	snprintf(cell->s, CELL_LEN, "%3" PRIu64 "%% %s", op->wall ? view_round((double)ns * 100 / (double)op->wall) : 0,
		 fmt_escape(escaped, sizeof(escaped), name));
}

static void set_numbers(struct line *l, const struct op *op)
{
	struct grid *g = &l->g;
	struct cell *error = grid_cell(g, 0, L_ERROR);

	snprintf(grid_cell(g, 0, L_TIME)->s, CELL_LEN, "%llu.%06llu", (unsigned long long)(op->t / 1000000000),
		 (unsigned long long)(op->t / 1000 % 1000000));
	if (op->pid == op->tid)
		snprintf(grid_cell(g, 0, L_PID)->s, CELL_LEN, "%u", op->pid);
	else
		snprintf(grid_cell(g, 0, L_PID)->s, CELL_LEN, "%u/%u", op->pid, op->tid);
	snprintf(grid_cell(g, 0, L_SIZE)->s, CELL_LEN, "-");
	snprintf(grid_cell(g, 0, L_OFFSET)->s, CELL_LEN, "-");
	if (op->size)
		fmt_size_exact(grid_cell(g, 0, L_SIZE)->s, op->size);
	if (strlen(grid_cell(g, 0, L_SIZE)->s) > line_cols[L_SIZE].width)
		fmt_size(grid_cell(g, 0, L_SIZE)->s, op->size);
	if (op->offset >= 0)
		fmt_size_exact(grid_cell(g, 0, L_OFFSET)->s, (uint64_t)op->offset);
	fmt_time(grid_cell(g, 0, L_WALL)->s, op->wall);
	snprintf(error->s, CELL_LEN, "-");
	error->color = op->ret < 0 || op->flags & OP_KILLED ? C_RED : C_DIM;
	if (op->flags & OP_KILLED)
		snprintf(error->s, CELL_LEN, "killed");
	else if (op->ret < 0)
		fmt_errno(error->s, op->ret == INT64_MIN ? INT64_MAX : -op->ret);
}

static int line_op(void *self, const struct op *op)
{
	struct line *l = self;
	char file[4 * PATH_MAX], cut[4 * PATH_MAX];

	set_numbers(l, op);
	set_why(l, op);
	fmt_escape(grid_cell(&l->g, 0, L_COMM)->s, CELL_LEN, op->comm);
	fmt_escape(grid_cell(&l->g, 0, L_KIND)->s, CELL_LEN, op->kind);
	fmt_escape(grid_cell(&l->g, 0, L_DEV)->s, CELL_LEN, op->dev && *op->dev ? op->dev : "-");
	grid_cells(&l->g, &l->v, 0);
	fmt_escape(file, sizeof(file), op->file && *op->file ? op->file : "-");
	view_blanks(&l->v, l->g.gap);
	fputs(l->file_width ? fmt_cut(cut, sizeof(cut), file, l->file_width, true) : file, l->v.o.out);
	fputc('\n', l->v.o.out);
	return view_result(&l->v);
}

static void line_close(void *self)
{
	grid_free(&((struct line *)self)->g);
	view_close(self);
}

const struct sink sink_line = {
	.name = "line",
	.open = line_open,
	.op = line_op,
	.resize = line_resize,
	.flush = view_flush,
	.close = line_close,
};
