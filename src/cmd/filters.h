/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Whose events are traced: the options that every tracer has. */
#ifndef SPOOR_CMD_FILTERS_H
#define SPOOR_CMD_FILTERS_H

#include "cmd/cmd.h"
#include "model/task_filter.h"

struct filters {
	/* as typed; NULL: not given */
	struct opt_list pid, tid;
	const char *comm, *cgroup, *container;

	VEC(uint32_t) pids, tids; /* by filters_parse */
	char controller[32];      /* by filters_resolve: of the cgroup's v1 hierarchy; "": v2 */
};

/* Lines of a table of options; at: where in the structure that it fills in there is a struct filters. */
#define FILTER_OPTS(at) \
	{ 'p', "pid", OPT_LIST, "LIST", "Only these processes and the children they start.", (at) + offsetof(struct filters, pid) }, \
	{ 't', "tid", OPT_LIST, "LIST", "Only these threads.", (at) + offsetof(struct filters, tid) }, \
	{ 'n', "comm", OPT_STRING, "NAME", "Only tasks of this name (15 bytes, as ps -o comm shows it).", (at) + offsetof(struct filters, comm) }, \
	{ 'c', "cgroup", OPT_STRING, "PATH", "Only tasks in this control group (version 1 or 2) or below it.", \
	(at) + offsetof(struct filters, cgroup) }, \
	{ 0, "container", OPT_STRING, "ID", "Only this container: the beginning of its docker, podman, containerd or " \
	"Kubernetes id.", (at) + offsetof(struct filters, container) }

/* command: there is one to run. 0, or -EINVAL, -ESRCH, -ENOMEM with a message. filters_free in every case. */
int filters_parse(struct filters *f, bool command, char message[CMD_MESSAGE]);
void filters_free(struct filters *f);

/* Looks up the cgroup or container. 0, and o is what was asked for, as long as f lasts; or -errno with a message. */
int filters_resolve(struct filters *f, struct task_opts *o, char message[CMD_MESSAGE]);

#endif
