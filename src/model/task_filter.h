/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Whose events a source traces: the user side of bpf/filter.bpf.h. */
#ifndef SPOOR_MODEL_TASK_FILTER_H
#define SPOOR_MODEL_TASK_FILTER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct bpf_object;
struct probe;

/* What the command asks for; all of it must hold. Nothing is owned. */
struct task_opts {
	const uint32_t *pids, *tids;      /* thread groups (children are followed), threads */
	size_t npids, ntids;
	const char *comm;                 /* NULL: any; compared in full (15 bytes) */
	uint64_t cgroup;                  /* kernfs id; 0: any. Descendants are included */
	const char *cgroup_controller;    /* a v1 hierarchy's controller ("cpu"); NULL: v2 */
};

bool task_opts_any(const struct task_opts *o); /* is anything left out? */

/* Before loading. 0, or -ENOENT: the kernel has no such controller (logged). */
int task_filter_set(struct task_filter *f, const struct task_opts *o, struct probe *p);
/* After loading: the maps of ids. 0 or -errno. */
int task_filter_fill(const struct task_filter *f, const struct task_opts *o, const struct bpf_object *obj);

/* Of a v1 controller in css_set.subsys; -ENOENT, logged. */
int cgroup_subsys_index(struct probe *p, const char *controller);

#endif
