/* SPDX-License-Identifier: GPL-2.0-only */
/* Task-state accounting: the running parts of an operation and how each event cuts them. */
#ifndef SPOOR_BPF_TASK_H
#define SPOOR_BPF_TASK_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu_irq);
} cpu_irqs SEC(".maps");

static __always_inline struct cpu_irq *cpu_irq_get(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&cpu_irqs, &zero);
}

static __always_inline void irq_enter(enum irq_kind kind, u32 nr)
{
	struct cpu_irq *c = cpu_irq_get();

	if (!c)
		return;
	if (c->irq_depth++)
		return;
	c->irq_kind = kind;
	if (kind == IRQ_KIND_DEVICE)
		c->irq_nr = nr;
	c->irq_start = c->active ? bpf_ktime_get_ns() : 0;
}

static __always_inline void irq_exit(void)
{
	struct cpu_irq *c = cpu_irq_get();

	if (!c || !c->irq_depth) /* entered before tracing began */
		return;
	if (--c->irq_depth == 0 && c->irq_start)
		c->irq_ns += bpf_ktime_get_ns() - c->irq_start;
}

static __always_inline void softirq_enter(u32 vec)
{
	struct cpu_irq *c = cpu_irq_get();

	if (!c)
		return;
	c->in_softirq = vec + 1;
	c->softirq_start = c->active ? bpf_ktime_get_ns() : 0;
	c->softirq_irq0 = c->irq_ns;
}

/* Interrupts that came during the softirq are counted as such and taken out here. */
static __always_inline void softirq_exit(void)
{
	struct cpu_irq *c = cpu_irq_get();
	u64 irq;
	s64 d;

	if (!c || !c->in_softirq)
		return;
	c->in_softirq = 0;
	if (!c->softirq_start)
		return;
	/* an interrupt between the readings must not be taken out without having been in */
	irq = c->irq_ns - c->softirq_irq0;
	d = bpf_ktime_get_ns() - c->softirq_start - irq;
	if (d > 0)
		c->softirq_ns += d;
}

enum task_state { TASK_IDLE_SLOT, TASK_ON_CPU, TASK_PREEMPTED, TASK_WOKEN, TASK_WAITING };

/* The clock of one operation. */
struct task_clock {
	u64 last;                /* end of the last part */
	u64 irq0, softirq0;      /* the CPU's counters at that time, while on the CPU */
	u64 part[TP_N];
	u64 blocked_at, blocked; /* the last wait, until it is filed when the task runs again */
	u64 state;
};

/* Clocks of two CPUs may disagree by some nanoseconds; never step back, so that the parts still add up. */
static __always_inline u64 clock_now(struct task_clock *k)
{
	u64 now = bpf_ktime_get_ns();
	return now < k->last ? k->last : now;
}

static __always_inline void clock_run(struct task_clock *k, u64 now)
{
	struct cpu_irq *c = cpu_irq_get();

	k->last = now;
	k->state = TASK_ON_CPU;
	if (c) {
		c->active = 1;
		k->irq0 = c->irq_ns;
		k->softirq0 = c->softirq_ns;
	}
}

/* Ends a stretch on the CPU. */
static __always_inline void clock_stop(struct task_clock *k, u64 now)
{
	struct cpu_irq *c = cpu_irq_get();
	u64 d = now - k->last, irq = 0, softirq = 0;

	if (c) {
		c->active = 0;
		irq = c->irq_ns - k->irq0;
		softirq = c->softirq_ns - k->softirq0;
		if (irq > d)
			irq = d;
		if (softirq > d - irq)
			softirq = d - irq;
	}
	k->part[TP_IRQ] += irq;
	k->part[TP_SOFTIRQ] += softirq;
	k->part[TP_CPU] += d - irq - softirq;
	k->last = now;
}

#endif
