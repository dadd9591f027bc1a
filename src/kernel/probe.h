/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What this kernel allows, found by trying: each probe loads and attaches a two-instruction program or makes
 * a small map, and takes it away again. A probe runs when it is first asked for; the answer is kept.
 * Not thread-safe: one struct probe belongs to one thread.
 */
#ifndef SPOOR_KERNEL_PROBE_H
#define SPOOR_KERNEL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf;
struct probe;

enum probe_id {
	PROBE_PRIVILEGE,     /* CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN are effective */
	PROBE_UNLOCKED,      /* no kernel lockdown */
	PROBE_BTF,           /* /sys/kernel/btf/vmlinux */
	PROBE_MODULE_BTF,
	PROBE_RAW_TP,        /* raw tracepoints */
	PROBE_TP_BTF,        /* raw tracepoints with typed arguments */
	PROBE_TRACEPOINT,    /* classic tracepoints, through perf events */
	PROBE_FENTRY,        /* fentry and fexit */
	PROBE_KPROBE,
	PROBE_KPROBE_MULTI,
	PROBE_UPROBE,
	PROBE_PERF_EVENT,    /* software clock with a program */
	PROBE_RINGBUF,
	PROBE_TASK_STORAGE,  /* usable from a tracing program */
	PROBE_STACK_MAP,     /* map of stack ids */
	PROBE_TASK_STACK,    /* helper bpf_get_task_stack */
	PROBE_LOOP,          /* helper bpf_loop */
	PROBE_KALLSYMS,      /* kernel addresses are shown */
	PROBE_TRACEFS,       /* mounted, or can be for this process alone */
	PROBE_CGROUP_V1,
	PROBE_CGROUP_V2,
	PROBE_STATS,         /* kernel.bpf_stats_enabled is on */
	PROBE_N
};

enum probe_state { PROBE_UNKNOWN, PROBE_NO, PROBE_YES };

struct probe_result {
	enum probe_state state;
	int err;             /* what the kernel answered, -errno; 0 when it did not refuse */
	char why[192];       /* plain words, never empty after the probe has run */
};

/* NULL with errno set. Raises RLIMIT_MEMLOCK (kernels before 5.11 charge maps to it) and sends libbpf's
 * messages to the log callback. */
struct probe *probe_new(void);
void probe_free(struct probe *p); /* p may be NULL */

const char *probe_id_name(enum probe_id id);  /* "fentry": short, for JSON */
const char *probe_id_title(enum probe_id id); /* "function entry and exit (fentry, fexit)" */
/* What a person could do about it; "" when there is nothing to say. Belongs to the library. */
const char *probe_help(struct probe *p, enum probe_id id);

const struct probe_result *probe_get(struct probe *p, enum probe_id id); /* belongs to p */
static inline bool probe_can(struct probe *p, enum probe_id id) { return probe_get(p, id)->state == PROBE_YES; }

const char *probe_release(struct probe *p);   /* "6.1.0-25-amd64" */
const char *probe_arch(struct probe *p);      /* "x86_64" */
const char *probe_lockdown(struct probe *p);  /* "none", "integrity", "confidentiality", "unknown" */

/* The kernel's BTF, loaded on first use, owned by p. NULL with errno set. A few MB: drop it when done;
 * the next use loads it again. */
struct btf *probe_btf(struct probe *p);
void probe_btf_drop(struct probe *p);

/* Is there such a tracepoint? In the kernel's BTF, that of a loaded module, or in tracefs. */
bool probe_tracepoint(struct probe *p, const char *name);
/* Number of its arguments, -ENOENT when it is not in the kernel's own BTF. */
int probe_tracepoint_args(struct probe *p, const char *name);
/* Name of the type that argument n (from 0) points to, without "struct": "request_queue"; of an integer its
 * own name. "" when there is no such argument. Lasts until the BTF is dropped. */
const char *probe_tracepoint_arg(struct probe *p, const char *name, unsigned int n);

/* May typed tracepoint programs call this helper (BPF_FUNC_*)? */
bool probe_helper(struct probe *p, int helper);
/* Name of the program of which libbpf last said that it cannot be loaded, "" when it did of none since it was forgotten. */
const char *probe_program_refused(void);
void probe_program_forget(void);

/* Whether programs may call the kernel function bpf_rdonly_cast(). */
bool probe_rdonly_cast(struct probe *p);

/* Is this function in the BTF of the kernel or of a loaded module? Says nothing about whether fentry works:
 * ask PROBE_FENTRY too. */
bool probe_function(struct probe *p, const char *name);

/* A directory descriptor of tracefs, whether it is mounted or not: an unmounted one is opened as a detached
 * mount that no one else sees and that ends with the descriptor. The caller closes it. -errno. */
int tracefs_open(void);
int debugfs_open(void); /* the same of debugfs */

/* For code that wants the path /sys/kernel/tracing: when nothing is mounted there or under
 * /sys/kernel/debug/tracing, the process moves into a mount namespace of its own and mounts it there; it goes
 * away with the process. Mounts made outside later are still seen (slave propagation).
 * Call before threads start. 0 or -errno; *path is set when path is not NULL. */
int tracefs_mount_private(const char **path);

#endif
