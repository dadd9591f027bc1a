/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What sinks are given, as bytes and back. A chunk is two strings of bytes: a dictionary (strings, tuples of numbers that
 * come again and again, stacks) and a body of messages that refer to it; it needs no other chunk to be read. Decoded bytes
 * are not trusted: whatever comes out is safe to hand to a sink, though its sums need not hold.
 */
#ifndef SPOOR_STORE_CODEC_H
#define SPOOR_STORE_CODEC_H

#include "model/model.h"

/* Numbers of the format: never changed, only added to. */
enum message_type { MSG_OP = 1, MSG_DELAY, MSG_CALL, MSG_HIT, MSG_SUMMARY, MSG_LOST, MSG_COST, MSG_N };

struct message {
	enum message_type type;
	union {
		struct op op;
		struct delay delay;
		struct slow_call call;
		struct hit hit;
		struct summary summary;
		struct losses lost;
		struct cost cost;
	};
};

enum { CODEC_MAX = 64 << 20 };           /* bytes of a dictionary or a body */

struct codec;

struct codec *codec_new(void);           /* for one direction at a time; NULL: no memory */
void codec_free(struct codec *c);

/* ---- encoding ---- */

void codec_begin(struct codec *c);       /* an empty chunk */
/* object: what the type says. 0, -ENOMEM, -E2BIG (take the chunk, without it, and begin another), -EINVAL. */
int codec_put(struct codec *c, enum message_type type, const void *object);
size_t codec_size(const struct codec *c); /* of dictionary and body, so far */
/* The chunk; valid until it is put to or begun again. */
void codec_chunk(const struct codec *c, const void **dict, size_t *ndict, const void **body, size_t *nbody);

/* ---- decoding ---- */

/* Both must last as long as they are read. 0, -ENOMEM or -EBADMSG. */
int codec_open(struct codec *c, const void *dict, size_t ndict, const void *body, size_t nbody);
/* Another body for the dictionary that is open. */
int codec_body(struct codec *c, const void *body, size_t nbody);
/* Is there a string in the dictionary, or in a tuple of who did it, that passes? For leaving out whole chunks. */
bool codec_any_string(const struct codec *c, bool (*pass)(void *ctx, const char *s), void *ctx);
bool codec_any_task(const struct codec *c, bool (*pass)(void *ctx, uint32_t pid, uint32_t tid), void *ctx);
/* 1: a message, valid until the next call; 0: the end; -ENOMEM or -EBADMSG. */
int codec_next(struct codec *c, struct message *m);

#endif
