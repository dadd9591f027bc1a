/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Recordings. One SQLite file holds what sinks were given, in chunks (codec.h), and, once the recording is over, tables of
 * it for SQL; docs/recording.md describes both. Whatever a source delivers can be recorded, and replayed into the same sinks.
 */
#ifndef SPOOR_STORE_STORE_H
#define SPOOR_STORE_STORE_H

#include "model/session.h"

enum { STORE_FORMAT = 1 };               /* of the chunks and the tables: a reader refuses a newer one */

/* ---- recording ---- */

struct store_writer_opts {
	const char *path;
	const char *command;              /* "io", "sched", "why", "probe" */
	const char *options;              /* as typed, for people */
	uint64_t interval;                /* of its summaries, ns; 0: none */
	uint64_t max_size, keep;          /* the oldest is dropped beyond so many bytes, and after so long (ns); 0: never */
	bool no_tables;                   /* leave them to the first `spoor report --sql` */
};

/* Creates the file; a recording that is there becomes PATH.old. Called before privileges are given up: what it opens stays
 * open. NULL, the reason logged. */
void *store_create(const struct store_writer_opts *o);
extern const struct sink sink_store;     /* self: of store_create, which it frees when it is closed; has no open */

/* ---- reading ---- */

struct store;

struct store_about {
	char command[16], options[512], host[65], kernel[65], version[32];
	uint64_t interval;
	bool complete;                    /* false: it was cut off */
	uint64_t dropped;                 /* messages that --max-size and --keep took away */
	bool tables;
};

/* 0 or -errno, the reason logged. writable: for store_fill. */
int store_open(struct store **to, const char *path, bool writable);
/* The bytes of a whole file; for tests. */
int store_open_bytes(struct store **to, const void *data, size_t n);
void store_close(struct store *s);
const struct store_about *store_about(const struct store *s);

/* Whose; all of it must hold. Lists end with NULL or 0; NULL: any. Operations know all of it, other things the task alone. */
struct store_filter {
	const uint32_t *pids, *tids;
	size_t npids, ntids;
	const char *comm, *cgroup, *container;
	char *const *devs;                /* of the file system, or of one of its requests */
	size_t ndevs;
	const char *file;                 /* it, or what is below it */
	const char *const *kinds;
	size_t nkinds;
};
bool store_filter_any(const struct store_filter *f); /* is anything left out? */

struct store_query {
	struct store_filter filter;
	bool records;                     /* one by one, not the summary alone */
	uint64_t slower;                  /* only those; they do not change the summary */
	bool errors;
	unsigned int top;                 /* the n longest, at the end */
	uint64_t interval;                /* summaries of intervals: those recorded, else made of the operations */
	bool quiet;                       /* no cost, and losses only if there are any */
};

struct store_out { const struct sink *sink; void *self; };

/* What a live run with these options would have given the sinks, in its order. 0 or -errno (-EPIPE: the reader of the output
 * went away). What cannot be read is left out, and logged. */
int store_replay(struct store *s, const struct store_query *q, const struct store_out *out, unsigned int nout);

/* ---- SQL ---- */

/* Makes the tables of the chunks if they are not there. 0 or -errno, logged. */
int store_fill(struct store *s);
/* One query that only reads; a line a row, tabs between, NULL empty. 0, -EPIPE or -errno, logged. */
int store_sql(struct store *s, const char *sql, FILE *out);

#endif
