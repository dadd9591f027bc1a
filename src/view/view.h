/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the renderers share: colours, bars, names, wrapped lines and a grid of aligned columns. */
#ifndef SPOOR_VIEW_VIEW_H
#define SPOOR_VIEW_VIEW_H

#include "base/fmt.h"
#include "base/json.h"
#include "model/sink.h"

enum color { C_NONE, C_BOLD, C_DIM, C_RED, C_GREEN, C_YELLOW, C_BLUE, C_MAGENTA, C_CYAN };
extern const enum color part_colors[PART_N];

/* First member of every sink's own state. */
struct view {
	struct sink_opts o;
	bool utf8;
	int err;                     /* first failure, -errno */
};

void *view_open(const struct sink_opts *opts, size_t size); /* size of the sink's state; NULL with errno set */
int view_result(struct view *v);                            /* after printing: 0 or the first -errno */
int view_flush(void *self);
void view_close(void *self);

/* To the nearest whole number; what is too large for one, the largest. */
uint64_t view_round(double v);

void view_blanks(const struct view *v, unsigned int n);
/* Padded to width, in colour if there is any; nothing but the text when width is 0. */
void view_text(const struct view *v, enum color c, const char *s, unsigned int width, bool right);

/* Bars, without trailing blanks; they return their columns. Something that is not 0 is never invisible. */
unsigned int view_bar(const struct view *v, enum color c, uint64_t part, uint64_t whole, unsigned int width);
/* From `from` on for `len` on an axis of `whole`, cut to it. */
unsigned int view_span(const struct view *v, enum color c, uint64_t from, uint64_t len, uint64_t whole,
		       unsigned int width);

/* One line to each doubling, from the first that is not empty to the last. */
void view_hist(const struct view *v, const uint64_t hist[HIST_N]);

void view_resize(void *self, unsigned int width); /* struct view must be the first member */

/* Segments on a line, broken between them where the width ends. Whoever begins prints `lead` or other text
 * and sets col to its width; each continued line begins with `lead`. */
struct wrap { const struct view *v; const char *lead, *gap; unsigned int col; bool some; };
void wrap_put(struct wrap *w, enum color c, const char *segment);
void wrap_cut(struct wrap *w, enum color c, const char *segment); /* the same, cut where no line has room for it */

/* A stack on lines of its own that begin with `lead`: all of it with --verbose, else the frames that tell most, on one. */
void view_stack(const struct view *v, const char *lead, const struct stack *stack);

/* The flags of an operation: the name in JSON, and for people. NULL when there is no such bit. */
const char *op_flag_name(unsigned int bit);
const char *op_flag_text(unsigned int bit);

/* The reasons of an operation's waits summed up, the largest first; returns how many of `max` were filled. */
unsigned int op_reasons(const struct op *op, struct share *share, unsigned int max);

/* In json.c. Members "stack", "hist" and "p50" to "p999". */
void json_put_stack(struct json *j, const struct stack *stack); /* NULL: empty */
void json_put_stack_as(struct json *j, const char *key, const struct stack *stack);
void json_put_hist(struct json *j, const uint64_t hist[HIST_N]);
void json_put_quantiles(struct json *j, const uint64_t hist[HIST_N], uint64_t count, uint64_t max);

/* Columns of text. Set up the columns, fill the cells, measure, fit, print. */
enum { GRID_COLS = 32, CELL_LEN = 96 };

struct col {
	const char *head;            /* a blank in it breaks it in two lines */
	unsigned int width;
	unsigned int min;            /* a name that may be cut down to this; 0: never cut */
	unsigned int rank;           /* 0: stays; the lower, the sooner it is dropped for lack of room */
	bool left, gone;
	bool group;                  /* the first of some that belong together */
};

struct cell { char s[CELL_LEN]; enum color color; };

struct grid {
	unsigned int ncols, nrows, gap;
	struct col col[GRID_COLS];
	struct cell *cell;
};

enum { RANK_HARD = 20 };             /* from here on only after the names are cut */

int grid_init(struct grid *g, unsigned int ncols, unsigned int nrows); /* 0 or -ENOMEM */
void grid_free(struct grid *g);
struct cell *grid_cell(struct grid *g, unsigned int row, unsigned int col);
void grid_measure(struct grid *g);
/* Makes it fit; width 0: everything stays. False when it took dropping columns of RANK_HARD. */
bool grid_fit(struct grid *g, unsigned int width);
void grid_head(const struct grid *g, const struct view *v);
unsigned int grid_width(const struct grid *g);
void grid_cells(const struct grid *g, const struct view *v, unsigned int row); /* a row without its newline */
void grid_row(const struct grid *g, const struct view *v, unsigned int row);

#endif
