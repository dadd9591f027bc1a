/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Between the files of the sched source; nobody else includes it. */
#ifndef SPOOR_PATH_SCHED_SCHED_PRIV_H
#define SPOOR_PATH_SCHED_SCHED_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/hooks.h"
#include "model/names.h"
#include "model/records.h"
#include "model/source.h"
#include "path/sched/sched.h"
#include "path/sched/sched_opts.h"

struct sched_bpf;
struct sched_locks;
struct sched_sums;
struct stacks;

struct sched_state {
	struct sched_opts opts;
	struct sched_bpf *skel;
	links_t links;
	unseen_t unseen;
	struct records records;
	struct names *names;
	const struct feed *feed;          /* during a poll */
	struct sched_sums *sums;
	struct sched_locks *locks;
	struct stacks *stacks;            /* of waits for locks */
	uint64_t epoch;                   /* when the clocks of the CPUs began */
	unsigned int nrows;               /* entries of the map of rows */
	VEC(struct sched_rec) top;        /* the longest so far, in no order */
	struct lost lost[SCHED_LOST_N + LOSSES_MORE];
	uint64_t malformed;
	uint64_t delays;                  /* counted at the last summary */
};

/* sched_load.c. Opens, configures, loads and attaches; 0 or -errno, logged. */
int sched_load(struct sched_state *st, struct probe *probe);
void sched_unload(struct sched_state *st);
void sched_ready(struct sched_state *st, bool on);
void sched_top_raise(struct sched_state *st, uint64_t ns);
void sched_lost_read(const struct sched_state *st, uint64_t lost[SCHED_LOST_N]);
struct bpf_object *sched_object(const struct sched_state *st);
int sched_map_fd(const struct sched_state *st, const char *name);

/* sched_decode.c */
const char *sched_policy_name(unsigned int policy);
/* Records may come from a file: nothing in them is trusted. 0 or -EINVAL. */
int sched_record_check(const struct sched_rec *rec, size_t size);
/* A record that has been checked; d points into it, into ran, and into names until their next use. */
void sched_decode(struct names *names, struct sched_rec *rec, struct ran ran[SCHED_RAN], struct delay *d);

/* sched_sums.c */
struct sched_sums *sched_sums_new(struct sched_state *st);
void sched_sums_free(struct sched_sums *s);
int sched_sums_begin(struct sched_sums *s);  /* the window begins */
int sched_sums_read(struct sched_sums *s, struct summary *out, bool interval);

/* sched_locks.c */
const char *sched_lock_kind(unsigned int flags); /* LCB_F_* */
/* The innermost function that is not one of taking a lock; "unknown". */
const char *sched_lock_where(const char *const *name, unsigned int n);
struct sched_locks *sched_locks_new(struct sched_state *st);
void sched_locks_free(struct sched_locks *l);
/* Adds the waits for locks to the result. 0 or -errno. Valid until the next call. */
int sched_locks_read(struct sched_locks *l, struct sched *out, bool interval);

#endif
