/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The contract of a tracer. One folder a source under src/path, one `const struct source` each. */
#ifndef SPOOR_MODEL_SOURCE_H
#define SPOOR_MODEL_SOURCE_H

#include "model/model.h"

struct probe;

/* Where a source delivers operations. Returns 0, or -errno to stop (-EPIPE: the reader went away). */
struct feed {
	int (*op)(void *ctx, const struct op *op);
	int (*delay)(void *ctx, const struct delay *d);
	int (*call)(void *ctx, const struct slow_call *c);
	int (*hit)(void *ctx, const struct hit *h);
	void *ctx;
};

struct source {
	const char *name;
	/* Loads and attaches everything, records nothing yet. opts: the source's own structure, copied.
	 * 0 or -errno; the reason has been logged. */
	int (*open)(void **self, const void *opts, struct probe *probe);
	void (*start)(void *self);
	/* Waits up to timeout_ms for records and delivers them. 0 or -errno (-EINTR is 0). */
	int (*poll)(void *self, int timeout_ms, const struct feed *feed);
	/* Stops recording and delivers what is left. */
	int (*finish)(void *self, const struct feed *feed);
	/* interval: what came since the last such call; else everything. Valid until the next call. A source that
	 * measures the window itself sets t and ns, else the session does. */
	int (*summary)(void *self, struct summary *out, bool interval);
	int (*losses)(void *self, struct losses *out);
	void (*cost)(void *self, struct cost *out); /* the BPF and map part of it, the count of operations, unseen */
	void (*close)(void *self);
};

#endif
