/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Filling the tables for SQL. */
#ifndef SPOOR_STORE_TABLES_H
#define SPOOR_STORE_TABLES_H

#include "store/store_priv.h"

enum table {
	T_name, T_task, T_file, T_site, T_route, T_frames, T_operation_row, T_wait_row, T_request_row, T_delays, T_delay_segments,
	T_calls, T_segments, T_hits, T_hit_fields, T_summaries, T_rows, T_shares, T_histograms, T_cpus, T_tasks, T_preemptions,
	T_locks, T_threads, T_thread_waits, T_thread_runq, T_syscalls, T_aggregates, T_losses, T_unseen, T_cost, T_N
};
extern const char tables_schema[];
extern const char *const tables_insert[T_N];

/* Keys of any bytes to numbers from 1. */
struct idmap { struct idmap_entry *v; size_t n, cap; };
/* What strings and stacks of the present chunk have as numbers, by their address. */
enum { CACHE = 4096 };
struct cached { const void *p; int64_t id; };

struct fill {
	struct store *s;
	sqlite3_stmt *stmt[T_N];
	struct idmap name, task, file, site, route, stack;
	struct cached names[CACHE], stacks[CACHE];
	VEC(uint8_t) key;
	int64_t operations, delays, calls, hits, summaries, rows, threads, aggregates, cpus, tasks;
	int err;
};

/* A row: 'i' an int64_t, 't' a text, '0' an int64_t that is not used: NULL, 'k' the number of a stack, NULL for 0. */
void fill_row(struct fill *f, enum table table, const char *types, ...);
int64_t fill_name(struct fill *f, const char *s);                 /* number of a name */
int64_t fill_stack(struct fill *f, const struct stack *s);        /* 0: none */
/* The number of a row of numbers in one of the tables that stand for them. */
int64_t fill_tuple(struct fill *f, struct idmap *map, enum table table, const int64_t *v, unsigned int n);
void fill_hist(struct fill *f, const char *owner, int64_t id, const uint64_t hist[HIST_N]);

void fill_op(struct fill *f, const struct op *op);
void fill_delay(struct fill *f, const struct delay *d);
void fill_call(struct fill *f, const struct slow_call *c);
void fill_hit(struct fill *f, const struct hit *h);
void fill_summary(struct fill *f, const struct summary *s);

#endif
