/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Values and names as people read them. What is printed follows LC_CTYPE only (UTF-8 or not), never the
 * locale's decimal point, so that a column looks the same everywhere. The program calls setlocale().
 */
#ifndef SPOOR_BASE_FMT_H
#define SPOOR_BASE_FMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { FMT_LEN = 32 };                 /* holds every number below */
#define FMT_INVALID UINT32_MAX

bool fmt_utf8(void);                   /* may the output hold more than ASCII? */

/* All return buf. */
char *fmt_time(char buf[FMT_LEN], uint64_t ns);         /* "850ns", "12.3µs", "4.00s"; 3 significant digits */
char *fmt_time_words(char buf[FMT_LEN], uint64_t ns);   /* "98 ns", "92 ms", "0.42 s" */
char *fmt_size(char buf[FMT_LEN], uint64_t bytes);      /* "512", "4.00k", "1.20M"; k = 1024 */
char *fmt_size_exact(char buf[FMT_LEN], uint64_t bytes);/* "512", "4k", "4100k": no digit lost */
char *fmt_size_words(char buf[FMT_LEN], uint64_t bytes);/* "8.1 MB"; MB = 1000000 */
char *fmt_count(char buf[FMT_LEN], uint64_t n);         /* "99999", "1.23M"; k = 1000 */
char *fmt_percent(char buf[FMT_LEN], uint64_t part, uint64_t whole); /* "-", "<0.1%", "12.3%", "100%" */
char *fmt_errno(char buf[FMT_LEN], int64_t err);        /* positive: "EIO"; unknown: "errno 999" */

/* The next character: its bytes (at least 1) and code point, FMT_INVALID for a byte that is not UTF-8. */
size_t fmt_utf8_next(const char *s, uint32_t *cp);

/* Makes any bytes fit to print on a terminal: control characters, direction overrides and bytes that are not
 * valid here become "\n", "\x1b", "\u202e". Cuts at cap, always whole characters. Returns dst. */
char *fmt_escape(char *dst, size_t cap, const char *src);

/* These three expect what fmt_escape returned. */
unsigned int fmt_width(const char *s);                  /* columns on the terminal */
/* At most width columns, "…" where something is missing: at the end, or at the start with keep_tail. */
char *fmt_cut(char *dst, size_t cap, const char *src, unsigned int width, bool keep_tail);
void fmt_pad(FILE *out, const char *s, unsigned int width, bool right);

#endif
