/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The life of a run-queue delay, and the wire between the kernel side (sched.bpf.c) and user space.
 *
 *   somebody wakes the task       sched_waking         who, and whether in an interrupt (only for --slower and the like)
 *   it is put on a run queue      sched_wakeup         the delay begins: woken
 *                                 sched_wakeup_new     the delay begins: new
 *   or it had to leave its CPU    sched_switch (prev)  the delay begins: preempted, by next
 *     (it is moved)               sched_migrate_task
 *   it gets a CPU                 sched_switch (next)  the delay ends: counted in the row of its process on that CPU
 *
 * A waiting task has a slot, found by its thread id; a task that runs or sleeps has none. The slot's owner is checked
 * at each use. No free slot is a loss, counted. So is a task that gets a CPU though nobody saw it become runnable: its
 * delay is not known and not made up.
 *
 * A CPU's time is divided at each switch and each change of its idle state: what interrupts and softirqs took since the
 * last division goes to them, the rest to what the CPU was doing. So the parts add up to the time that has passed by
 * construction. Where the kernel hides a switch (docs/kernels.md), what the CPU did until the next one is unknown.
 *
 * Not visible: time that a hypervisor took away (it counts for whatever seemed to run); on a PREEMPT_RT kernel, where
 * softirqs can be preempted, softirq may be too much and busy too little.
 */
#ifndef SPOOR_PATH_SCHED_SCHED_H
#define SPOOR_PATH_SCHED_SCHED_H

#include <linux/types.h>

#include "wire.h"

/* What a CPU can be doing; idle_state n is MODE_STATE0 + n, MODE_IDLE the idle task outside of any such state. */
enum { SCHED_IDLE_STATES = 10 };
enum sched_mode {
	MODE_UNKNOWN, MODE_BUSY, MODE_IRQ, MODE_SOFTIRQ, MODE_IDLE, MODE_STATE0,
	MODE_N = MODE_STATE0 + SCHED_IDLE_STATES,
};

/* The clock of a CPU. sum(part) == last - epoch; what came since `last` is of `mode`, but for interrupts. */
struct sched_cpu {
	__u64 last;                /* 0: nothing was seen on this CPU yet */
	__u64 irq0, softirq0;      /* the CPU's interrupt totals then */
	__u64 part[MODE_N];
	__u32 mode;
	__u32 current;             /* thread id of the task that runs */
	__u32 row;                 /* its row, index + 1; 0: not traced */
	__u32 pad;
};

/* Sums of one process (and priority, policy, cgroup) on one CPU. Row 0 takes those that find no row of their own. */
enum { SCHED_ROW_WAYS = 4 };
struct sched_key { __u32 tgid; __s16 prio; __u16 policy; __u64 cgroup; };
struct sched_row {
	struct sched_key key;
	__u32 used, pad;
	__u64 named;               /* when comm was read last: another CPU's may be newer */
	char comm[16];
	__u64 count, ns, max;      /* delays that have ended */
	__u64 preempted, preempted_ns; /* of these, begun by a preemption */
	__u64 voluntary, involuntary, migrations;
	__u64 ran;                 /* on the CPU, without interrupts */
	__u64 hist[WIRE_HIST_N];
};

/* Who took the CPU from whom, per CPU. count 0: free. */
enum { SCHED_PAIRS = 1024 };
struct sched_pair {
	__u32 by, tgid;
	__u64 count, ns;           /* ns: until the preempted ran again */
	char by_comm[16], comm[16];
};

/* Waits for locks of the kernel at one place (a stack), per CPU. count 0: free. flags: LCB_F_* of contention_begin. */
enum { SCHED_LOCKS = 1024 };
struct sched_lock {
	__u64 site;                /* of the stack; 0: not known */
	__u64 count, ns, max;
	__u64 lock;                /* address, of the longest wait; and who held it then, if that is known */
	__u32 flags, owner_tid, owner_tgid, pad;
	char owner[16];
};

/* How a delay began, and in what context the waker was. */
enum sched_how { SCHED_NONE, SCHED_WAKING, SCHED_WOKEN, SCHED_NEW, SCHED_PREEMPTED };
enum sched_context { SCHED_BY_UNKNOWN, SCHED_BY_TASK, SCHED_BY_SOFTIRQ, SCHED_BY_IRQ };

/* A stretch of a task on a CPU, from t until the next one. */
enum { SCHED_STRETCHES = 2048 };
struct sched_stretch { __u64 t; __u32 tid, tgid; char comm[16]; };

/* What a task had of the CPU within the delay. stretches 0: free. */
struct sched_ran { __u64 ns; __u32 tid, tgid, stretches, pad; char comm[16]; };

/* One delay, with who had the CPU that it waited for. sum(ran.ns) + rest == ns. */
enum { SCHED_RAN = 16 };
struct sched_rec {
	__u64 t, ns, rest, cgroup; /* rest: of tasks that found no room here, and longer ago than what is kept */
	__u32 tid, tgid;
	__s32 prio;
	__u32 policy, how, context;
	__u32 by_tid, by_tgid;     /* waker or preempter */
	__u32 cpu, cpu_ran;        /* waited on first, got */
	__u32 moved;               /* how often it was moved meanwhile */
	__u32 stretches;           /* of all tasks on that CPU meanwhile */
	char comm[16], by_comm[16];
	struct sched_ran ran[SCHED_RAN];
};

enum sched_loss { SCHED_LOST_RING, SCHED_LOST_SLOT, SCHED_LOST_WAKEUP, SCHED_LOST_SWITCH, SCHED_LOST_ROW, SCHED_LOST_PAIR, SCHED_LOST_LOCK, SCHED_LOST_N };

_Static_assert(sizeof(struct sched_row) == 16 + 8 + 8 + 16 + 9 * 8 + WIRE_HIST_N * 8, "sched_row");
_Static_assert(sizeof(struct sched_pair) == 56, "sched_pair");
_Static_assert(sizeof(struct sched_lock) == 72, "sched_lock");
_Static_assert(sizeof(struct sched_rec) == 112 + SCHED_RAN * 40, "sched_rec");

#endif
