/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Addresses to names for hits and keys: the kernel's by one table that is read when it is first needed, a process' by its
 * maps and its files' symbols. Bounded. Not thread-safe. */
#ifndef SPOOR_EXPR_SYMBOLIZER_H
#define SPOOR_EXPR_SYMBOLIZER_H

#include "model/model.h"

struct symbolizer;

struct symbolizer *symbolizer_new(void); /* NULL: no memory */
void symbolizer_free(struct symbolizer *s);

void symbolizer_prepare(struct symbolizer *s); /* reads the kernel's table now, so that no hit waits for it */
const char *symbol_kernel(struct symbolizer *s, uint64_t addr, uint64_t *off); /* NULL: unknown. Lasts as long as s */
/* A stack of so many addresses; addresses that have no name have it in hexadecimal. Valid until the second next call. */
const struct stack *symbol_stack(struct symbolizer *s, const uint64_t *addr, unsigned int n, uint32_t pid, bool user);

#endif
