/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The second back end: plans as probe events of ftrace, in an instance of tracefs of their own. What ftrace can read becomes
 * an argument of an event; what it cannot compute from there (arithmetic, byte order, conditions that its filters do not
 * have) is done here, on the same typed operations that the BPF back end is made from. So records are the same, too:
 * struct hit_head and the plan's outs (gen.h).
 */
#ifndef SPOOR_EXPR_FTRACE_H
#define SPOOR_EXPR_FTRACE_H

#include "expr/diag.h"
#include "expr/ir.h"

struct ftrace;

/* Events of all plans, written down, nothing done yet. NULL with errno set; d says why, *which is the plan. */
struct ftrace *ftrace_new(const struct plan *const *plans, unsigned int n, struct diag *d, unsigned int *which);
void ftrace_free(struct ftrace *f); /* takes everything out of tracefs again; NULL is fine */

struct task_opts;
/* Whose events: before they are shown or started. 0, -ENOMEM, -EOPNOTSUPP (by control group). */
int ftrace_tasks(struct ftrace *f, const struct task_opts *o);

/* The commands, one a line, as a person would type them. root: where tracefs is, as shown. 0 or -errno. */
int ftrace_show(const struct ftrace *f, const char *root, FILE *out);
/* A script that sets up, prints until Ctrl-C and cleans up. -EOPNOTSUPP with d: something is computed here. */
int ftrace_script(const struct ftrace *f, struct diag *d, unsigned int *which, FILE *out);

/* Creates instance and events, all switched on. tracefs: descriptor, not owned. 0 or -errno; d has the kernel's words. */
int ftrace_start(struct ftrace *f, int tracefs, struct diag *d, unsigned int *which);
/* Waits for hits up to timeout_ms (0: takes what is there) and gives fn each one's record, of each CPU in order. 0, -errno,
 * or what fn returned when that is not 0. */
int ftrace_poll(struct ftrace *f, int timeout_ms, int (*fn)(void *ctx, const void *record, size_t size), void *ctx);
uint64_t ftrace_lost(const struct ftrace *f); /* events that found no room */

/* How a plan's values are read: a line for each argument, for messages and tests. */
void ftrace_print(const struct ftrace *f, FILE *out);

#endif
