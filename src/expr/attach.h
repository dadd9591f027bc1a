/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Plans become programs that run: maps, loading, the way of attaching that this kernel allows. */
#ifndef SPOOR_EXPR_ATTACH_H
#define SPOOR_EXPR_ATTACH_H

#include "expr/diag.h"
#include "expr/gen.h"

/* What all probes of a run share. */
struct attach_env {
	struct env *env;
	int ring, state, follow, follow_ns, tids; /* maps; -1: not made */
	const struct task_filter *tasks;
	struct gen_cgroup cgroup;
	unsigned int ring_wake;
	bool epochs;
	FILE *programs;           /* they are printed there; NULL: not */
	int func_ip;              /* is there bpf_get_func_ip: 0 not asked, 1 yes, -1 no */
};

/* A plan that is attached, or with dry its programs only loaded. */
struct attached {
	struct plan *plan;
	const char *how;          /* "fentry", "kprobe", ... */
	int prog, entry_prog;     /* -1: none */
	VEC(int) fds;             /* events and links */
	struct gen_maps maps;     /* its own: entry, agg, zero, globs, stacks; -1: none */
	unsigned int places;      /* functions, CPUs or places in a file */
};

/* 0, or -errno with d telling. detach in every case. */
int attach(struct attached *a, struct plan *p, struct attach_env *env, struct diag *d);
void detach(struct attached *a);
/* A row of an aggregation without keys becomes a new one. */
int agg_reset(const struct attached *a, uint32_t row);

/* ---- in attach_event.c: all return a descriptor or -errno ---- */
int event_kprobe(const char *func, uint64_t off, bool at_return);
int event_uprobe(const char *path, uint64_t file_off, uint64_t semaphore, bool at_return);
int event_tracepoint(uint32_t id);
int event_sample(int cpu, uint64_t hz, uint64_t period);
int event_attach(int event, int prog);
int prog_attach_btf(int prog);                         /* fentry, fexit */
int prog_attach_raw(int prog, const char *name);
int prog_attach_multi(int prog, const uint64_t *addr, unsigned int n, bool at_return);

/* ---- in attach_load.c ---- */
/* The program's descriptor; -errno, and what the verifier said goes into log (allocated; NULL: nothing). */
int prog_load(const struct gen *g, const char *name, int btf_id, int btf_fd, char **log);

/* ---- in attach_hint.c ---- */
/* Functions cannot be probed here: which tracepoints carry what its parameters point to? Notes for d. */
void hint_tracepoints(struct env *env, const struct plan *p, struct diag *d);

#endif
