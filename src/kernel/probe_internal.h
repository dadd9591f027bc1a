/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the files of the probes share; nobody else includes it. */
#ifndef SPOOR_KERNEL_PROBE_INTERNAL_H
#define SPOOR_KERNEL_PROBE_INTERNAL_H

#include <linux/bpf.h>
#include <sys/utsname.h>
#include "base/vec.h"
#include "kernel/probe.h"

/* A name that was looked for outside the kernel's own BTF: the search is expensive, so keep the answer. */
struct known_name { char name[64]; unsigned int kind; bool found; };

struct probe {
	struct btf *btf;
	int btf_err;                         /* why it could not be loaded; not tried again */
	int tracefs;                         /* directory, -errno, or TRACEFS_UNTRIED */
	char lockdown[24];                   /* "" until asked */
	struct utsname uts;
	struct probe_result result[PROBE_N];
	bool done[PROBE_N];
	VEC(struct known_name) known;
	VEC(int) tracepoints;                /* type ids of the typedefs btf_trace_*: a thousand of a hundred thousand types */
};

enum { TRACEFS_UNTRIED = 1 << 30 };

typedef void (*probe_fn)(struct probe *p, struct probe_result *r);

/* Each fills r. */
void probe_try_btf(struct probe *p, struct probe_result *r);
void probe_try_module_btf(struct probe *p, struct probe_result *r);
void probe_try_raw_tp(struct probe *p, struct probe_result *r);
void probe_try_tp_btf(struct probe *p, struct probe_result *r);
void probe_try_tracepoint(struct probe *p, struct probe_result *r);
void probe_try_fentry(struct probe *p, struct probe_result *r);
void probe_try_kprobe(struct probe *p, struct probe_result *r);
void probe_try_kprobe_multi(struct probe *p, struct probe_result *r);
void probe_try_uprobe(struct probe *p, struct probe_result *r);
void probe_try_perf_event(struct probe *p, struct probe_result *r);
void probe_try_ringbuf(struct probe *p, struct probe_result *r);
void probe_try_task_storage(struct probe *p, struct probe_result *r);
void probe_try_stack_map(struct probe *p, struct probe_result *r);
void probe_try_task_stack(struct probe *p, struct probe_result *r);
void probe_try_loop(struct probe *p, struct probe_result *r);

int probe_tracepoint_type(struct probe *p, const char *name); /* id of its typedef in the kernel's BTF; -ENOENT */
int probe_tracefs(struct probe *p);      /* kept open in p; -errno */

void probe_say(struct probe_result *r, enum probe_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* r becomes NO for -err, in words: no privilege, lockdown, or what the error says. */
void probe_refused(struct probe *p, struct probe_result *r, const char *what, int err);

#endif
