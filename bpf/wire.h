/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* What the kernel sides of all tracers share with user space. */
#ifndef SPOOR_BPF_WIRE_H
#define SPOOR_BPF_WIRE_H

/* The parts of wall time as the kernel keeps them: PART_RUNQ of the model in its two halves. */
enum task_part { TP_CPU, TP_IRQ, TP_SOFTIRQ, TP_PREEMPTED, TP_WOKEN, TP_WAIT, TP_N };

/* Buckets of a histogram: HIST_N of the model. */
enum { WIRE_HIST_N = 320 };

#endif
