/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* What the kernel sides of all tracers share with user space. */
#ifndef SPOOR_BPF_WIRE_H
#define SPOOR_BPF_WIRE_H

/* The parts of wall time as the kernel keeps them: PART_RUNQ of the model in its two halves. */
enum task_part { TP_CPU, TP_IRQ, TP_SOFTIRQ, TP_PREEMPTED, TP_WOKEN, TP_WAIT, TP_N };

/* Buckets of a histogram: HIST_N of the model. */
enum { WIRE_HIST_N = 320 };

/* A kernel stack, innermost first. */
enum { WIRE_STACK = 32 };
struct wire_stack { __u32 n, pad; __u64 ip[WIRE_STACK]; };
_Static_assert(sizeof(struct wire_stack) == 8 + WIRE_STACK * 8, "wire_stack");

/* IRQ_KIND_TIMER: the local timer of x86; arm64's is a device. */
enum irq_kind { IRQ_KIND_DEVICE, IRQ_KIND_TIMER, IRQ_KIND_OTHER };

/* Time that interrupts took on this CPU, and what is being served now. An operation takes the difference
 * between its boundaries, so that an interrupt costs two clock readings and no look-up of the task. */
struct cpu_irq {
	__u64 irq_ns, softirq_ns;
	__u64 irq_start, softirq_start, softirq_irq0;
	__u32 irq_depth;
	__u32 in_softirq;                /* its vector + 1; 0: in none */
	__u32 irq_kind, irq_nr;          /* of the outermost interrupt, while irq_depth; irq_nr: of a device */
	__u32 active, pad;               /* somebody wants it here (a traced operation is running): only then is the time taken */
};

/* Whose events are traced; all that is not wanted is dead code once a program is loaded. */
struct task_filter {
	__u64 comm[2];             /* the name, padded with zeros */
	__u64 cgroup;              /* kernfs id */
	/* The PID namespace of self_tgid and of the ids asked for; 0: the first, where ids are the kernel's own. */
	__u64 pidns_dev, pidns_ino;
	__u32 self_tgid;           /* spoor itself is never traced */
	__s32 cgroup_subsys;       /* index into css_set.subsys for a v1 hierarchy, -1: v2 */
	__u8 by_tgid, by_tid, by_comm, by_cgroup;
	__u32 pad;
};

/* Where return addresses point to: the kernel's text and the modules. len 0: not known. */
struct stack_text { __u64 start, len, module_start, module_len; };

#endif
