/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What is known of threads: their stays on and off the CPU as recorded, and pieces of others' time from the history.
 * Not thread-safe. Times in ns.
 */
#ifndef SPOOR_PATH_WHY_WHY_STORE_H
#define SPOOR_PATH_WHY_WHY_STORE_H

#include "base/vec.h"
#include "model/model.h"
#include "path/why/why.h"
#include "path/why/why_tab.h"
#include "path/why/why_walk.h"

/* A record without its names. */
struct stay {
	uint64_t on, off, woken, run; /* END: woken and run are 0 */
	uint64_t part[WHY_ON_N];
	uint64_t site;
	uint32_t by_tid, dev;
	uint32_t runq_tid;            /* who had the CPU in [woken, run) for the most time */
	int32_t nr;
	uint8_t how, context, vec, write;
	bool before;                  /* it was blocked when the window began */
};

/* The same as it is kept: half a million of them. Times since `on` have 48 bits, three days; what is longer is cut off, and
 * the rest of it unknown. */
struct kept {
	uint64_t on;
	uint32_t off, woken, run, user; /* since `on`, the low bits; time in user mode */
	uint16_t high[4];             /* of these */
	uint32_t irq, softirq;        /* the rest is kernel */
	uint32_t who;                 /* dev of a device or an interrupt; else by_tid */
	uint32_t runq_tid;
	uint16_t site;                /* number in the store's table, 0: none */
	int16_t nr;
	uint8_t how, context, vec, write : 1, end : 1, before : 1;
};

struct thread {
	uint32_t tid, tgid;
	const char *comm;             /* the last */
	uint64_t first, last;         /* from its first record to the end of the last one */
	uint64_t part[WHY_PART_N];    /* sum == last - first, of those asked for */
	uint64_t part0[WHY_PART_N];   /* at the end of the last interval */
	bool helper;                  /* only traced because it woke somebody */
	bool before, ended;
	bool seen;                    /* there was a record of it */
	bool open;                    /* on the CPU since `last`, as far as is known */
	VEC(struct kept) stays;       /* in order of time */
	why_segs_t past;              /* from the history, in order of time */
	struct why_tab waits, runq;   /* sums: part[WHY_WAIT]; preempted, woken and throttled */
	struct thread *older;         /* of the same id, which has ended */
};

struct why_store;

struct why_store *why_store_new(void);        /* NULL: no memory */
void why_store_free(struct why_store *s);

/* A string that lasts as long as the store; equal ones are one. "" when there is no memory or they are too many. */
const char *why_store_string(struct why_store *s, const char *text);

/* The thread of that id that was there last; NULL. */
struct thread *why_store_find(const struct why_store *s, uint32_t tid);
/* The same, made when there is none. NULL: no memory or too many. A new one replaces one that has ended. */
struct thread *why_store_thread(struct why_store *s, uint32_t tid, uint64_t t);
size_t why_store_count(const struct why_store *s);
struct thread *why_store_at(const struct why_store *s, size_t i); /* in order of appearance */

/* Whether /proc names tasks by the numbers that the records have: not in a PID namespace. */
void why_store_ask(struct why_store *s, bool proc);
/* The name of a task that is not a thread of the store. */
void why_store_name(struct why_store *s, uint32_t tid, uint32_t tgid, const char *comm);
void why_store_named(struct why_store *s, uint32_t tid, uint32_t *tgid, const char **comm); /* "" when not known */

/* 0, -ENOMEM, or -ENOSPC: too many are kept (a time from which the caller counts the rest as unknown). */
int why_store_stay(struct why_store *s, struct thread *t, const struct stay *stay);
/* Where it was blocked the longest in [from, to), as far as it is recorded: the site of a stack, 0: not known. */
uint64_t why_store_asleep(const struct why_store *s, uint32_t tid, uint64_t from, uint64_t to);
/* When many are kept, forgets what ended before `before`. */
void why_store_prune(struct why_store *s, uint64_t before);
/* Pieces from the history: whether there is room for more, and how many were added. */
bool why_store_past_room(const struct why_store *s);
void why_store_past_count(struct why_store *s, size_t n);

/* As struct why_view wants it. ctx: the store. */
int why_store_segs(void *ctx, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out);
uint64_t why_store_slice(void *ctx, uint32_t tid, uint64_t from, uint64_t to);

#endif
