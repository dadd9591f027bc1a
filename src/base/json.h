/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Streaming JSON to a FILE: commas are put where they belong, values go through one fixed buffer, nothing is
 * allocated. The caller keeps begin and end balanced; keys are literals that need no escaping.
 */
#ifndef SPOOR_BASE_JSON_H
#define SPOOR_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { JSON_BUF = 8192 };

struct json {
	FILE *out;
	int err;        /* first failure, -errno */
	bool comma;     /* a value precedes at this level */
	size_t n;
	char buf[JSON_BUF];
};

void json_init(struct json *j, FILE *out);
void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);
void json_key_long(struct json *j, const char *key, size_t n);
void json_text_key(struct json *j, const char *key); /* any text */
void json_raw(struct json *j, const char *value);    /* is JSON already */
void json_str(struct json *j, const char *s); /* NULL: null; invalid UTF-8 becomes U+FFFD, byte by byte */
void json_u64_long(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_f64(struct json *j, double v);      /* not finite: null */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);

/* Inline, so that of a literal's length is known: a record has some fifty keys. */
static inline void json_key(struct json *j, const char *key)
{
	size_t n = strlen(key);
	char *p = j->buf + j->n;

	if (__builtin_expect(sizeof(j->buf) - j->n < n + 4, 0)) {
		json_key_long(j, key, n);
		return;
	}
	if (j->comma)
		*p++ = ',';
	*p++ = '"';
	p = mempcpy(p, key, n);
	*p++ = '"';
	*p++ = ':';
	j->n = (size_t)(p - j->buf);
	j->comma = false;
}

static inline void json_u64(struct json *j, uint64_t v)
{
	if (__builtin_expect(v > 9 || sizeof(j->buf) - j->n < 2, 0)) {
		json_u64_long(j, v);
		return;
	}
	if (j->comma)
		j->buf[j->n++] = ',';
	j->buf[j->n++] = (char)('0' + v);
	j->comma = true;
}

/* Members of an object. */
static inline void json_put_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static inline void json_put_i64(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_i64(j, v);
}

static inline void json_put_str(struct json *j, const char *key, const char *v) /* NULL: "" */
{
	json_key(j, key);
	json_str(j, v ? v : "");
}

static inline void json_put_bool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}

static inline void json_put_array(struct json *j, const char *key) /* begins it */
{
	json_key(j, key);
	json_array_begin(j);
}

/* Ends a top-level value with a newline and hands it to the FILE as a whole. 0 or the first -errno. */
int json_line(struct json *j);
/* Hands what is buffered to the FILE and flushes that. 0 or the first -errno. */
int json_flush(struct json *j);

#endif
