/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* From options to attached programs: hooks, constants, sizes, attach. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;

#include "base/log.h"
#include "path/why/why_priv.h"
#include "src/path/why/why.skel.h"

enum { W_ALL = 4, W_FOLLOW = 8 }; /* besides HOOK_MUST */

static const struct hook hooks[] = {
	{ "switch", "why_switch", NULL, "sched_switch", false, W_ALL | HOOK_MUST, "stays on the CPU" },
	{ "waking", "why_waking", NULL, "sched_waking", false, W_ALL | HOOK_MUST, "wake-ups" },
	{ "calls", "why_enter", "why_exit", "sys_enter", false, W_ALL | HOOK_MUST, "system calls" },
	{ "faults", "why_fault", "why_fault_end", "handle_mm_fault", true, W_ALL, "page faults: their time on the CPU counts as user time" },
	{ "open", "why_open", NULL, "sched_switch", false, W_ALL | HOOK_RUN, NULL }, /* an iterator, run at the end */
	{ "request", "why_rq_complete", NULL, "block_rq_complete", false, W_ALL, "devices that end a wait" },
	{ "bio", "why_bio_complete", NULL, "block_bio_complete", false, W_ALL, "stacked devices that end a wait" },
	{ "sent", "why_sent", NULL, "netif_rx", false, W_ALL, "senders over loopback" },
	{ "received", "why_received", NULL, "netif_receive_skb", false, W_ALL, "senders over loopback" },
	{ "locks", "why_contended", "why_acquired", "contention_begin", false, W_ALL, "locks of the kernel, and who holds them" },
	{ "fork", "why_fork", NULL, "sched_process_fork", false, W_ALL | HOOK_MUST, "children" },
	{ "exec", "why_exec", NULL, "sched_process_exec", false, W_ALL, "threads that execute a program" },
	{ "exit", "why_end", NULL, "sched_process_exit", false, W_FOLLOW, "ends of followed processes" },
	HOOKS_OF_INTERRUPTS("why", W_ALL),
};
enum { HOOKS = sizeof(hooks) / sizeof(hooks[0]) };

enum { RING_BYTES = 8 << 20, TASKS_LEAST = 4096, TASKS_MOST = 1 << 17 };

static void set_sizes(struct why_state *st)
{
	unsigned int ncpus = (unsigned int)libbpf_num_possible_cpus(), entries = WHY_HIST_ENTRIES, tasks;

	while (entries > 1024 && (uint64_t)entries * ncpus * sizeof(struct why_hist) > WHY_HIST_BYTES)
		entries /= 2;
	st->skel->rodata->hist_mask = entries - 1;
	bpf_map__set_max_entries(st->skel->maps.history, entries * ncpus);
	bpf_map__set_max_entries(st->skel->maps.history_ends, ncpus);
	bpf_map__set_max_entries(st->skel->maps.there, ncpus);
	bpf_map__set_max_entries(st->skel->maps.ring, RING_BYTES);
	st->skel->rodata->ring_wake = RING_BYTES / 8;
	tasks = pow2_at_least(2 * threads_count());
	tasks = tasks < TASKS_LEAST ? TASKS_LEAST : tasks > TASKS_MOST ? TASKS_MOST : tasks;
	bpf_map__set_max_entries(st->skel->maps.tasks, tasks);
	bpf_map__set_max_entries(st->skel->maps.slots, tasks);
	bpf_map__set_max_entries(st->skel->maps.slots_free, tasks);
}

static int slots_fill(struct why_state *st)
{
	int fd = why_map_fd(st, "slots_free"), err = 0;

	for (uint32_t slot = bpf_map__max_entries(st->skel->maps.slots_free); slot-- && !err;)
		err = bpf_map_update_elem(fd, NULL, &slot, BPF_ANY);
	return err;
}

/* The history is read where the kernel writes it. */
static int history_open(struct why_state *st)
{
	unsigned int ncpus = (unsigned int)libbpf_num_possible_cpus(), entries = st->skel->rodata->hist_mask + 1;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	st->history_bytes = ((size_t)ncpus * entries * sizeof(struct why_hist) + page - 1) & ~(page - 1);
	st->ends_bytes = ((size_t)ncpus * sizeof(struct why_hist_end) + page - 1) & ~(page - 1);
	st->history_map = mmap(NULL, st->history_bytes, PROT_READ, MAP_SHARED, why_map_fd(st, "history"), 0);
	st->ends_map = mmap(NULL, st->ends_bytes, PROT_READ, MAP_SHARED, why_map_fd(st, "history_ends"), 0);
	if (st->history_map == MAP_FAILED || st->ends_map == MAP_FAILED)
		return -errno;
	st->history = (struct why_history){ .ring = st->history_map, .seq = st->ends_map, .size = entries, .ncpus = ncpus };
	return 0;
}

/* Those asked for are marked as followed. */
static int processes_mark(struct why_state *st)
{
	int fd = why_map_fd(st, "process_marks");
	struct { uint8_t byte[64]; } m;

	for (size_t i = 0; i < st->opts.tasks.npids; i++) {
		uint32_t id = st->opts.tasks.pids[i], at = id / 64 & (WHY_MARKS - 1);

		if (bpf_map_lookup_elem(fd, &at, &m))
			return -errno;
		m.byte[id & 63] = 1;
		if (bpf_map_update_elem(fd, &at, &m, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* What a program at its end has to know of a function. size: of what it returns, 0: nothing. */
struct func { unsigned int params, size; bool sign; };

static bool func_find(const struct btf *btf, const char *name, struct func *f)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	const struct btf_type *t, *ret;

	if (id < 0)
		return false;
	t = btf__type_by_id(btf, btf__type_by_id(btf, (unsigned int)id)->type);
	id = t->type ? btf__resolve_type(btf, t->type) : 0;
	ret = id > 0 ? btf__type_by_id(btf, (unsigned int)id) : NULL;
	*f = (struct func){ .params = btf_vlen(t), .size = ret ? 8 : 0 };
	if (ret && (btf_is_int(ret) || btf_is_any_enum(ret))) {
		f->size = ret->size;
		f->sign = btf_is_int(ret) ? btf_int_encoding(ret) & BTF_INT_SIGNED : true;
	}
	return true;
}

/* In the kernel or, from 5.11, in a module. */
static bool func_find_any(struct btf *kernel, const char *name, struct func *f)
{
	bool found = func_find(kernel, name, f);
	DIR *dir = found ? NULL : opendir("/sys/kernel/btf");
	const struct dirent *e;

	while (dir && !found && (e = readdir(dir))) {
		struct btf *btf = *e->d_name == '.' || !strcmp(e->d_name, "vmlinux") ? NULL : btf__load_module_btf(e->d_name, kernel);

		found = btf && func_find(btf, name, f);
		btf__free(btf);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* --func: any function with BTF that fentry takes. */
static int set_function(struct why_state *st, struct probe *p)
{
	struct func f;
	int err;

	if (!probe_can(p, PROBE_FENTRY)) {
		log_error("--func needs fentry: %s", probe_get(p, PROBE_FENTRY)->why);
		return -EOPNOTSUPP;
	}
	if (!func_find_any(probe_btf(p), st->opts.call, &f)) {
		log_error("--func: this kernel has no function %s that can be probed", st->opts.call);
		return -ENOENT;
	}
	if (f.params > 6) {
		log_error("--func: %s has more parameters than fentry takes", st->opts.call);
		return -EOPNOTSUPP;
	}
	st->skel->rodata->func_args = (uint8_t)f.params;
	st->skel->rodata->func_ret = (uint8_t)f.size;
	st->skel->rodata->func_ret_signed = f.sign;
	err = bpf_program__set_attach_target(st->skel->progs.why_func, 0, st->opts.call);
	if (!err)
		err = bpf_program__set_attach_target(st->skel->progs.why_func_end, 0, st->opts.call);
	bpf_program__set_autoload(st->skel->progs.why_func, true);
	bpf_program__set_autoload(st->skel->progs.why_func_end, true);
	return err;
}

static int attach_function(struct why_state *st)
{
	struct bpf_program *const progs[] = { st->skel->progs.why_func_end, st->skel->progs.why_func };

	for (size_t i = 0; i < sizeof(progs) / sizeof(progs[0]); i++) {
		struct bpf_link *l = bpf_program__attach(progs[i]);
		int err = l ? vec_push(&st->links, l) : -errno;

		if (err) {
			log_error("--func: cannot attach to %s: %s", st->opts.call, strerror(-err));
			return err;
		}
	}
	return 0;
}

/* An iterator: each walk over the tasks has a file of its own, made beforehand, for then there may be no more. */
static int open_attach(struct why_state *st)
{
	struct bpf_link *l = bpf_program__attach_iter(st->skel->progs.why_open, NULL);

	if (!l || vec_push(&st->links, l))
		return -errno;
	for (int i = 0; i < WHY_OPENS; i++) {
		st->open_fd[i] = bpf_iter_create(bpf_link__fd(l));
		if (st->open_fd[i] < 0)
			return -errno;
	}
	return 0;
}

void why_open_read(struct why_state *st, int which)
{
	char none[64];

	while (st->open_fd[which] > 0 && read(st->open_fd[which], none, sizeof(none)) > 0)
		;
}

static int set_wanted(struct why_state *st, struct probe *probe)
{
	struct why_bpf__rodata *ro = st->skel->rodata;

	ro->has_task_btf = probe_can(probe, PROBE_TASK_STORAGE); /* came in the same release */
	ro->has_prev_state = probe_tracepoint_args(probe, "sched_switch") >= 4;
	ro->want_calls = st->opts.call != NULL;
	ro->want_call = st->opts.call ? st->opts.call_nr : -1;
	ro->want_slower = st->opts.slower;
	return st->opts.call && st->opts.call_nr < 0 ? set_function(st, probe) : 0;
}

int why_load(struct why_state *st, struct probe *probe)
{
	bool use[HOOKS], func = st->opts.call && st->opts.call_nr < 0;
	unsigned int wanted = W_ALL;
	int err;

	if (!probe_btf(probe)) {
		log_error("this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF=y");
		return -EOPNOTSUPP;
	}
	st->skel = why_bpf__open();
	if (!st->skel)
		return -errno;
	if (st->opts.tasks.npids)
		wanted |= W_FOLLOW;
	err = hooks_choose(hooks, HOOKS, wanted, st->skel->obj, probe, NULL, use, &st->unseen);
	if (!err)
		err = task_filter_set(&st->skel->rodata->filter, &st->opts.tasks, probe);
	st->pidns = st->skel->rodata->filter.pidns_ino;
	if (!err)
		err = set_wanted(st, probe);
	if (err)
		return err;
	stack_text_set(&st->skel->rodata->text, &st->unseen);
	set_sizes(st);
	probe_btf_drop(probe);
	err = why_bpf__load(st->skel);
	if (err) {
		log_error("the kernel refused to load spoor's programs: %s", strerror(-err));
		return err;
	}
	err = task_filter_fill(&st->skel->rodata->filter, &st->opts.tasks, st->skel->obj);
	if (!err)
		err = processes_mark(st);
	if (!err)
		err = slots_fill(st);
	if (!err)
		err = history_open(st);
	if (!err)
		err = hooks_attach(hooks, HOOKS, st->skel->obj, use, &st->links, &st->unseen);
	if (!err)
		err = open_attach(st);
	if (!err && func)
		err = attach_function(st);
	if (!err)
		cpus_visit();
	return err;
}

void why_unload(struct why_state *st)
{
	links_destroy(&st->links);
	for (int i = 0; i < WHY_OPENS; i++)
		if (st->open_fd[i] > 0)
			close(st->open_fd[i]);
	if (st->history_map && st->history_map != MAP_FAILED)
		munmap(st->history_map, st->history_bytes);
	if (st->ends_map && st->ends_map != MAP_FAILED)
		munmap(st->ends_map, st->ends_bytes);
	why_bpf__destroy(st->skel);
	st->skel = NULL;
	unseen_free(&st->unseen);
}

void why_start_at(struct why_state *st, uint64_t t)
{
	st->skel->bss->start = t;
	__atomic_store_n(&st->skel->bss->ready, 1, __ATOMIC_RELEASE);
	if (st->skel->rodata->filter.by_comm || st->skel->rodata->filter.by_cgroup)
		why_open_read(st, WHY_OPEN_BEGIN);
}

void why_stop(struct why_state *st)
{
	__atomic_store_n(&st->skel->bss->ready, 0, __ATOMIC_RELEASE);
}

void why_lost_read(const struct why_state *st, uint64_t lost[WHY_LOST_N])
{
	for (int i = 0; i < WHY_LOST_N; i++)
		lost[i] = st->skel->bss->lost[i];
}

void why_calls_read(const struct why_state *st, uint64_t *calls, uint64_t *slow)
{
	*calls = st->skel ? st->skel->bss->calls : 0;
	*slow = st->skel ? st->skel->bss->calls_slow : 0;
}

struct bpf_object *why_object(const struct why_state *st)
{
	return st->skel->obj;
}

int why_map_fd(const struct why_state *st, const char *name)
{
	return st->skel ? bpf_object__find_map_fd_by_name(st->skel->obj, name) : -1;
}
