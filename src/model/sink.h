/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The contract of a renderer. One file a sink under src/view. */
#ifndef SPOOR_MODEL_SINK_H
#define SPOOR_MODEL_SINK_H

#include "model/model.h"

struct sink_opts {
	FILE *out;
	bool color;               /* decided by the command: terminal, NO_COLOR */
	unsigned int width;       /* columns of the terminal; 0: not a terminal, do not cut */
	bool histograms;          /* -H */
	bool each;                /* --each: one line an operation */
	bool verbose;             /* whole stacks, all waits */
	bool header;              /* print the header first */
};

/* Every function returns 0 or -errno (-EPIPE: stop quietly). Any but open and close may be NULL. */
struct sink {
	const char *name;
	void *(*open)(const struct sink_opts *opts);            /* NULL with errno set */
	int (*op)(void *self, const struct op *op);
	int (*delay)(void *self, const struct delay *d);
	int (*call)(void *self, const struct slow_call *c);
	int (*hit)(void *self, const struct hit *h);
	int (*summary)(void *self, const struct summary *s);
	int (*lost)(void *self, const struct losses *l);
	int (*cost)(void *self, const struct cost *c);
	void (*resize)(void *self, unsigned int width);         /* the terminal has another width now */
	int (*flush)(void *self);                               /* -errno if the output failed */
	int (*finish)(void *self);                              /* nothing follows; -ECANCELED: what it keeps is not whole, which it has said */
	void (*close)(void *self);                              /* frees self; does not close out */
};

extern const struct sink sink_json, sink_tree, sink_line, sink_hits, sink_table;

#endif
