/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the parts of `spoor find` share. */
#ifndef SPOOR_CMD_FIND_H
#define SPOOR_CMD_FIND_H

#include "cmd/types_json.h"
#include "kernel/probe.h"

struct find {
	struct json *json;      /* NULL: text */
	unsigned int width;
	struct types *types;    /* the kernel's; NULL: it has no BTF */
	struct probe *probe;    /* what it allows; NULL: could not be looked at */
	int tracefs;            /* descriptor, or -errno */
	unsigned int found;
	bool refused;           /* a function was shown that cannot be probed here at all */
	bool guessed;           /* available_filter_functions could not be read */
};

/* All print what matches and count it. 0 or -errno, after a message. */
int find_functions(struct find *f, const char *glob);
int find_tracepoints(struct find *f, const char *system, const char *glob);   /* system NULL: all */
int find_in_binary(struct find *f, const char *bin, const char *glob);        /* "FUNC" or "PROVIDER:NAME" */

int find_complete(const char *text);   /* how a probe goes on; the exit status */

/* Text: a line, made safe for a terminal; one wrapped at the terminal's width, continued at column `from`. */
void find_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void find_wrapped(struct find *f, unsigned int from, const char *text);

#endif
