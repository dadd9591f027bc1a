/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The dictionary of a chunk. Its entries come in the order in which they were first needed, each kind numbered by itself
 * from 1 (0 is none): 'S' length bytes 0, 'T' kind n numbers, 'K' n 0|1 then for each frame its address (if 1) and the number
 * of its name.
 */
#include "store/codec_priv.h"

enum { ENTRY_STRING = 'S', ENTRY_TUPLE = 'T', ENTRY_STACK = 'K', ARENA_BLOCK = 1 << 16, DICT_SLOTS = 1024 };

/* ---- memory of what is decoded ---- */

static void *arena_get(struct arena_block **first, size_t size)
{
	struct arena_block *b = *first;
	void *p;

	size = (size + 15) & ~(size_t)15;
	while (b && b->next)
		b = b->next;
	if (!b || b->size - b->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
		struct arena_block *fresh = malloc(sizeof(*fresh) + 16 + room);

		if (!fresh)
			return NULL;
		*fresh = (struct arena_block){ .size = room };
		if (b)
			b->next = fresh;
		else
			*first = fresh;
		b = fresh;
	}
	p = (char *)b + ((sizeof(*b) + 15) & ~(size_t)15) + b->used;
	b->used += size;
	return memset(p, 0, size);
}

static void arena_free(struct arena_block **first)
{
	while (*first) {
		struct arena_block *b = *first;

		*first = b->next;
		free(b);
	}
}

void *cx_alloc(struct codec *c, size_t size)
{
	void *p;

	if (size > c->allowed) {
		cx_fail(c, -EBADMSG);
		return NULL;
	}
	c->allowed -= size;
	p = arena_get(&c->passing, size);
	if (!p)
		cx_fail(c, -ENOMEM);
	return p;
}

/* ---- looking up when encoding ---- */

static uint32_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32 ^ h);
}

static uint32_t string_hash(const char *s, size_t *len)
{
	uint64_t h = 0xcbf29ce484222325ull;
	const char *at = s;

	for (; *at; at++)
		h = (h ^ (uint8_t)*at) * 0x100000001b3ull;
	*len = (size_t)(at - s);
	return (uint32_t)(h >> 32 ^ h);
}

static void index_place(struct dict_index *x, uint32_t id, uint32_t hash)
{
	size_t at = hash & (x->cap - 1);

	while (x->slot[at])
		at = (at + 1) & (x->cap - 1);
	x->slot[at] = id;
	x->hash[id - 1] = hash;
}

/* Room for one more: at most half full. */
static int index_grow(struct dict_index *x)
{
	size_t cap = x->cap ? x->cap * 2 : DICT_SLOTS;
	uint32_t *slot, *hash;

	if (x->n + 1 <= x->cap / 2)
		return 0;
	slot = calloc(cap, sizeof(*slot));
	hash = realloc(x->hash, cap / 2 * sizeof(*hash));
	if (hash)
		x->hash = hash;
	if (!slot || !hash) {
		free(slot);
		return -ENOMEM;
	}
	free(x->slot);
	x->slot = slot;
	x->cap = cap;
	for (uint32_t id = 1; id <= x->n; id++)
		index_place(x, id, x->hash[id - 1]);
	return 0;
}

static void index_clear(struct dict_index *x)
{
	if (x->slot)
		memset(x->slot, 0, x->cap * sizeof(*x->slot));
	x->n = 0;
}

static void index_free(struct dict_index *x)
{
	free(x->slot);
	free(x->hash);
}

/* The id of the entry for which same() holds; 0: none. */
#define INDEX_FIND(x, h, id, same) do { \
	size_t at_ = (h) & ((x)->cap - 1); \
	for ((id) = 0; (x)->cap && (x)->slot[at_]; at_ = (at_ + 1) & ((x)->cap - 1)) { \
		uint32_t i_ = (x)->slot[at_] - 1; \
		if ((x)->hash[i_] == (h) && (same)) { \
			(id) = i_ + 1; \
			break; \
		} \
	} \
} while (0)

/* An entry's number in its kind; 0 when there is no memory. */
static uint32_t index_add(struct codec *c, struct dict_index *x, uint32_t hash)
{
	if (index_grow(x)) {
		cx_fail(c, -ENOMEM);
		return 0;
	}
	x->n++;
	index_place(x, (uint32_t)x->n, hash);
	return (uint32_t)x->n;
}

static void dict_bytes(struct codec *c, const void *p, size_t n)
{
	if (vec_reserve(&c->dict, n)) {
		cx_fail(c, -ENOMEM);
		return;
	}
	memcpy(c->dict.v + c->dict.n, p, n);
	c->dict.n += n;
}

static void dict_number(struct codec *c, uint64_t v)
{
	uint8_t b[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		b[n++] = (uint8_t)(v | 0x80);
	b[n++] = (uint8_t)v;
	dict_bytes(c, b, n);
}

uint64_t cx_string_id(struct codec *c, const char *s)
{
	size_t len;
	uint32_t h, id;

	if (c->decode)
		return 0;
	s = s ? s : "";
	h = string_hash(s, &len);
	INDEX_FIND(&c->string_index, h, id, !strcmp((const char *)c->dict.v + c->string_at.v[i_], s));
	if (id)
		return id;
	dict_bytes(c, (const uint8_t[]){ ENTRY_STRING }, 1);
	dict_number(c, len);
	if (vec_push(&c->string_at, c->dict.n))
		cx_fail(c, -ENOMEM);
	dict_bytes(c, s, len + 1);
	return c->err ? 0 : index_add(c, &c->string_index, h);
}

const char *cx_string(struct codec *c, uint64_t id)
{
	if (!id || id > c->strings.n) {
		cx_fail(c, -EBADMSG);
		return "";
	}
	return c->strings.v[id - 1];
}

void cx_str(struct codec *c, const char **s)
{
	uint64_t id = cx_string_id(c, *s);

	cx_u64(c, &id);
	if (c->decode)
		*s = cx_string(c, id);
}

/* ---- tuples ---- */

static uint32_t tuple_add(struct codec *c, enum tuple_kind kind, const uint64_t *v, unsigned int n)
{
	struct tuple t = { .kind = (uint8_t)kind, .n = (uint8_t)n };
	uint32_t h = mix(0, kind), id;

	for (unsigned int i = 0; i < n; i++)
		h = mix((uint64_t)h << 32 | h, v[i]);
	INDEX_FIND(&c->tuple_index, h, id,
		   c->tuples.v[i_].kind == kind && !memcmp(c->tuples.v[i_].v, v, n * sizeof(*v)));
	if (id)
		return id;
	memcpy(t.v, v, n * sizeof(*v));
	if (vec_push(&c->tuples, t))
		cx_fail(c, -ENOMEM);
	dict_bytes(c, (const uint8_t[]){ ENTRY_TUPLE, (uint8_t)kind, (uint8_t)n }, 3);
	for (unsigned int i = 0; i < n; i++)
		dict_number(c, v[i]);
	return c->err ? 0 : index_add(c, &c->tuple_index, h);
}

struct tuple *cx_tuple(struct codec *c, enum tuple_kind kind, uint64_t *v, unsigned int n)
{
	static struct tuple none;
	uint64_t id = c->decode ? 0 : tuple_add(c, kind, v, n);
	struct tuple *t;

	cx_u64(c, &id);
	if (!id || id > c->tuples.n || c->tuples.v[id - 1].kind != kind || c->tuples.v[id - 1].n != n) {
		cx_fail(c, -EBADMSG);
		memset(v, 0, n * sizeof(*v));
		return &none;
	}
	t = &c->tuples.v[id - 1];
	memcpy(v, t->v, n * sizeof(*v));
	return t;
}

/* ---- stacks ---- */

static bool stack_same(const struct codec *c, uint32_t i, const struct stack *s)
{
	const uint64_t *f = c->frames.v + c->stack_at.v[i].at;

	if (c->stack_at.v[i].n != s->n || c->stack_at.v[i].addr != (s->addr != NULL))
		return false;
	for (unsigned int k = 0; k < s->n; k++) {
		const char *name = f[2 * k + 1] ? (const char *)c->dict.v + c->string_at.v[f[2 * k + 1] - 1] : NULL;

		if ((s->addr && s->addr[k] != f[2 * k]) || !name != !s->name[k] || (name && strcmp(name, s->name[k])))
			return false;
	}
	return true;
}

static uint32_t stack_add(struct codec *c, const struct stack *s)
{
	uint32_t h = mix(1, s->n), id;
	size_t at = c->frames.n, len;

	for (unsigned int i = 0; i < s->n; i++)
		h = mix((uint64_t)h << 32 | h, s->addr ? s->addr[i] : s->name[i] ? string_hash(s->name[i], &len) : 0);
	INDEX_FIND(&c->stack_index, h, id, stack_same(c, i_, s));
	if (id)
		return id;
	for (unsigned int i = 0; i < s->n; i++) {
		uint64_t name = s->name[i] ? cx_string_id(c, s->name[i]) : 0;

		if (vec_push(&c->frames, s->addr ? s->addr[i] : 0) || vec_push(&c->frames, name))
			cx_fail(c, -ENOMEM);
	}
	if (vec_reserve(&c->stack_at, 1))
		cx_fail(c, -ENOMEM);
	if (c->err)
		return 0;
	c->stack_at.v[c->stack_at.n].at = at;
	c->stack_at.v[c->stack_at.n].n = s->n;
	c->stack_at.v[c->stack_at.n++].addr = s->addr != NULL;
	dict_bytes(c, (const uint8_t[]){ ENTRY_STACK }, 1);
	dict_number(c, s->n);
	dict_number(c, s->addr != NULL);
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->addr)
			dict_number(c, c->frames.v[at + 2 * i]);
		dict_number(c, c->frames.v[at + 2 * i + 1]);
	}
	return c->err ? 0 : index_add(c, &c->stack_index, h);
}

void cx_stack(struct codec *c, const struct stack **s)
{
	uint64_t id = c->decode || !*s ? 0 : stack_add(c, *s);

	cx_u64(c, &id);
	if (!c->decode)
		return;
	if (id > c->stacks.n)
		cx_fail(c, -EBADMSG);
	*s = !id || id > c->stacks.n ? NULL : c->stacks.v[id - 1];
}

/* ---- reading it ---- */

static void string_read(struct codec *c)
{
	uint64_t len = 0;

	cx_u64(c, &len);
	if (c->err || len >= (uint64_t)(c->end - c->at) || memchr(c->at, 0, len + 1) != c->at + len)
		cx_fail(c, -EBADMSG);
	else if (vec_push(&c->strings, (const char *)c->at))
		cx_fail(c, -ENOMEM);
	else
		c->at += len + 1;
}

static void tuple_read(struct codec *c)
{
	struct tuple t = { 0 };

	if (c->end - c->at < 2 || c->at[1] > TUPLE_MAX) {
		cx_fail(c, -EBADMSG);
		return;
	}
	t.kind = *c->at++;
	t.n = *c->at++;
	cx_u64s(c, t.v, t.n);
	if (!c->err && vec_push(&c->tuples, t))
		cx_fail(c, -ENOMEM);
}

static void stack_read(struct codec *c)
{
	uint64_t n = 0, has = 0, id = 0, *addr;
	const char **name;
	struct stack *s;

	cx_u64(c, &n);
	cx_u64(c, &has);
	if (c->err || n > (uint64_t)(c->end - c->at)) {
		cx_fail(c, -EBADMSG);
		return;
	}
	s = arena_get(&c->kept, sizeof(*s));
	name = arena_get(&c->kept, n * sizeof(*name));
	addr = has ? arena_get(&c->kept, n * sizeof(*addr)) : NULL;
	if (!s || !name || (has && !addr) || vec_push(&c->stacks, s)) {
		cx_fail(c, -ENOMEM);
		return;
	}
	for (uint64_t i = 0; i < n && !c->err; i++) {
		if (has)
			cx_u64(c, &addr[i]);
		cx_u64(c, &id);
		name[i] = id ? cx_string(c, id) : NULL;
	}
	*s = (struct stack){ .n = (unsigned int)n, .name = name, .addr = addr };
}

/* p: NULL when there are none. */
static void bytes_begin(struct codec *c, const void *p, size_t n)
{
	static const uint8_t nothing;

	c->at = p ? p : &nothing;
	c->end = c->at + (p ? n : 0);
}

int codec_open(struct codec *c, const void *dict, size_t ndict, const void *body, size_t nbody)
{
	c->decode = true;
	c->err = 0;
	c->last_t = 0;
	c->strings.n = c->tuples.n = c->stacks.n = 0;
	arena_free(&c->kept);
	bytes_begin(c, dict, ndict);
	if (ndict > CODEC_MAX)
		cx_fail(c, -EBADMSG);
	while (c->at < c->end && !c->err) {
		switch (*c->at++) {
		case ENTRY_STRING: string_read(c); break;
		case ENTRY_TUPLE: tuple_read(c); break;
		case ENTRY_STACK: stack_read(c); break;
		default: cx_fail(c, -EBADMSG);
		}
	}
	return c->err ? c->err : codec_body(c, body, nbody);
}

int codec_body(struct codec *c, const void *body, size_t nbody)
{
	if (nbody > CODEC_MAX)
		cx_fail(c, -EBADMSG);
	bytes_begin(c, body, nbody);
	return c->err;
}

bool codec_any_string(const struct codec *c, bool (*pass)(void *ctx, const char *s), void *ctx)
{
	for (size_t i = 0; i < c->strings.n; i++)
		if (pass(ctx, c->strings.v[i]))
			return true;
	return false;
}

bool codec_any_task(const struct codec *c, bool (*pass)(void *ctx, uint32_t pid, uint32_t tid), void *ctx)
{
	for (size_t i = 0; i < c->tuples.n; i++) {
		const struct tuple *t = &c->tuples.v[i];

		if (t->kind == TUPLE_WHO && pass(ctx, (uint32_t)t->v[0], (uint32_t)t->v[1]))
			return true;
	}
	return false;
}

/* ---- from new to free ---- */

struct codec *codec_new(void)
{
	return calloc(1, sizeof(struct codec));
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	index_free(&c->string_index);
	index_free(&c->tuple_index);
	index_free(&c->stack_index);
	vec_free(&c->tuples);
	vec_free(&c->body);
	vec_free(&c->dict);
	vec_free(&c->string_at);
	vec_free(&c->frames);
	vec_free(&c->stack_at);
	vec_free(&c->strings);
	vec_free(&c->stacks);
	arena_free(&c->kept);
	arena_free(&c->passing);
	free(c);
}

void codec_begin(struct codec *c)
{
	c->decode = false;
	c->err = 0;
	c->last_t = 0;
	c->body.n = c->dict.n = c->tuples.n = c->string_at.n = c->frames.n = c->stack_at.n = 0;
	index_clear(&c->string_index);
	index_clear(&c->tuple_index);
	index_clear(&c->stack_index);
}

size_t codec_size(const struct codec *c)
{
	return c->dict.n + c->body.n;
}

void codec_chunk(const struct codec *c, const void **dict, size_t *ndict, const void **body, size_t *nbody)
{
	*dict = c->dict.v;
	*ndict = c->dict.n;
	*body = c->body.v;
	*nbody = c->body.n;
}
