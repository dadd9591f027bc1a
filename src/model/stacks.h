/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Kernel stacks by id, with names and the reason for waiting that they stand for. Not thread-safe. */
#ifndef SPOOR_MODEL_STACKS_H
#define SPOOR_MODEL_STACKS_H

#include "model/model.h"

struct stacks;

/* Fetches the addresses of a stack: number of addresses (at most max), 0 when there is none. */
typedef unsigned int (*stacks_fetch_fn)(void *ctx, uint64_t id, uint64_t *addr, unsigned int max);
/* Calls fn for each known id, so that names are looked up for all new stacks in one pass. */
typedef void (*stacks_list_fn)(void *ctx, void (*fn)(void *arg, uint64_t id), void *arg);

struct stacks *stacks_new(stacks_fetch_fn fetch, stacks_list_fn list, void *ctx); /* NULL: no memory */
/* Those of the map `stacks` of bpf/stack.bpf.h. */
struct stacks *stacks_of_map(int map_fd);
void stacks_free(struct stacks *s);

/* The stack, NULL when unknown; and why a task sleeps there, never NULL. Both last as long as s. */
const struct stack *stacks_get(struct stacks *s, uint64_t id, const char **reason);

/* The reason that a stack of names stands for, innermost first; "unknown" or "unknown (symbol)" is made by
 * the caller when this is NULL. The table is model/reasons.c. */
const char *reason_of(const char *const *names, unsigned int n);

#endif
