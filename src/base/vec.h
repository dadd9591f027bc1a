/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * A growable array of any type: VEC(int) v = {0}; if (vec_push(&v, 3)) return -ENOMEM; v.v[0]; vec_free(&v).
 * Elements are moved with memcpy. Pointers into it last until the next push.
 */
#ifndef SPOOR_BASE_VEC_H
#define SPOOR_BASE_VEC_H

#include <errno.h>
#include <stddef.h>

#define VEC(type) struct { type *v; size_t n, cap; }

/* Room for `more` elements beyond n. 0 or -ENOMEM, the vector then unchanged. */
#define vec_reserve(vec, more) vec_grow_((void **)&(vec)->v, (vec)->n, (more), &(vec)->cap, sizeof(*(vec)->v))
/* Appends. 0 or -ENOMEM. */
#define vec_push(vec, ...) (vec_reserve(vec, 1) ? -ENOMEM : ((vec)->v[(vec)->n++] = (__VA_ARGS__), 0))
/* Gives the memory back and leaves an empty vector that can be used again. */
#define vec_free(vec) do { free((vec)->v); (vec)->v = NULL; (vec)->n = (vec)->cap = 0; } while (0)

static inline int vec_grow_(void **v, size_t n, size_t more, size_t *cap, size_t size)
{
	size_t want, bytes, next;
	void *p;

	if (__builtin_add_overflow(n, more, &want))
		return -ENOMEM;
	if (*v && want <= *cap)
		return 0;
	next = *cap ? *cap : 8;
	while (next < want)
		if (__builtin_mul_overflow(next, 2, &next))
			return -ENOMEM;
	if (__builtin_mul_overflow(next, size, &bytes))
		return -ENOMEM;
	p = realloc(*v, bytes);
	if (!p)
		return -ENOMEM;
	*v = p;
	*cap = next;
	return 0;
}

#endif
