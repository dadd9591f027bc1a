/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The codec's own: one function describes a structure for both directions. Encoding, the field is read and written to the
 * body; decoding, the other way round. So nothing can be written that is not read. What is encoded may be constant: only
 * decoding stores anything in it. The first failure stays in err; after it, reading gives zeros.
 */
#ifndef SPOOR_STORE_CODEC_PRIV_H
#define SPOOR_STORE_CODEC_PRIV_H

#include "base/vec.h"
#include "store/codec.h"

enum { TUPLE_MAX = 6 };
/* Tuples of different meaning are told apart by their kind. */
enum tuple_kind { TUPLE_WHO = 1, TUPLE_FILE, TUPLE_WHAT, TUPLE_STAGE, TUPLE_N };

struct tuple { uint64_t v[TUPLE_MAX]; uint64_t next; uint8_t kind, n; };  /* next: of a file, the offset after the last operation */

/* Open addressing; of entries only the hash is kept here. */
struct dict_index { uint32_t *slot, *hash; size_t cap, n, hash_cap; };

typedef VEC(uint8_t) bytes_t;

struct arena_block { struct arena_block *next; size_t used, size; };

struct codec {
	bool decode;
	int err;
	uint64_t last_t;                  /* of the operation before */
	VEC(struct tuple) tuples;

	/* encoding */
	bytes_t body, dict;
	struct dict_index string_index, tuple_index, stack_index;
	VEC(size_t) string_at;            /* where in dict its bytes begin */
	VEC(uint64_t) frames;             /* of all stacks: address, number of the name */
	VEC(struct { size_t at; unsigned int n; bool addr; }) stack_at;

	/* decoding */
	const uint8_t *at, *end;
	VEC(const char *) strings;
	VEC(struct stack *) stacks;
	struct arena_block *kept, *passing; /* dictionary; message */
	size_t allowed;                   /* bytes that a message may still become */
};

void cx_fail(struct codec *c, int err);
void cx_u64_long(struct codec *c, uint64_t *v);

/* Here, for most of what is read is one byte. */
static inline void cx_u64(struct codec *c, uint64_t *v)
{
	if (c->decode && c->at < c->end && *c->at < 0x80)
		*v = *c->at++;
	else
		cx_u64_long(c, v);
}

/* A number that must fit. */
static inline uint32_t cx_narrow(struct codec *c, uint64_t v)
{
	if (v > UINT32_MAX) {
		cx_fail(c, -EBADMSG);
		return 0;
	}
	return (uint32_t)v;
}

static inline void cx_u32(struct codec *c, uint32_t *v)
{
	uint64_t wide = *v;

	cx_u64(c, &wide);
	if (c->decode)
		*v = cx_narrow(c, wide);
}

/* Small numbers of either sign are short. */
static inline void cx_i64(struct codec *c, int64_t *v)
{
	uint64_t zigzag = (uint64_t)*v << 1 ^ (*v < 0 ? UINT64_MAX : 0);

	cx_u64(c, &zigzag);
	if (c->decode)
		*v = (int64_t)(zigzag >> 1 ^ (zigzag & 1 ? UINT64_MAX : 0));
}

/* A number that is close to another. */
static inline void cx_near(struct codec *c, uint64_t *v, uint64_t to)
{
	int64_t away = (int64_t)(*v - to);

	cx_i64(c, &away);
	if (c->decode)
		*v = to + (uint64_t)away;
}

void *cx_alloc(struct codec *c, size_t size);         /* of the message, zeroed; NULL after a failure */
void cx_int(struct codec *c, int *v);
void cx_bool(struct codec *c, bool *v);
void cx_str(struct codec *c, const char **s);         /* NULL becomes "" */
void cx_stack(struct codec *c, const struct stack **s);
void cx_hist(struct codec *c, uint64_t hist[HIST_N]);
void cx_u64s(struct codec *c, uint64_t *v, unsigned int n);
/* For tuples: the number of a string (0 when decoding), and the string of a number. */
uint64_t cx_string_id(struct codec *c, const char *s);
const char *cx_string(struct codec *c, uint64_t id);
/* v: n numbers in, the same out. The tuple's entry. */
struct tuple *cx_tuple(struct codec *c, enum tuple_kind kind, uint64_t *v, unsigned int n);
/* The array behind *p, of *n elements; decoding, a fresh one of as many as are there. */
void *cx_array(struct codec *c, const void *p, unsigned int *n, size_t size);
/* What p points to, or NULL; decoding, a fresh one if there is one. */
void *cx_maybe(struct codec *c, const void *p, size_t size);

/* All elements of an array: s->field of s->count, each by fn. */
#define CX_EACH(c, s, field, count, fn) do { \
	unsigned int n_ = (s)->count; \
	void *v_ = cx_array(c, (s)->field, &n_, sizeof(*(s)->field)); \
	if ((c)->decode) { \
		(s)->field = v_; \
		(s)->count = n_; \
	} \
	for (unsigned int i_ = 0; i_ < n_ && !(c)->err; i_++) \
		fn(c, (void *)&(s)->field[i_]); \
} while (0)

/* One a structure. */
void cx_share(struct codec *c, struct share *s);
void cx_op(struct codec *c, struct op *op);
void cx_rows(struct codec *c, struct summary *s);
void cx_delay(struct codec *c, struct delay *d);
void cx_sched(struct codec *c, struct sched *s);
void cx_call(struct codec *c, struct slow_call *s);
void cx_why(struct codec *c, struct why *w);
void cx_hit(struct codec *c, struct hit *h);
void cx_probes(struct codec *c, struct probes *p);

#endif
