/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs on interrupts and softirqs, which feed the counters of task.bpf.h. */
#ifndef SPOOR_BPF_IRQ_H
#define SPOOR_BPF_IRQ_H

#include "task.bpf.h"

/* The first argument is the number only for a device: of ipi_entry it is a string. */
#define IRQ_PAIR(prefix, name, event, kind, when)                                                                   \
	SEC("tp_btf/" event "_entry") int prefix##_##name##_enter(u64 *ctx)                                         \
	{                                                                                                           \
		if (when)                                                                                           \
			irq_enter(kind, (kind) == IRQ_KIND_DEVICE ? ctx[0] : 0);                                    \
		return 0;                                                                                           \
	}                                                                                                           \
	SEC("tp_btf/" event "_exit") int prefix##_##name##_exit(u64 *ctx) { irq_exit(); return 0; }

/* Vectors that do not pass through irq_handler have events of their own: first x86, then arm64. */
#define IRQ_PROGRAMS(prefix, when)                                                                                  \
	IRQ_PAIR(prefix, irq, "irq_handler", IRQ_KIND_DEVICE, when)                                                 \
	IRQ_PAIR(prefix, timer, "local_timer", IRQ_KIND_TIMER, when)                                                \
	IRQ_PAIR(prefix, reschedule, "reschedule", IRQ_KIND_OTHER, when)                                            \
	IRQ_PAIR(prefix, call, "call_function", IRQ_KIND_OTHER, when)                                               \
	IRQ_PAIR(prefix, call_single, "call_function_single", IRQ_KIND_OTHER, when)                                 \
	IRQ_PAIR(prefix, work, "irq_work", IRQ_KIND_OTHER, when)                                                    \
	IRQ_PAIR(prefix, ipi, "ipi", IRQ_KIND_OTHER, when)                                                          \
	SEC("tp_btf/softirq_entry") int prefix##_softirq_enter(u64 *ctx) { if (when) softirq_enter(ctx[0]); return 0; } \
	SEC("tp_btf/softirq_exit") int prefix##_softirq_exit(u64 *ctx) { softirq_exit(); return 0; }

#endif
