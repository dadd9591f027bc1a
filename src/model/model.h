/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What a trace is, the same for every tracer ("source") and every renderer ("sink").
 *
 * All times are CLOCK_MONOTONIC nanoseconds, all lengths nanoseconds, unless a name says otherwise.
 * Strings and arrays in these structures belong to whoever made the structure and live until the sink's
 * function returns; a sink that keeps something copies it.
 */
#ifndef SPOOR_MODEL_MODEL_H
#define SPOOR_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exclusive parts of an operation's wall time. Their sum is the wall time, exactly. */
enum part { PART_CPU, PART_IRQ, PART_SOFTIRQ, PART_RUNQ, PART_WAIT, PART_N };
extern const char *const part_names[PART_N]; /* "cpu", "irq", "softirq", "runq", "wait" */

/* A kernel call chain, innermost frame first; names are resolved, "?" where they cannot be. */
struct stack {
	unsigned int n;
	const char *const *name;  /* symbol names without offset and compiler suffix */
	const uint64_t *addr;
};

/* One stay off the CPU, blocked. `reason` is never NULL ("unknown" when it cannot be told). */
struct wait {
	uint64_t t;               /* blocked at; 0 for the rest that had no room of its own */
	uint64_t ns;
	const char *reason;
	const struct stack *stack; /* NULL when there is none */
};

/* What one device request (or bio of a stacked device) spent in one stage. Stages of one request do not
 * overlap; stages of different requests may. */
struct stage {
	const char *layer;        /* "block", "driver", "irq" */
	const char *name;         /* "throttled", "get request", "queued", "device", "completion", "mapped" */
	const char *dev;          /* device name, "loop0" */
	uint64_t t, ns;
	uint64_t sector;          /* 512-byte units, on that device */
	uint32_t bytes;
	int error;                /* 0 or positive errno, of the request */
	unsigned int request;     /* number of the request within the operation, from 0 */
	int parent;               /* number of the request that this one serves (stacked devices), -1: none */
	const char *rw;           /* "read", "write", "flush", "discard", "read-ahead", ... */
	bool unfinished;          /* had not completed when the operation ended */
};

enum {
	OP_ASYNC       = 1 << 0,  /* libaio, io_uring: parts are those of the submission, then waits */
	OP_REAP_UNSEEN = 1 << 1,  /* the application reaped without a system call: no "completed, not reaped" */
	OP_CACHE_HIT   = 1 << 2,  /* buffered read with no page added and no block request */
	OP_DIRECT      = 1 << 3,  /* O_DIRECT */
	OP_KERNEL      = 1 << 4,  /* the kernel's own: write-back, journal */
	OP_KILLED      = 1 << 5,  /* the task died within the operation */
	OP_STARTED_BEFORE = 1 << 6, /* already under way when tracing began */
	OP_END_UNSEEN  = 1 << 7,  /* this kernel does not show the end: wall ends at the last wake-up */
};

struct op {
	const char *kind;         /* "pread64", "fsync", "libaio read", "io_uring write", "page fault", "writeback" */
	uint32_t pid, tid;        /* pid: thread group */
	const char *comm;
	uint64_t cgroup_id;
	const char *cgroup;       /* path below the cgroup mount, "" when unknown */
	const char *file;         /* path, "" when unknown; always valid to print after escaping */
	const char *dev;          /* of the file's file system or the block device itself; "" when unknown */
	uint64_t ino;
	int64_t offset;           /* -1: none or the file position was not read */
	uint64_t size;            /* bytes asked for */
	int64_t ret;              /* what the call returned: bytes or -errno */
	uint64_t t, wall;
	uint64_t part[PART_N];    /* sum == wall */
	uint64_t runq_preempted;  /* of part[PART_RUNQ]: was running and had to give up the CPU */
	unsigned int flags;
	unsigned int pages_added; /* pages put into the page cache by this operation (missed or read ahead) */
	unsigned int pages_dirtied;
	unsigned int requests;    /* bios queued under it; may exceed the requests among the stages */
	unsigned int nwaits, nstages;
	const struct wait *waits; /* sum of ns == part[PART_WAIT] */
	const struct stage *stages;
};

/* Log-linear histogram: 8 buckets to each doubling, from 1 ns. See hist_lower(). */
enum { HIST_SUB_BITS = 3, HIST_SUB = 1 << HIST_SUB_BITS, HIST_N = 320 };
unsigned int hist_bucket(uint64_t ns);               /* past the last: the last */
uint64_t hist_lower(unsigned int bucket);            /* smallest ns in the bucket; hist_lower(n+1) is its end */
double hist_quantile(const uint64_t hist[HIST_N], uint64_t count, double q, uint64_t max); /* ns */

/* One share of a row's time: a wait reason of an operation row, a stage of a device row. */
struct share { const char *name; uint64_t ns, count; };

enum row_type { ROW_OP, ROW_DEVICE };

/* One line of the summary: all operations of one kind on one device (ROW_OP), or all requests of one
 * direction on one block device (ROW_DEVICE: wall runs from submission to completion). */
struct row {
	enum row_type type;
	const char *dev, *kind;
	uint64_t count, bytes, errors;
	uint64_t wall, min, max;              /* wall: sum over all */
	uint64_t part[PART_N];                /* ROW_OP: sum == wall */
	uint64_t runq_preempted;
	uint64_t hist[HIST_N];                /* of wall */
	unsigned int nshares;
	const struct share *shares;           /* ROW_OP: wait reasons, largest first, sum == part[PART_WAIT];
	                                       * ROW_DEVICE: stages in order of time, sum == wall */
};

/* ---- scheduling ---- */

/* What a task had of the CPU while another waited for it; tid 0: the CPU was idle. */
struct ran { uint64_t ns; uint32_t pid, tid, stretches; const char *comm; };

/* One run-queue delay: a task could run, and another did. */
struct delay {
	uint64_t t, ns;
	uint32_t pid, tid;
	const char *comm, *cgroup;
	uint64_t cgroup_id;
	const char *policy;       /* "other", "fifo", "rr", "batch", "idle", "deadline", "ext" */
	int prio;                 /* the kernel's: below 0 deadline, below 100 real-time (99 - priority), then 120 + nice */
	const char *how;          /* "woken", "new", "preempted" */
	const char *context;      /* of the waker: "task", "softirq", "irq", "unknown"; of a preemption "task" */
	uint32_t by_pid, by_tid;  /* waker or preempter; an interrupt's: whom it interrupted */
	const char *by;
	unsigned int cpu, cpu_ran;/* waited on first, got */
	unsigned int moved;       /* how often it was moved to another CPU meanwhile */
	unsigned int stretches;   /* of all that ran on `cpu` meanwhile */
	uint64_t rest;            /* sum of ran[].ns + rest == ns; rest: of more tasks, or too many stretches ago */
	unsigned int nran;
	const struct ran *ran;    /* on `cpu`; the longest first */
};

/* Delays and switches, summed up. */
struct delays {
	uint64_t count, ns, max;
	uint64_t preempted, preempted_ns; /* of these, begun by a preemption; the others by a wake-up */
	uint64_t voluntary, involuntary;  /* switches away from the CPU */
	uint64_t migrations;
	uint64_t ran;                     /* time on the CPU without interrupts */
	uint64_t hist[HIST_N];            /* of the delays */
};

/* What a CPU did. The parts add up to the window, exactly; so do the idle states to CPU_PART_IDLE. */
enum cpu_part { CPU_PART_BUSY, CPU_PART_IRQ, CPU_PART_SOFTIRQ, CPU_PART_IDLE, CPU_PART_UNKNOWN, CPU_PART_N };
extern const char *const cpu_part_names[CPU_PART_N];
struct cpu_row {
	unsigned int cpu;
	uint64_t part[CPU_PART_N];
	unsigned int nidle;
	const struct share *idle;         /* states in order, "none" (not in any) first; counts are not kept */
	struct delays d;                  /* of traced tasks that got this CPU */
};

/* A process' tasks of one priority, policy and cgroup; or (pid 0, "") a whole cgroup. */
struct task_row {
	uint32_t pid;
	const char *comm, *cgroup, *policy;
	uint64_t cgroup_id;
	int prio;
	bool others;                      /* those that found no row of their own: no name */
	struct delays d;
};

/* `by` took a CPU from `pid`, which had to wait ns for one. pid 0: the CPU went idle, as by a limit of CPU time. */
struct preemption { uint32_t by_pid, pid; const char *by, *comm; uint64_t count, ns; };

/* Waits for locks of one kind at one place of the kernel. */
struct lock_row {
	const char *kind;                 /* "mutex", "spinlock", "rwlock read", "rwsem write", "semaphore", ... */
	const char *where;                /* the function that took the lock */
	const struct stack *stack;        /* of the place with the longest sum among those of that name; NULL: none */
	uint64_t count, ns, max;
	uint64_t lock;                    /* address of the one waited for the longest */
	uint32_t owner_pid, owner_tid;    /* who held it when that wait began; 0: not told */
	const char *owner;
	const char *lock_name;            /* the kernel's variable that it is or is in, or "" */
};

struct sched {
	unsigned int ncpus, ntasks, ncgroups, npreemptions, nlocks;
	const struct cpu_row *cpus;
	const struct task_row *tasks, *cgroups; /* by ns, largest first */
	const struct preemption *preemptions;   /* by ns, largest first */
	const struct lock_row *locks;           /* by ns, largest first */
};

/* ---- wall time of threads, and what it waited for (spoor why) ---- */

/* The exclusive parts of a thread's time. Their sum is the time, exactly. */
enum why_part {
	WHY_USER, WHY_KERNEL, WHY_IRQ, WHY_SOFTIRQ,       /* on the CPU; the interrupts that came meanwhile apart */
	WHY_PREEMPTED, WHY_WOKEN, WHY_THROTTLED,          /* runnable without a CPU; throttled: cpu.max */
	WHY_WAIT,
	WHY_UNKNOWN,                                      /* records of it were lost */
	WHY_PART_N, WHY_CPU_N = WHY_SOFTIRQ + 1
};
extern const char *const why_part_names[WHY_PART_N]; /* "user", "kernel", "irq", "softirq", "preempted", "woken", "throttled", "wait", "unknown" */

/* Who or what ended a wait, or had the CPU. */
struct ender {
	const char *kind;         /* "task", "timer", "device", "network", "irq", "softirq", "unknown"; "": nobody (yet) */
	const char *name;         /* comm; device and direction, "loop0 write"; softirq, "RCU"; "" */
	uint32_t pid, tid;        /* of a task, else 0 */
};

/* Waits of one reason that the same one ended (of a thread, or of all). */
struct why_wait {
	const char *reason;
	struct ender by;
	uint64_t count, ns, max;
	const struct stack *stack; /* of the longest; NULL: none */
	uint64_t lock;            /* address of the kernel's lock that the longest was for; 0: none or not told */
	const char *owner;        /* who held it then, "" */
	uint32_t owner_pid, owner_tid;
	uint64_t before;          /* of count: those that had begun before the window; their time counts from there */
	const char *lock_name;    /* what of the kernel's data the lock is or is in, or "" or NULL: allocated, or not known */
	const struct stack *owner_stack; /* where who held it slept meanwhile; NULL: not told */
};

/* Time on the run queue, by who had the CPU. */
struct why_runq { struct ender by; uint64_t count, ns; };

struct why_thread {
	uint32_t pid, tid;
	const char *comm;
	uint64_t t, wall;         /* lifetime within the window */
	uint64_t part[WHY_PART_N]; /* sum == wall */
	bool before;              /* was there when the window began */
	bool ended;               /* exited in it */
	unsigned int nwaits, nrunq;
	const struct why_wait *waits; /* by ns, largest first; sum == part[WHY_WAIT] */
	const struct why_runq *runq;  /* by ns, largest first; sum == preempted + woken + throttled */
};

/* One system call of a process (pid 0: of all), or (name "page fault") its faults. */
struct why_syscall { const char *name; uint32_t pid; uint64_t count, ns, max, cpu; };

/* A critical path: nodes in pre-order. Those directly below a node (depth + 1) tile its time exactly, those of depth 0
 * the path. In time order (t of each) or, merged, the largest first (t 0). */
enum crit_kind { CRIT_CPU, CRIT_RUNQ, CRIT_WAIT, CRIT_UNKNOWN, CRIT_KIND_N };
extern const char *const crit_kind_names[CRIT_KIND_N]; /* "cpu", "runq", "wait", "unknown" */
struct crit_node {
	enum crit_kind kind;
	unsigned int depth;
	uint64_t t, ns, count;
	uint32_t pid, tid;        /* whose time it is; merged: of one of them */
	const char *comm;
	const char *reason;       /* of a wait its reason; of run queue "preempted", "woken", "throttled"; of unknown why; of cpu the system call or "" */
	struct ender by;          /* of a wait who ended it: a task's own time is below; of run queue who had the CPU */
	uint64_t part[WHY_CPU_N]; /* of cpu: sum == ns */
	const struct stack *stack; /* of a wait; NULL: none */
	uint64_t before;          /* of a wait: those of count that had begun before the window */
};
struct crit {
	uint64_t t, ns;
	uint32_t pid, tid;        /* the thread that it follows */
	const char *comm;
	unsigned int n;
	const struct crit_node *node;
	uint64_t cut;             /* waits that were not taken apart: for lack of room, or of two that wait for each other */
};

/* A slow call (--call, --func). */
struct slow_call {
	const char *name;
	uint32_t pid, tid;
	const char *comm;
	uint64_t t, ns;
	int64_t ret;
	uint64_t part[WHY_PART_N]; /* sum == ns */
	struct crit path;          /* in time order */
};

struct why {
	uint64_t wall;            /* sum over the threads */
	uint64_t part[WHY_PART_N];
	unsigned int nthreads, nwaits, nrunq, nsyscalls;
	const struct why_thread *threads; /* by time on the CPU, largest first */
	const struct why_wait *waits;     /* of all threads */
	const struct why_runq *runq;
	const struct why_syscall *syscalls; /* of all processes, by cpu */
	struct crit path;         /* merged: of the run, or of all slow calls; n 0: none */
	struct crit chain;        /* the run's in time order, n 0: none */
	const char *call;         /* --call, --func: whose calls; else "" */
	uint64_t calls, slow;     /* how many there were, how many slow */
};

/* ---- ad-hoc probes (spoor probe) ---- */

/* A value, already as text: for people, or with the source's option json a JSON value as it stands. */
struct field { const char *name, *text; };

/* A probe was hit, and its filter did not reject it. */
struct hit {
	const char *probe;        /* its text up to the arguments: "p vfs_read" */
	unsigned int index;       /* which of those that were given, from 0 */
	uint64_t t;
	uint32_t pid, tid;
	unsigned int cpu;
	const char *comm;
	unsigned int nfields;
	const struct field *fields;
	const struct stack *kstack; /* NULL: not asked for */
	const struct stack *ustack;
};

/* What was added up of one probe: one row for each value of the keys, the largest first. */
struct aggregate_row {
	const char *const *keys;  /* nkeys texts; JSON values with the source's option json */
	uint64_t count;
	int64_t sum, min, max;
	const uint64_t *buckets;  /* nbuckets of them; NULL: no histogram */
	const struct stack *stack; /* where a key is one: the last such; else NULL */
};
struct aggregate {
	const char *probe;
	unsigned int index;
	const char *fn;           /* "count", "sum", "avg", "min", "max", "hist", "linear", "stats" */
	const char *value;        /* text of what is added up, "" */
	bool is_time;             /* it is in ns */
	unsigned int nkeys, nrows, nbuckets;
	const char *const *key_names;
	const int64_t *bounds;    /* bucket i holds bounds[i] <= v < bounds[i + 1]; nbuckets + 1 of them, the last open */
	uint64_t more;            /* rows beyond top, not shown */
	const struct aggregate_row *rows;
};
struct probes { unsigned int n; const struct aggregate *v; uint64_t hits; };

/* ---- what a run comes to ---- */

struct summary {
	uint64_t t, ns;                       /* the window */
	bool interval;                        /* one of -i, not the final one */
	unsigned int nrows;
	const struct row *rows;               /* operations first, then devices; each by wall, largest first */
	const struct sched *sched;            /* of spoor sched, which has no rows; else NULL */
	const struct why *why;                /* of spoor why, which has no rows; else NULL */
	const struct probes *probes;          /* of spoor probe, which has no rows; else NULL */
};

/* Where records or parts of them were lost; every counter is printed, 0 too, in --json. */
struct lost { const char *what, *why; uint64_t n; };
struct losses { unsigned int n; const struct lost *v; uint64_t total; };

/* Layers that this kernel does not show, for the end of a run: "page fault end", "needs fentry: locked down". */
struct unseen { const char *what, *why; };

struct cost {
	uint64_t wall;                        /* since the program started: what the CPU time is a share of */
	uint64_t cpu_user, cpu_sys;           /* of spoor's own processes */
	bool bpf_known;                       /* kernel.bpf_stats_enabled was on */
	uint64_t bpf_ns, bpf_runs;
	uint64_t ops;                         /* operations and requests counted */
	uint64_t rss, rss_peak;               /* bytes */
	uint64_t map_bytes;                   /* kernel memory of the maps */
	uint64_t attach_ns;                   /* from start to all attached */
	unsigned int nunseen;
	const struct unseen *unseen;
};

#endif
