/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The life of a thread's time, and the wire between the kernel side (why.bpf.c) and user space.
 *
 *   it gets a CPU                 sched_switch (next)  a stay begins
 *   it enters a system call       sys_enter            user time ends, kernel time begins
 *   it returns                    sys_exit             the reverse
 *   (an interrupt comes)          *_entry, *_exit      apart from both
 *   it leaves its CPU             sched_switch (prev)  blocked, preempted, throttled by cpu.max, or dead
 *   somebody wakes it             sched_waking         who: a task, or an interrupt and what that completed
 *   it gets a CPU again           sched_switch (next)  one record: the stretch on the CPU and the stay away from it
 *
 * Whoever wakes a traced task is traced from then on for a while (a helper): so the next time it is known what it did
 * meanwhile. For the first time there is the history: a ring of each CPU with its last switches and wake-ups, which user
 * space reads only where a wait of a traced task points to.
 *
 * Not visible: where the end of a page fault cannot be hooked (fentry), its time on the CPU counts as user time. So does
 * what is done for a task after its call, on the way back to user mode (the last close of a file), and what it costs to
 * trace a call before and after the programs look at the clock. Interrupts without a tracepoint (of Hyper-V).
 */
#ifndef SPOOR_PATH_WHY_WHY_H
#define SPOOR_PATH_WHY_WHY_H

#include <linux/types.h>

#include "wire.h"

/* On the CPU; the first members of enum why_part of the model. */
enum why_cpu_part { WHY_ON_USER, WHY_ON_KERNEL, WHY_ON_IRQ, WHY_ON_SOFTIRQ, WHY_ON_N };

/* How a task left its CPU. */
enum why_how { WHY_OFF_BLOCKED, WHY_OFF_PREEMPTED, WHY_OFF_THROTTLED, WHY_OFF_NEW, WHY_OFF_DEAD, WHY_OFF_GAP /* not seen how */, WHY_OFF_N };

/* Who ended a wait. */
enum why_context {
	WHY_BY_NONE,               /* not seen */
	WHY_BY_TASK, WHY_BY_TIMER, WHY_BY_DEVICE, WHY_BY_NETWORK, WHY_BY_IRQ, WHY_BY_SOFTIRQ,
	WHY_BY_NOBODY,             /* not over when the window ended; no record has it */
	WHY_BY_N
};

/* Instead of a system call's number. */
enum { WHY_NR_USER = -1, WHY_NR_FAULT = -2, WHY_NR_UNKNOWN = -3, WHY_NR_KERNEL = -4 /* a kernel thread */ };

enum why_type { WHY_STAY, WHY_CALL };

enum {
	WHY_F_HELPER = 1 << 0,     /* traced because it woke somebody */
	WHY_F_BEFORE = 1 << 1,     /* `on` is the beginning of the window: what it did before is not known */
	WHY_F_END    = 1 << 2,     /* the last one: dead (woken and run are 0), or no longer traced from `run` on */
};

/* on <= off <= woken <= run; sum(part) == off - on. Was the task preempted, woken == off: [woken, run) is the run queue.
 * on == off: it was not on the CPU when it was first seen. Most end before by_comm, two cache lines of the ring with its own
 * header, or before lock. */
struct why_stay {
	__u8 type, flags;
	__u16 cpu_run;             /* that it got */
	__u32 tid, tgid;
	__s32 nr;                  /* system call in which it was most of [on, off) and left, or WHY_NR_* */
	char comm[16];
	__u64 on, off, woken, run;
	__u64 part[WHY_ON_N];
	__u64 site;                /* of a wait */
	__u32 by_tid, by_tgid;     /* who woke it; or, of a preemption, who got the CPU */
	__u32 dev;                 /* WHY_BY_DEVICE, kernel encoding; WHY_BY_IRQ: number */
	__u8 how, context, vec, write;
	char by_comm[16];          /* "": of none, or of a task whose records have told its name */
	__u64 lock;                /* of the kernel, that it waited for; 0: none or not told */
	__u32 owner_tid, owner_tgid;
	char owner[16];
};
enum { WHY_STAY_SHORT = __builtin_offsetof(struct why_stay, by_comm), WHY_STAY_NAMED = __builtin_offsetof(struct why_stay, lock) };

/* A call of --call or --func that took long enough. */
struct why_call {
	__u32 type;
	__s32 nr;                  /* of the system call; of a function WHY_NR_UNKNOWN */
	__u32 tid, tgid;
	char comm[16];
	__u64 t, end;
	__s64 ret;
};

/* Who wakes, and from what context. */
struct why_waker { __u32 context, vec, dev, write, tid, tgid; };

/* A task under way: what its next record will say. */
struct why_task {
	struct why_stay s;
	__u64 last;                /* end of the last part */
	__u64 irq0, softirq0;      /* the CPU's totals then, while on the CPU */
	__u64 entered, entered_cpu; /* system call: when, and kernel time until then */
	__u64 until;               /* of a helper: end of its time */
	__u64 call_t;              /* of --call: entered, 0: not within */
	__u32 state;               /* enum why_task_state */
	__s32 nr;
	__u32 depth;               /* of --func in itself */
	__u32 slot;                /* where this is */
	__u32 told;                /* a record had s.comm */
	struct why_waker early;    /* who woke it while it was about to sleep; WHY_BY_NONE: nobody */
	char early_comm[16] __attribute__((aligned(8)));
};
enum why_task_state { WHY_RUNS = 1, WHY_BLOCKED, WHY_RUNNABLE };

/* System calls by number, and faults, summed up on each CPU. */
enum { WHY_SUMS = 1024, WHY_SUM_FAULT = WHY_SUMS - 1 };
struct why_sum { __u64 count, ns, max, cpu; };

/* History: the last switches and wake-ups of each CPU. seq is written first as 0 and last as its number (from 1), so that
 * a reader knows what it has. */
enum why_event { WHY_EV_SWITCH, WHY_EV_WAKE };
struct why_hist {
	__u64 t;
	__u32 seq;
	__u8 event, how, context, vec; /* switch: how prev left; wake: who */
	__u32 a, b;                /* switch: prev, next; wake: waker (0: none), wakee */
	__u32 dev, write;
};

enum { WHY_MARKS = 1024 };         /* times 64 ids */
struct why_hist_end { __u32 seq, pad[15]; }; /* a CPU's latest; a cache line each */

enum why_loss { WHY_LOST_RING, WHY_LOST_TASK, WHY_LOST_SWITCH, WHY_LOST_STACK, WHY_LOST_N };

_Static_assert(sizeof(struct why_stay) == 168 && WHY_STAY_SHORT == 120 && WHY_STAY_NAMED == 136, "why_stay");
_Static_assert(sizeof(struct why_call) == 56, "why_call");
_Static_assert(sizeof(struct why_hist) == 32, "why_hist");
_Static_assert(sizeof(struct why_hist_end) == 64, "why_hist_end");

#endif
