/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the files probe_*.c share. */
#ifndef SPOOR_EXPR_PROBE_PRIV_H
#define SPOOR_EXPR_PROBE_PRIV_H

#include "expr/attach.h"
#include "expr/ftrace.h"
#include "expr/probe_source.h"
#include "expr/rows.h"
#include "expr/symbolizer.h"
#include "model/records.h"

enum { HIT_FIELDS = 80, HIT_TEXT = 1 << 16 };

struct probe_one {
	struct plan *plan;
	struct attached at;
	bool attached;
	struct render render;
	struct rows *rows;           /* of an aggregation, else NULL */
};

struct probing {
	struct probe_opts opts;
	struct env env;
	struct attach_env ae;
	struct task_filter tasks;
	VEC(struct probe_ast *) trees;
	VEC(struct probe_one *) ones;
	int fork_prog, fork_link;
	volatile struct probe_shared *shared; /* the map `state` */
	struct symbolizer *symbols;
	struct records records;
	bool reading;                /* records is open */
	struct ftrace *ftrace;       /* instead of records; NULL: not */
	const struct feed *feed;
	uint64_t hits, malformed;

	struct aggregate *aggregates; /* of the last summary */
	struct probes probes;
	struct lost lost[LOST_N + 2];
	struct field fields[HIT_FIELDS];
	char text[HIT_TEXT];
};

int probe_load(struct probing *st, struct probe *machine); /* all of it. 0 or -errno, logged */
int probe_plan(struct probing *st);   /* only parsed and checked */
void probe_unload(struct probing *st);
int probe_ftrace(struct probing *st, bool start); /* plans as probe events. 0 or -errno, logged */
int probe_record(void *self, const void *data, size_t size);

#endif
