/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include "base/arena.h"

enum { CHUNK = 4096 - 64 };

struct arena_chunk {
	struct arena_chunk *before;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

static struct arena_chunk *chunk_new(struct arena *a, size_t size)
{
	struct arena_chunk *c = calloc(1, sizeof(*c) + (size > CHUNK ? size : CHUNK));

	if (!c)
		return NULL;
	c->size = size > CHUNK ? size : CHUNK;
	c->before = a->last;
	a->last = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_chunk *c = a->last;
	void *p;

	if (size > (size_t)1 << 30)
		return NULL;
	size = (size + align - 1) / align * align;
	if (!c || c->size - c->used < size)
		c = chunk_new(a, size);
	if (!c)
		return NULL;
	p = c->data + c->used;
	c->used += size;
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	return p ? memcpy(p, s, n) : NULL;
}

void arena_free(struct arena *a)
{
	while (a->last) {
		struct arena_chunk *c = a->last;

		a->last = c->before;
		free(c);
	}
}
