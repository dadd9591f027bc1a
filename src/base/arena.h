/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Memory that is given back all at once: for trees whose parts live as long as the whole. */
#ifndef SPOOR_BASE_ARENA_H
#define SPOOR_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena { struct arena_chunk *last; };

void *arena_alloc(struct arena *a, size_t size);                       /* zeroed, aligned for anything; NULL: no memory */
char *arena_strndup(struct arena *a, const char *s, size_t n);         /* NULL: no memory */
void arena_free(struct arena *a);                                      /* leaves an empty one */

#endif
