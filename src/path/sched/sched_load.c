/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* From options to attached programs: hooks, constants, sizes, attach. */
#include <bpf/libbpf.h>
#include <errno.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;

#include "base/clock.h"
#include "base/log.h"
#include "path/sched/sched_priv.h"
#include "src/path/sched/sched.skel.h"

enum { W_ALL = 4, W_RECORDS = 8, W_FOLLOW = 16 }; /* besides HOOK_MUST */

static const struct hook hooks[] = {
	{ "switch", "sched_switch", NULL, "sched_switch", false, W_ALL | HOOK_MUST, "run-queue delays" },
	{ "wakeup", "sched_wakeup", NULL, "sched_wakeup", false, W_ALL | HOOK_MUST, "run-queue delays" },
	{ "new", "sched_wakeup_new", NULL, "sched_wakeup_new", false, W_ALL, "delays of new tasks" },
	{ "waking", "sched_waking", NULL, "sched_waking", false, W_RECORDS, "who woke a task" },
	{ "migrate", "sched_migrate", NULL, "sched_migrate_task", false, W_ALL, "migrations" },
	{ "idle", "sched_idle", NULL, "cpu_idle", false, W_ALL, "idle states" },
	{ "locks", "sched_contended", "sched_acquired", "contention_begin", false, W_ALL, "waits for locks of the kernel" },
	{ "fork", "sched_fork", NULL, "sched_process_fork", false, W_FOLLOW | HOOK_MUST, "children" },
	{ "exit", "sched_exit", NULL, "sched_process_exit", false, W_FOLLOW, "ends of followed processes" },
	HOOKS_OF_INTERRUPTS("sched", W_ALL),
};
enum { HOOKS = sizeof(hooks) / sizeof(hooks[0]) };

/* Groups are those of the hierarchy that has the controller cpu: of v1 when it is mounted there. */
static int set_cgroups(struct sched_state *st, struct probe *p)
{
	int i;

	if (!names_use_cgroups(st->names, "cpu")) {
		i = cgroup_subsys_index(p, "cpu");
		if (i >= 0)
			st->skel->rodata->row_subsys = i;
	}
	return st->skel->rodata->row_subsys < 0 ? names_use_cgroups(st->names, NULL) : 0;
}

/* Rows have their histogram with them, on every CPU: fewer on large machines. */
enum { ROWS_MAX = 1024, ROWS_MIN = 128, ROWS_BYTES = 64 << 20, RING_BYTES = 4 << 20 };

static void set_sizes(struct sched_state *st)
{
	struct sched_bpf__rodata *ro = st->skel->rodata;
	unsigned int ncpus = (unsigned int)libbpf_num_possible_cpus(), rows = ROWS_MAX, sets;

	while (rows > ROWS_MIN && (uint64_t)rows * ncpus * sizeof(struct sched_row) > ROWS_BYTES)
		rows /= 2;
	ro->row_mask = rows - 1;
	st->nrows = rows + 1;
	bpf_map__set_max_entries(st->skel->maps.rows, st->nrows);
	sets = pow2_at_least(threads_count() < 8192 ? 2048 : threads_count() / 4);
	ro->set_mask = sets - 1;
	bpf_map__set_max_entries(st->skel->maps.slot_tids, sets);
	bpf_map__set_max_entries(st->skel->maps.slots, sets * 4);
	bpf_map__set_max_entries(st->skel->maps.stacks, 2048);
	if (st->opts.records) {
		bpf_map__set_max_entries(st->skel->maps.stretches, ncpus * SCHED_STRETCHES);
		bpf_map__set_max_entries(st->skel->maps.stretch_numbers, ncpus);
		bpf_map__set_max_entries(st->skel->maps.ring, RING_BYTES);
		ro->ring_wake = RING_BYTES / 4;
	}
}

int sched_load(struct sched_state *st, struct probe *probe)
{
	unsigned int wanted = W_ALL;
	bool use[HOOKS];
	int err;

	if (!probe_btf(probe)) {
		log_error("this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF=y");
		return -EOPNOTSUPP;
	}
	st->skel = sched_bpf__open();
	if (!st->skel)
		return -errno;
	if (st->opts.records)
		wanted |= W_RECORDS;
	if (st->opts.tasks.npids)
		wanted |= W_FOLLOW;
	err = hooks_choose(hooks, HOOKS, wanted, st->skel->obj, probe, NULL, use, &st->unseen);
	if (!err)
		err = task_filter_set(&st->skel->rodata->filter, &st->opts.tasks, probe);
	if (!err)
		err = set_cgroups(st, probe);
	if (err)
		return err;
	st->skel->rodata->has_prev_state = probe_tracepoint_args(probe, "sched_switch") >= 4;
	st->skel->rodata->epoch = st->epoch = clock_monotonic();
	st->skel->rodata->want_records = st->opts.records;
	st->skel->rodata->want_slower = st->opts.slower;
	set_sizes(st);
	probe_btf_drop(probe);
	err = sched_bpf__load(st->skel);
	if (err) {
		log_error("the kernel refused to load spoor's programs: %s", strerror(-err));
		return err;
	}
	err = task_filter_fill(&st->skel->rodata->filter, &st->opts.tasks, st->skel->obj);
	if (!err)
		err = hooks_attach(hooks, HOOKS, st->skel->obj, use, &st->links, &st->unseen);
	if (!err)
		cpus_visit();
	return err;
}

void sched_unload(struct sched_state *st)
{
	links_destroy(&st->links);
	sched_bpf__destroy(st->skel);
	st->skel = NULL;
	unseen_free(&st->unseen);
}

void sched_ready(struct sched_state *st, bool on)
{
	__atomic_store_n(&st->skel->bss->ready, on, __ATOMIC_RELEASE);
}

void sched_top_raise(struct sched_state *st, uint64_t ns)
{
	st->skel->bss->top_min = ns;
}

void sched_lost_read(const struct sched_state *st, uint64_t lost[SCHED_LOST_N])
{
	for (int i = 0; i < SCHED_LOST_N; i++)
		lost[i] = st->skel->bss->lost[i];
}

struct bpf_object *sched_object(const struct sched_state *st)
{
	return st->skel->obj;
}

int sched_map_fd(const struct sched_state *st, const char *name)
{
	return bpf_object__find_map_fd_by_name(st->skel->obj, name);
}
