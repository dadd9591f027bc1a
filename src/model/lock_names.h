/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Names of those locks of the kernel that are a variable of its, or part of one: "rtnl_mutex", "init_net+0x1a8". */
#ifndef SPOOR_MODEL_LOCK_NAMES_H
#define SPOOR_MODEL_LOCK_NAMES_H

#include <stdint.h>

#include "base/vec.h"
#include "kernel/symbols.h"

struct lock_name { uint64_t addr; char name[KSYM_NAME + 24]; };
struct lock_names { VEC(struct lock_name) v; };

int lock_names_add(struct lock_names *l, uint64_t addr); /* 0 is none. 0 or -ENOMEM */
/* Finds the names of all that were added, in one pass over the kernel's symbols; none has one where it hides its addresses.
 * 0 or -ENOMEM. */
int lock_names_find(struct lock_names *l);
const char *lock_names_get(const struct lock_names *l, uint64_t addr); /* "": none. Valid until the next lock_names_add() */
void lock_names_clear(struct lock_names *l);
void lock_names_free(struct lock_names *l);

#endif
