/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What spoor why may find, for test_view.c: a run of make, slow calls, nothing at all. The sums are made here, so they hold. */
#ifndef SPOOR_TEST_WHY_FIXTURE_H
#define SPOOR_TEST_WHY_FIXTURE_H

#include "model/model.h"

#define WMS 1000000ULL
#define W0 (84512000 * WMS) /* the run begins */
#define EVIL "\033[2J<b>\xff\n"
#define WORST "\033\033\033\033\033\033\033\033\033\033\033\033\033\033\033" /* as wide as a name gets */

enum { WHY_THREADS = 26, WHY_WAITS = 64, WHY_RUNQS = 32 };

static const char *const why_journal_frames[] = { "schedule", "jbd2_log_wait_commit", "ext4_sync_file", "do_fsync",
	"__x64_sys_fsync", "do_syscall_64", "entry_SYSCALL_64_after_hwframe" };
static const char *const why_lock_frames[] = { "rwsem_down_write_slowpath", "ext4_buffered_write_iter", NULL };
static const char *const why_read_frames[] = { "folio_wait_bit_common", "filemap_get_pages", "filemap_read", "vfs_read" };
static const struct stack why_journal = { 7, why_journal_frames, NULL };
static const struct stack why_lock = { 3, why_lock_frames, NULL };
static const struct stack why_read = { 4, why_read_frames, NULL };

#define BY_TASK(name, id) { "task", name, id, id }
#define BY_NOBODY { "", "", 0, 0 }
#define BY_READ { "device", "loop0 read", 0, 0 }
#define BY_WRITE { "device", "loop0 write", 0, 0 }
#define BY_JBD2 BY_TASK("jbd2/loop0-8", 312)
#define BY_KWORKER BY_TASK("kworker/0:1", 15)

static const struct why_wait why_cc1_waits[] = {
	{ "page-cache read", BY_READ, 310, 120 * WMS, 9 * WMS, &why_read, 0, "", 0, 0, 0, "", NULL },
	{ "inode lock", BY_TASK("ld", 1250), 2, 50 * WMS, 30 * WMS, &why_lock, 0xffff888012345678, EVIL, 1290, 1291, 0, "inode_hash_lock+0x8", &why_read },
	{ "journal transaction locked", BY_JBD2, 1, 30 * WMS, 30 * WMS, &why_journal, 0, "", 0, 0, 0, "", NULL },
};
static const struct why_runq why_cc1_runq[] = {
	{ BY_TASK("cc1", 1241), 31, 160 * WMS }, { BY_KWORKER, 12, 20 * WMS },
};
static const struct why_wait why_cc2_waits[] = { { "page-cache read", BY_READ, 90, 50 * WMS, 4 * WMS, &why_read, 0, "", 0, 0, 0, "", NULL } };
static const struct why_runq why_cc2_runq[] = {
	{ BY_TASK("cc1", 1240), 40, 330 * WMS }, { BY_NOBODY, 1, 100 * WMS }, { BY_TASK(EVIL, 1290), 3, 10 * WMS },
};
static const struct why_wait why_ld_waits[] = {
	{ "journal commit", BY_JBD2, 1, 500 * WMS, 500 * WMS, &why_journal, 0, "", 0, 0, 0, "", NULL },
	{ "page-cache read", BY_READ, 12, 40 * WMS, 9 * WMS, &why_read, 0, "", 0, 0, 0, "", NULL },
};
static const struct why_runq why_ld_runq[] = { { BY_TASK("cc1", 1241), 3, 8 * WMS } };
static const struct why_wait why_make_waits[] = {
	{ "child", BY_TASK("cc1", 1240), 1, 2300 * WMS, 2300 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
	{ "child", BY_TASK("ld", 1250), 1, 890 * WMS, 890 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
	{ "child", BY_TASK("cc1", 1241), 1, 700 * WMS, 700 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
	{ "pipe", BY_TASK("sh", 1239), 4, 30 * WMS, 12 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
	{ "sleep", { "timer", "", 0, 0 }, 1, 10 * WMS, 10 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
};
static const struct why_runq why_make_runq[] = { { BY_KWORKER, 9, 18 * WMS } };
static const struct why_wait why_evil_waits[] = {
	{ "socket", { "network", "", 0, 0 }, 3, 30 * WMS, 20 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
	{ "RCU", { "softirq", "RCU", 0, 0 }, 1, 18 * WMS, 18 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
	{ "unknown", { "unknown", "", 0, 0 }, 2, 6 * WMS, 5 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
	{ "futex", BY_NOBODY, 1, 4 * WMS, 4 * WMS, NULL, 0, "", 0, 0, 1, "", NULL },
	{ "block I/O", { "irq", "24", 0, 0 }, 1, 2 * WMS, 2 * WMS, NULL, 0, "", 0, 0, 0, "", NULL },
};
#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define WAITS(a) .nwaits = N_OF(a), .waits = a
#define RUNQ(a) .nrunq = N_OF(a), .runq = a

static struct why_thread why_threads[WHY_THREADS] = {
	{ .pid = 1240, .tid = 1240, .comm = "cc1", .t = W0 + 40 * WMS, .wall = 2400 * WMS, .ended = true, WAITS(why_cc1_waits), RUNQ(why_cc1_runq),
	  .part = { 1700 * WMS, 300 * WMS, 4 * WMS, 16 * WMS, 150 * WMS, 30 * WMS, 0, 200 * WMS, 0 } },
	{ .pid = 1241, .tid = 1241, .comm = "cc1", .t = W0 + 45 * WMS, .wall = 1900 * WMS, .ended = true, WAITS(why_cc2_waits), RUNQ(why_cc2_runq),
	  .part = { 1200 * WMS, 200 * WMS, 2 * WMS, 8 * WMS, 300 * WMS, 40 * WMS, 100 * WMS, 50 * WMS, 0 } },
	{ .pid = 1250, .tid = 1250, .comm = "ld", .t = W0 + 3100 * WMS, .wall = 900 * WMS, .ended = true, WAITS(why_ld_waits), RUNQ(why_ld_runq),
	  .part = { 200 * WMS, 150 * WMS, 1 * WMS, 1 * WMS, 0, 8 * WMS, 0, 540 * WMS, 0 } },
	{ .pid = 1234, .tid = 1234, .comm = "make", .t = W0, .wall = 4120 * WMS, WAITS(why_make_waits), RUNQ(why_make_runq),
	  .part = { 60 * WMS, 100 * WMS, 1 * WMS, 1 * WMS, 2 * WMS, 16 * WMS, 0, 3930 * WMS, 10 * WMS }, .before = true },
	{ .pid = 1290, .tid = 1291, .comm = EVIL, .t = W0, .wall = 120 * WMS, .before = true, .ended = true, WAITS(why_evil_waits),
	  .part = { 40 * WMS, 20 * WMS, 0, 0, 0, 0, 0, 60 * WMS, 0 } },
};
static struct why_wait why_sh_waits[WHY_THREADS], why_all_waits[WHY_WAITS];
static struct why_runq why_all_runq[WHY_RUNQS];

static const struct why_syscall why_syscalls[] = {
	{ "page fault", 1240, 41000, 240 * WMS, 9 * WMS, 110 * WMS }, { "write", 1240, 900, 130 * WMS, 31 * WMS, 70 * WMS },
	{ "read", 1241, 400, 90 * WMS, 5 * WMS, 44 * WMS }, { "read", 1240, 350, 110 * WMS, 9 * WMS, 40 * WMS },
	{ "execve", 1239, 1, 12 * WMS, 12 * WMS, 9 * WMS }, { "fsync", 1250, 1, 501 * WMS, 501 * WMS, 900000 },
	{ "wait4", 1234, 25, 3900 * WMS, 2300 * WMS, 700000 }, { "syscall 999", 1290, 3, 4000, 2000, 3000 },
};

/* ---- paths ---- */

#define NODE_CPU(d, at, len, name, id, call, u, k, i, s) \
	{ .kind = CRIT_CPU, .depth = d, .t = W0 + (at) * WMS, .ns = (len) * WMS, .count = 1, .pid = id, .tid = id, .comm = name, \
	  .reason = call, .by = BY_NOBODY, .part = { (u) * WMS, (k) * WMS, (i) * WMS, (s) * WMS } }
#define NODE(k, d, at, len, name, id, why, ...) \
	{ .kind = k, .depth = d, .t = W0 + (at) * WMS, .ns = (len) * WMS, .count = 1, .pid = id, .tid = id, .comm = name, \
	  .reason = why, .by = __VA_ARGS__ }

static const struct crit_node why_chain_nodes[] = {
	NODE_CPU(0, 0, 40, "make", 1234, "", 15, 24, 1, 0),
	NODE(CRIT_WAIT, 0, 40, 2300, "make", 1234, "child", BY_TASK("cc1", 1240)),
		NODE_CPU(1, 40, 1200, "cc1", 1240, "", 1000, 190, 4, 6),
		NODE(CRIT_RUNQ, 1, 1240, 150, "cc1", 1240, "preempted", BY_TASK("cc1", 1241)),
		NODE(CRIT_WAIT, 1, 1390, 120, "cc1", 1240, "page-cache read", BY_READ),
		NODE(CRIT_WAIT, 1, 1510, 200, "cc1", 1240, "journal transaction locked", BY_JBD2),
			NODE(CRIT_WAIT, 2, 1510, 180, "jbd2/loop0-8", 312, "journal write", BY_WRITE),
			NODE(CRIT_RUNQ, 2, 1690, 12, "jbd2/loop0-8", 312, "woken", BY_KWORKER),
			NODE_CPU(2, 1702, 8, "jbd2/loop0-8", 312, "", 0, 8, 0, 0),
		NODE_CPU(1, 1710, 620, "cc1", 1240, "write", 0, 600, 5, 15),
		NODE(CRIT_UNKNOWN, 1, 2330, 10, "cc1", 1240, "records were lost", BY_NOBODY),
	NODE(CRIT_RUNQ, 0, 2340, 10, "make", 1234, "woken", BY_KWORKER),
	NODE_CPU(0, 2350, 60, "make", 1234, "clone", 0, 60, 0, 0),
	NODE(CRIT_WAIT, 0, 2410, 700, "make", 1234, "child", BY_TASK("cc1", 1241)),
		NODE_CPU(1, 2410, 600, "cc1", 1241, "", 540, 60, 0, 0),
		NODE(CRIT_RUNQ, 1, 3010, 100, "cc1", 1241, "throttled", BY_NOBODY),
	NODE(CRIT_WAIT, 0, 3110, 890, "make", 1234, "child", BY_TASK("ld", 1250)),
		NODE_CPU(1, 3110, 390, "ld", 1250, "", 240, 150, 0, 0),
		NODE(CRIT_WAIT, 1, 3500, 500, "ld", 1250, "journal commit", BY_JBD2),
			NODE(CRIT_WAIT, 2, 3500, 20, "jbd2/loop0-8", 312, "futex", BY_TASK(EVIL, 1291)),
				NODE(CRIT_WAIT, 3, 3500, 20, EVIL, 1291, "unknown", { "unknown", "", 0, 0 }),
			NODE(CRIT_WAIT, 2, 3520, 470, "jbd2/loop0-8", 312, "journal write", BY_WRITE),
			NODE(CRIT_RUNQ, 2, 3990, 10, "jbd2/loop0-8", 312, "woken", BY_KWORKER),
	NODE(CRIT_WAIT, 0, 4000, 10, "make", 1234, "sleep", { "timer", "", 0, 0 }),
	NODE(CRIT_WAIT, 0, 4010, 30, "make", 1234, "pipe", BY_TASK("sh", 1239)),
		NODE_CPU(1, 4010, 30, "sh", 1239, "execve", 1, 29, 0, 0),
	NODE_CPU(0, 4040, 70, "make", 1234, "", 45, 25, 0, 0),
	NODE(CRIT_UNKNOWN, 0, 4110, 10, "make", 1234, "records were lost", BY_NOBODY),
};

#define M_CPU(d, n, len, name, call, u, k, i, s) \
	{ .kind = CRIT_CPU, .depth = d, .ns = (len) * WMS, .count = n, .pid = 1, .tid = 1, .comm = name, .reason = call, \
	  .by = BY_NOBODY, .part = { (u) * WMS, (k) * WMS, (i) * WMS, (s) * WMS } }
#define M(kind_, d, n, len, name, why, st, ...) \
	{ .kind = kind_, .depth = d, .ns = (len) * WMS, .count = n, .pid = 1, .tid = 1, .comm = name, .reason = why, \
	  .stack = st, .by = __VA_ARGS__ }

static const struct crit_node why_path_nodes[] = {
	M(CRIT_WAIT, 0, 2, 3000, "make", "child", NULL, BY_TASK("cc1", 1240)),
		M_CPU(1, 2, 1800, "cc1", "", 1540, 250, 4, 6),
		M_CPU(1, 1, 620, "cc1", "write", 0, 600, 5, 15),
		M(CRIT_WAIT, 1, 1, 200, "cc1", "journal transaction locked", &why_journal, BY_JBD2),
			M(CRIT_WAIT, 2, 1, 180, "jbd2/loop0-8", "journal write", NULL, BY_WRITE),
			M(CRIT_RUNQ, 2, 1, 12, "jbd2/loop0-8", "woken", NULL, BY_KWORKER),
			M_CPU(2, 1, 8, "jbd2/loop0-8", "", 0, 8, 0, 0),
		M(CRIT_RUNQ, 1, 1, 150, "cc1", "preempted", NULL, BY_TASK("cc1", 1241)),
		M(CRIT_WAIT, 1, 310, 120, "cc1", "page-cache read", &why_read, BY_READ),
		M(CRIT_RUNQ, 1, 1, 100, "cc1", "throttled", NULL, BY_NOBODY),
		M(CRIT_UNKNOWN, 1, 1, 10, "cc1", "records were lost", NULL, BY_NOBODY),
	M(CRIT_WAIT, 0, 1, 890, "make", "child", NULL, BY_TASK("ld", 1250)),
		M(CRIT_WAIT, 1, 1, 500, "ld", "journal commit", &why_journal, BY_JBD2),
			M(CRIT_WAIT, 2, 1, 470, "jbd2/loop0-8", "journal write", NULL, BY_WRITE),
			M(CRIT_WAIT, 2, 1, 20, "jbd2/loop0-8", "futex", NULL, BY_TASK(EVIL, 1291)),
				M(CRIT_WAIT, 3, 1, 20, EVIL, "unknown", NULL, { "unknown", "", 0, 0 }),
			M(CRIT_RUNQ, 2, 1, 10, "jbd2/loop0-8", "woken", NULL, BY_KWORKER),
		M_CPU(1, 1, 390, "ld", "", 240, 150, 0, 0),
	M_CPU(0, 2, 110, "make", "", 60, 49, 1, 0),
	M_CPU(0, 1, 60, "make", "clone", 0, 60, 0, 0),
	M(CRIT_WAIT, 0, 1, 30, "make", "pipe", NULL, BY_TASK("sh", 1239)),
		M_CPU(1, 1, 30, "sh", "execve", 1, 29, 0, 0),
	M(CRIT_RUNQ, 0, 1, 10, "make", "woken", NULL, BY_KWORKER),
	M(CRIT_WAIT, 0, 1, 10, "make", "sleep", NULL, { "timer", "", 0, 0 }),
	M(CRIT_UNKNOWN, 0, 1, 10, "make", "records were lost", NULL, BY_NOBODY),
};

/* A slow fsync. */
static struct crit_node why_fsync_nodes[] = {
	NODE_CPU(0, 0, 1, "postgres", 813, "fsync", 0, 1, 0, 0),
	NODE(CRIT_RUNQ, 0, 1, 7, "postgres", 813, "preempted", BY_TASK("hog", 900)),
	{ .kind = CRIT_WAIT, .t = W0 + 8 * WMS, .ns = 290 * WMS, .count = 1, .pid = 812, .tid = 813, .comm = "postgres",
	  .reason = "journal commit", .by = BY_JBD2, .stack = &why_journal },
		NODE_CPU(1, 8, 2, "jbd2/loop0-8", 312, "", 0, 2, 0, 0),
		NODE(CRIT_WAIT, 1, 10, 40, "jbd2/loop0-8", 312, "journal transaction locked", BY_TASK("checkpointer", 820)),
			NODE_CPU(2, 10, 38, "checkpointer", 820, "write", 0, 37, 1, 0),
			NODE(CRIT_RUNQ, 2, 48, 2, "checkpointer", 820, "throttled", BY_NOBODY),
		NODE(CRIT_WAIT, 1, 50, 200, "jbd2/loop0-8", 312, "journal write", BY_WRITE),
		NODE(CRIT_RUNQ, 1, 250, 46, "jbd2/loop0-8", 312, "woken", BY_KWORKER),
		NODE_CPU(1, 296, 2, "jbd2/loop0-8", 312, "", 0, 2, 0, 0),
	NODE(CRIT_RUNQ, 0, 298, 6, "postgres", 813, "woken", BY_TASK("hog", 900)),
	NODE_CPU(0, 304, 1, "postgres", 813, "fsync", 0, 1, 0, 0),
};

/* As deep as paths go, of names as bad as they get; and many small pieces. */
enum { WHY_DEEP = 12, WHY_SMALL = 60 };
static struct crit_node why_deep_nodes[WHY_DEEP + WHY_SMALL];

static struct slow_call why_calls[2] = {
	{ .name = "fsync", .pid = 812, .tid = 813, .comm = "postgres", .t = W0, .ns = 305 * WMS, .ret = 0,
	  .part = { [WHY_KERNEL] = 2 * WMS, [WHY_PREEMPTED] = 7 * WMS, [WHY_WOKEN] = 6 * WMS, [WHY_WAIT] = 290 * WMS },
	  .path = { .t = W0, .ns = 305 * WMS, .pid = 812, .tid = 813, .comm = "postgres", .n = N_OF(why_fsync_nodes), .node = why_fsync_nodes } },
	{ .name = "vfs_fsync_range", .pid = 1290, .tid = 1290, .comm = WORST, .t = W0, .ns = 2 * WMS, .ret = -5,
	  .path = { .t = W0, .ns = 2 * WMS, .pid = 1290, .tid = 1290, .comm = WORST, .n = N_OF(why_deep_nodes), .node = why_deep_nodes, .cut = 17 } },
};

static void make_why_deep(void)
{
	uint64_t t = W0, small = 2000;

	for (unsigned int i = 0; i < N_OF(why_fsync_nodes); i++)
		if (why_fsync_nodes[i].tid == 813)
			why_fsync_nodes[i].pid = 812;
	for (unsigned int i = 0; i < WHY_DEEP; i++)
		why_deep_nodes[i] = (struct crit_node){ .kind = CRIT_WAIT, .depth = i, .t = W0, .ns = 2 * WMS - WHY_SMALL * small, .count = 1,
			.pid = 1290 + i, .tid = 1290 + i, .comm = WORST, .reason = "pipe", .by = BY_TASK(WORST, 1291 + i) };
	t += why_deep_nodes[0].ns;
	for (unsigned int i = 0; i < WHY_SMALL; i++, t += small)
		why_deep_nodes[WHY_DEEP + i] = (struct crit_node){ .kind = i & 1 ? CRIT_RUNQ : CRIT_CPU, .t = t, .ns = small, .count = 1,
			.pid = 1290, .tid = 1290, .comm = EVIL, .reason = i & 1 ? "woken" : "fsync", .part = { [WHY_KERNEL] = i & 1 ? 0 : small },
			.by = { i & 1 ? "task" : "", i & 1 ? "hog" : "", i & 1 ? 900 : 0, i & 1 ? 900 : 0 } };
	why_calls[1].part[WHY_KERNEL] = why_calls[1].part[WHY_WOKEN] = WHY_SMALL / 2 * small;
	why_calls[1].part[WHY_WAIT] = why_deep_nodes[0].ns;
}

/* Each shell waits for a compiler of its own: what a table has to fold. */
static void make_why_threads(void)
{
	for (unsigned int i = 5; i < WHY_THREADS; i++) {
		why_sh_waits[i] = (struct why_wait){ .reason = "child", .by = BY_TASK("cc1", 1300 + i), .count = 1, .ns = (8 + i) * WMS,
						     .max = (8 + i) * WMS, .owner = "" };
		why_threads[i] = (struct why_thread){ .pid = 1200 + i, .tid = 1200 + i, .comm = "sh", .t = W0 + i * WMS, .wall = (16 + i) * WMS,
			.ended = true, .nwaits = 1, .waits = &why_sh_waits[i],
			.part = { [WHY_USER] = (i == 20 ? 8 : 5) * WMS, [WHY_KERNEL] = (i == 20 ? 0 : 3) * WMS, [WHY_WAIT] = (8 + i) * WMS } };
	}
}

static void add_why_wait(struct why *w, const struct why_wait *from)
{
	struct why_wait *to = why_all_waits;

	while (to < why_all_waits + w->nwaits && (strcmp(to->reason, from->reason) || strcmp(to->by.kind, from->by.kind) ||
						  strcmp(to->by.name, from->by.name) || to->by.tid != from->by.tid))
		to++;
	if (to == why_all_waits + w->nwaits) {
		*to = *from;
		w->nwaits++;
		return;
	}
	to->count += from->count;
	to->ns += from->ns;
	to->max = from->max > to->max ? from->max : to->max;
}

static void add_why_runq(struct why *w, const struct why_runq *from)
{
	struct why_runq *to = why_all_runq;

	while (to < why_all_runq + w->nrunq && (strcmp(to->by.name, from->by.name) || to->by.tid != from->by.tid))
		to++;
	if (to == why_all_runq + w->nrunq) {
		*to = *from;
		w->nrunq++;
		return;
	}
	to->count += from->count;
	to->ns += from->ns;
}

static int compare_why_wait(const void *a, const void *b)
{
	const struct why_wait *x = a, *y = b;

	return x->ns != y->ns ? (x->ns < y->ns) - (x->ns > y->ns) : (x->by.tid > y->by.tid) - (x->by.tid < y->by.tid);
}

static int compare_why_runq(const void *a, const void *b)
{
	const struct why_runq *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

/* The run of make; everything in it is static. */
static struct why make_why(void)
{
	struct why w = { .nthreads = WHY_THREADS, .nsyscalls = N_OF(why_syscalls), .threads = why_threads, .waits = why_all_waits,
			 .runq = why_all_runq, .syscalls = why_syscalls, .call = "" };

	make_why_deep();
	make_why_threads();
	for (const struct why_thread *t = why_threads; t < why_threads + WHY_THREADS; t++) {
		w.wall += t->wall;
		for (unsigned int p = 0; p < WHY_PART_N; p++)
			w.part[p] += t->part[p];
		for (unsigned int i = 0; i < t->nwaits; i++)
			add_why_wait(&w, &t->waits[i]);
		for (unsigned int i = 0; i < t->nrunq; i++)
			add_why_runq(&w, &t->runq[i]);
	}
	qsort(why_all_waits, w.nwaits, sizeof(why_all_waits[0]), compare_why_wait);
	qsort(why_all_runq, w.nrunq, sizeof(why_all_runq[0]), compare_why_runq);
	w.path = (struct crit){ .t = W0, .ns = 4120 * WMS, .pid = 1234, .tid = 1234, .comm = "make", .n = N_OF(why_path_nodes), .node = why_path_nodes };
	w.chain = w.path;
	w.chain.n = N_OF(why_chain_nodes);
	w.chain.node = why_chain_nodes;
	return w;
}

#endif
