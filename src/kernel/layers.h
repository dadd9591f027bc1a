/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Which layers a command can see on this kernel, by which hooks, and what is lost where one is missing. */
#ifndef SPOOR_KERNEL_LAYERS_H
#define SPOOR_KERNEL_LAYERS_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/probe.h"

enum { LAYER_HOOKS = 8, LAYER_WAYS = 3, LAYER_TEXT = 192 };

enum hook_kind { HOOK_NONE, HOOK_TRACEPOINT, HOOK_FUNCTION, HOOK_KALLSYMS, HOOK_ATTACH /* a way of attaching, whatever it is put on */ };

/* One way to see a layer: all of its hooks together. */
struct layer_way {
	enum hook_kind kind;
	const char *name[LAYER_HOOKS];  /* tracepoints, or functions for fentry and fexit; NULL ends */
	const char *lost;               /* what this way does not show, compared with the first; NULL: nothing */
	enum probe_id needs;            /* of HOOK_ATTACH, whose only name is how it is called */
};

struct layer {
	const char *command;            /* "io" */
	const char *name;               /* "system calls" */
	const char *lost;               /* without it */
	bool must;                      /* the command does not run without it */
	struct layer_way way[LAYER_WAYS]; /* preferred first */
};

/* The table, n entries. Belongs to the library. */
const struct layer *layers_all(size_t *n);

enum layer_state { LAYER_NO, LAYER_PART, LAYER_YES };

struct layer_view {
	enum layer_state state;
	const struct layer_way *way;    /* in use; NULL when state is LAYER_NO */
	char why[LAYER_TEXT];           /* why not, or why only in part; "" for LAYER_YES */
};

void layer_look(struct probe *p, const struct layer *l, struct layer_view *out);

/* Can the command do its main job? When not, why (LAYER_TEXT) says what is missing. */
bool layers_suffice(struct probe *p, const char *command, char *why);

#endif
