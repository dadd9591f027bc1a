/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* One run of a source: open, start, poll until it is time to end, deliver to the sinks, sum up, close. */
#ifndef SPOOR_MODEL_SESSION_H
#define SPOOR_MODEL_SESSION_H

#include <signal.h>

#include "model/sink.h"
#include "model/source.h"

enum { SESSION_SINKS = 3 };

struct session_out {
	const struct sink *sink;          /* NULL: none */
	void *self;
	bool no_records;                  /* summaries, not the operations one by one that another sink has asked for */
	bool whole;                       /* losses and cost, whatever quiet says */
};

struct session {
	const struct source *source;
	const void *source_opts;
	struct probe *probe;              /* used until all is attached */
	struct session_out out[SESSION_SINKS];
	uint64_t duration, interval;      /* ns; 0: none */
	bool quiet;                       /* at the end no cost, and losses only if there are any */
	const volatile sig_atomic_t *stop; /* set from a signal handler */
	/* Called when all is attached, before the first record counts (0 or -errno), and in each round of the
	 * loop (true: the run is over). Both may be NULL. */
	int (*attached)(void *ctx);
	bool (*over)(void *ctx);
	void *ctx;
	uint64_t t0;                      /* when the program started, for the cost of attaching; ns */
};

/* 0; -EPIPE when the reader of the output went away; -ECANCELED when it did not begin, which the source has explained; or
 * -errno. */
int session_run(struct session *s);

#endif
