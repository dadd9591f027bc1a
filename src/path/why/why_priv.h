/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The source's own state, shared by its files. */
#ifndef SPOOR_PATH_WHY_WHY_PRIV_H
#define SPOOR_PATH_WHY_WHY_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "kernel/blockdev.h"
#include "model/hooks.h"
#include "model/lock_names.h"
#include "model/records.h"
#include "model/source.h"
#include "model/stacks.h"
#include "path/why/why_hist.h"
#include "path/why/why_opts.h"
#include "path/why/why_store.h"

struct why_bpf;
struct why_result;

enum { WHY_OPEN_BEGIN, WHY_OPEN_END, WHY_OPENS };

struct why_state {
	struct why_opts opts;
	struct why_bpf *skel;
	links_t links;
	unseen_t unseen;
	struct records records;
	struct why_store *store;
	struct why_history history;
	void *history_map, *ends_map;     /* memory shared with the kernel */
	size_t history_bytes, ends_bytes;
	int open_fd[WHY_OPENS];           /* of why_open_read() */
	struct stacks *stacks;
	struct blockdevs *devs;
	const struct feed *feed;          /* during a poll */
	struct why_tab waits, runq;       /* of all threads asked for */
	struct why_result *result;
	uint64_t start, end;              /* of the window; end 0: not yet over */
	VEC(struct why_call) calls;       /* not delivered yet */
	struct lost lost[WHY_LOST_N + 2 + LOSSES_MORE];
	uint64_t malformed, forgotten;    /* forgotten: stays that found no room */
	uint64_t threads_lost;            /* records of threads that found none */
	uint64_t records_seen;
	struct lock_names locks;          /* of waits */
	bool pidns;                       /* the kernel's numbers are not those of /proc here */
};

enum { WHY_HIST_ENTRIES = 1 << 16, WHY_HIST_BYTES = 64 << 20 };

/* why_load.c. Opens, configures, loads and attaches; 0 or -errno, logged. */
int why_load(struct why_state *st, struct probe *probe);
void why_unload(struct why_state *st);
void why_start_at(struct why_state *st, uint64_t t); /* the window begins */
void why_stop(struct why_state *st);
/* Has the kernel look at each task: who was there at the beginning; at the end, to complete what `tasks` says. */
void why_open_read(struct why_state *st, int which);
void why_lost_read(const struct why_state *st, uint64_t lost[WHY_LOST_N]);
void why_calls_read(const struct why_state *st, uint64_t *calls, uint64_t *slow);
struct bpf_object *why_object(const struct why_state *st);
int why_map_fd(const struct why_state *st, const char *name);

/* why_decode.c. Records may come from a file: nothing in them is trusted. 0 or -EINVAL. */
int why_stay_check(const struct why_stay *r, size_t size);
int why_call_check(const struct why_call *r, size_t size);
/* What a piece is called: fills in pid, comm, reason, by and stack of a node. ctx: struct why_state. */
void why_node_name(void *ctx, const struct why_seg *seg, struct crit_node *node);
enum why_part why_runq_part(uint8_t how); /* of enum why_how: what its time on the run queue is */
/* Of a wait: what its stack says, else what ended it. */
const char *why_reason(struct why_state *st, uint64_t site, uint8_t context, const struct stack **stack);
const char *why_nr_name(struct why_state *st, int32_t nr); /* of a system call or WHY_NR_FAULT; "" */
void why_ender_name(struct why_state *st, uint8_t context, uint8_t vec, uint8_t write, uint32_t by_tid, uint32_t dev,
		    struct ender *by);

/* why_sums.c. Takes in a record: sums, and what the walk needs. 0 or -ENOMEM. */
int why_take(struct why_state *st, const struct why_stay *r);
/* What the kernel still has under way: the last stretch of everybody, up to st->end. */
int why_take_open(struct why_state *st);

/* why_result.c */
/* A slow call of which all is known: walks along its path, and delivers or keeps it. */
int why_call_deliver(struct why_state *st, const struct why_call *c);
int why_top_deliver(struct why_state *st); /* --top, at the end */
struct why_result *why_result_new(void);
void why_result_free(struct why_result *r);
/* Valid until the next call. 0 or -errno. */
int why_result_make(struct why_state *st, struct summary *out, bool interval);

#endif
