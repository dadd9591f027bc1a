/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Text of values, written by hand: a hit comes half a million times a second. What has no room is cut. */
#ifndef SPOOR_EXPR_TEXT_H
#define SPOOR_EXPR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text { char *buf; size_t n, cap; bool json; };

void text_bytes(struct text *t, const char *s, size_t n);
void text_put(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_dec(struct text *t, uint64_t v);
void text_int(struct text *t, int64_t v);
void text_hex(struct text *t, uint64_t v);            /* 0x..; in JSON a string */
/* At most n bytes, to the first NUL: in quotes and escaped, as a terminal or JSON wants it. */
void text_quoted(struct text *t, const char *s, size_t n);
void text_bare(struct text *t, const char *s);        /* escaped; in quotes only in JSON */
void text_end(struct text *t);                        /* a NUL, also when all is full */

#endif
