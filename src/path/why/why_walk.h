/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The critical path: a thread's time in a window, in which each wait that another task ended is taken apart into what
 * that task did meanwhile, and so on. The method is that of LTTng's critical path analysis (Giraldeau and Dagenais,
 * "Wait Analysis of Distributed Systems Using Kernel Tracing", IEEE TPDS 2016): forward through the thread, for each wait
 * the one who ended it within [blocked, woken). So the pieces tile the window by construction.
 */
#ifndef SPOOR_PATH_WHY_WALK_H
#define SPOOR_PATH_WHY_WALK_H

#include <stdbool.h>

#include "base/vec.h"
#include "model/model.h"

/* A piece of a thread's time, of one kind. */
struct why_seg {
	uint64_t t, ns;
	enum crit_kind kind;
	uint8_t how;              /* of run queue: enum why_how */
	uint8_t context;          /* enum why_context: who ended a wait */
	uint8_t vec;              /* WHY_BY_SOFTIRQ: the vector */
	uint8_t write;            /* WHY_BY_DEVICE */
	bool before;              /* a wait that had begun before the window */
	int32_t nr;               /* system call in which it was; below 0: WHY_NR_* */
	uint32_t by_tid;          /* the task that ended it, or that had the CPU; 0: none */
	uint32_t dev;             /* WHY_BY_DEVICE, kernel encoding; WHY_BY_IRQ: number of the interrupt */
	uint64_t site;            /* of a wait: its stack's id, 0: not known */
	uint64_t part[WHY_CPU_N]; /* of cpu: sum == ns */
};
typedef VEC(struct why_seg) why_segs_t;

/* What the walk asks of whoever has the records. */
struct why_view {
	/* Appends pieces that tile [from, to) of a thread's time exactly, in order; CRIT_UNKNOWN where nothing is known.
	 * Every piece has ns > 0; nothing when from >= to. 0 or -ENOMEM. */
	int (*segs)(void *ctx, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out);
	/* Where in (from, to] to stop, between two pieces, so that those of a long time need not all be there at once. NULL:
	 * nowhere before `to`. */
	uint64_t (*slice)(void *ctx, uint32_t tid, uint64_t from, uint64_t to);
	/* Fills in what names it: pid, comm, reason, by, stack. Strings last as long as ctx. The thread is node->tid. */
	void (*name)(void *ctx, const struct why_seg *seg, struct crit_node *node);
	void *ctx, *name_ctx;     /* of segs and slice, of name */
};

enum { WALK_DEPTH = 12, WALK_NODES = 1 << 16 };

typedef VEC(struct crit_node) crit_nodes_t;

/* Takes a node; not 0: the walk ends with that. */
typedef int (*why_node_fn)(void *to, const struct crit_node *node);

/* Gives the nodes of [from, to) of thread tid in time order, at depth 0 and below. A wait that a task ended (by_tid) is
 * taken apart, unless that task is on the way already (two that wait for each other), it would be more than WALK_DEPTH
 * deep, or there are `most` nodes already: *cut counts these. 0, -ENOMEM, or what the function returned. */
int why_walk_each(const struct why_view *view, uint32_t tid, uint64_t from, uint64_t to, size_t most, why_node_fn fn,
		  void *fn_to, uint64_t *cut);
/* The same, appended. 0 or -ENOMEM, then nothing is. */
int why_walk(const struct why_view *view, uint32_t tid, uint64_t from, uint64_t to, size_t most, crit_nodes_t *out,
	     uint64_t *cut);

/* Merges paths: nodes of the same kind, names and ancestors become one, children the largest first. */
struct why_tree;
struct why_tree *why_tree_new(void); /* NULL: no memory */
void why_tree_free(struct why_tree *t);
/* A path of why_walk(). 0 or -ENOMEM: then a part of it may have been added. */
int why_tree_add(struct why_tree *t, const struct crit_node *node, size_t n);
/* The same, node by node (a why_node_fn; 0 or -ENOMEM), and the path's end. */
int why_tree_put(void *tree, const struct crit_node *node);
void why_tree_end(struct why_tree *t);
/* Appends them in pre-order, largest first, t 0. Strings are those of the nodes that were added; pid, tid, by and stack of
 * the largest of these. Where some of a node's waits were taken apart and some not, the time of the latter is a node below
 * it, CRIT_UNKNOWN "not followed". 0 or -ENOMEM, then nothing is appended. */
int why_tree_nodes(const struct why_tree *t, crit_nodes_t *out);

#endif
