/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Ad-hoc probes as a source: `spoor probe 'EXPR'...`. */
#ifndef SPOOR_EXPR_PROBE_SOURCE_H
#define SPOOR_EXPR_PROBE_SOURCE_H

#include <stdio.h>

#include "model/source.h"
#include "model/task_filter.h"

struct probe_opts {
	const char *const *exprs;
	unsigned int n;
	struct task_opts tasks;
	const char *btf;             /* NULL: the running kernel's */
	const char *const *more;     /* modules' types, NULL-terminated; NULL: none */
	bool json;                   /* values are JSON */
	bool kstack, ustack;         /* with every hit */
	bool intervals;              /* there are summaries by interval */
	uint64_t buffer;             /* bytes of the ring; 0: as it is best */
	unsigned int string_max;     /* bytes of a string; 0: 128 */
	bool ftrace;                 /* by probe events of ftrace instead of BPF */
	FILE *programs;              /* the generated programs are printed there; NULL: not */
};

extern const struct source probe_source;

/* What ftrace would be told: the commands, or with script a shell script that does it. 0 or -errno, logged. */
int probe_show(const struct probe_opts *o, bool script, FILE *out);

#endif
