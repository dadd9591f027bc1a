/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* From options to attached programs: which hooks this kernel offers, constants, sizes, attach, and what
 * remains unseen. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;

#include "base/clock.h"
#include "base/log.h"
#include "path/io/io_priv.h"
#include "src/path/io/io.skel.h"
#include "src/path/io/io_cast.skel.h"

/* When a program is wanted. */
enum { W_MUST = HOOK_MUST, W_RUN = HOOK_RUN, W_CALLS = 4, W_FAULT = 8, W_KERNEL = 16, W_URING = 32, W_FOLLOW = 64, W_BLOCK = 128, W_RECORDS = 256,
       W_GETRQ = 512, W_BIO = 1024, W_ASYNC = 2048 };

/* Stages in the order of io.h. */
static const struct hook hooks[] = {
	{ "exit", "io_sys_exit", NULL, "sys_exit", false, W_CALLS | W_MUST, "system calls" },
	{ "enter", "io_sys_enter", NULL, "sys_enter", false, W_CALLS | W_MUST, "system calls" },
	{ "writeback", "io_writeback_begin", "io_writeback_end", "writeback_single_inode_start", false, W_KERNEL,
	  "write-back as operations" },
	{ "journal", "io_journal_begin", "io_journal_end", "jbd2_start_commit", false, W_KERNEL,
	  "ext4 journal commits as operations" },
	{ "fault", "io_fault_begin", "io_fault_end", "filemap_fault", true, W_FAULT, NULL },
	{ "fault", "io_fault_begin_tp", NULL, "mm_filemap_fault", false, W_FAULT, "page faults on mapped files" },
	{ "pages", "io_page_added", NULL, "mm_filemap_add_to_page_cache", false, W_RECORDS,
	  "pages added to the page cache" },
	{ "dirty", "io_folio_dirtied", NULL, "writeback_dirty_folio", false, W_RECORDS, NULL },
	{ "dirty", "io_page_dirtied", NULL, "writeback_dirty_page", false, W_RECORDS, "pages dirtied" },
	{ "uring", "io_uring_submit_new", NULL, "io_uring_submit_req", false, W_URING, NULL },
	{ "uring", "io_uring_submit_old", NULL, "io_uring_submit_sqe", false, W_URING, "io_uring operations" },
	{ "uring wait", "io_uring_wait", NULL, "io_uring_cqring_wait", false, W_URING, "the end of io_uring submissions" },
	{ "uring done", "io_uring_done", NULL, "io_uring_complete", false, W_URING, "io_uring completions" },
	{ "fields", "io_fields", NULL, "sys_exit", false, W_BLOCK | W_RUN, NULL },
	{ "sweep", "io_sweep", NULL, "sys_exit", false, W_ASYNC | W_RUN, NULL },
	{ "throttle", "io_throttle", NULL, "__blk_throtl_bio", true, W_BIO, NULL },
	{ "throttle", "io_throttle_old", NULL, "blk_throtl_bio", true, W_BIO,
	  "stage throttled (cgroup I/O limits) of requests" },
	{ "bio", "io_bio_queue", NULL, "block_bio_queue", false, W_BIO | W_MUST, "bios" },
	{ "getrq", "io_getrq", NULL, "block_getrq", false, W_GETRQ, "stage get request (tags)" },
	{ "split", "io_split", NULL, "block_split", false, W_BIO, "split bios" },
	{ "merge", "io_backmerge", NULL, "block_bio_backmerge", false, W_BIO, "back merges" },
	{ "front", "io_frontmerge", NULL, "block_bio_frontmerge", false, W_BIO, "front merges" },
	{ "insert", "io_insert", NULL, "block_rq_insert", false, W_BIO, "stage plugged" },
	{ "rq merge", "io_rq_merge", NULL, "block_rq_merge", false, W_BIO, "merges of requests" },
	{ "requeue", "io_requeue", NULL, "block_rq_requeue", false, W_BIO, "requeues" },
	{ "complete", "io_complete", NULL, "block_rq_complete", false, W_BLOCK | W_MUST, "completions" },
	{ "bio end", "io_bio_complete", NULL, "block_bio_complete", false, W_BIO, "bios of stacked devices" },
	{ "issue", "io_issue", NULL, "block_rq_issue", false, W_BLOCK | W_MUST, "issues" },
	{ "switch", "io_switch", NULL, "sched_switch", false, W_CALLS | W_MUST, "waits" },
	{ "wakeup", "io_wakeup", NULL, "sched_wakeup", false, W_CALLS | W_MUST, "wake-ups" },
	{ "exits", "io_exit", NULL, "sched_process_exit", false, W_CALLS, "operations of killed tasks" },
	{ "fork", "io_fork", NULL, "sched_process_fork", false, W_FOLLOW | W_MUST, "children" },
	HOOKS_OF_INTERRUPTS("io", W_CALLS),
};
enum { HOOKS = sizeof(hooks) / sizeof(hooks[0]) };

static bool tasks_filtered(const struct io_opts *o)
{
	return task_opts_any(&o->tasks) || o->file_ino;
}

/* The summary of --block alone needs no bio: the request says when it was got, and nobody asks whose it is. */
static bool bios_skipped(const struct io_opts *o)
{
	return o->block_only && !o->records && !tasks_filtered(o) && !o->devs_part;
}

/* A device's requests alone are many: they say themselves when they were got. */
static bool getrq_wanted(const struct io_opts *o)
{
	return o->records && !o->block_only;
}

static unsigned int wanted_mask(const struct io_opts *o)
{
	unsigned int w = W_BLOCK;
	uint64_t k = o->kinds ? o->kinds : ~0ull;

	if (getrq_wanted(o))
		w |= W_GETRQ;
	if (!bios_skipped(o))
		w |= W_BIO;
	if (o->block_only)
		return w;
	w |= W_CALLS;
	if (k & io_kinds_parse("faults"))
		w |= W_FAULT;
	if (k & io_kinds_parse("kernel"))
		w |= W_KERNEL;
	if (k & io_kinds_parse("io_uring"))
		w |= W_URING;
	if (k & (io_kinds_parse("io_uring") | io_kinds_parse("libaio")))
		w |= W_ASYNC;
	if (o->tasks.npids)
		w |= W_FOLLOW;
	if (o->records)
		w |= W_RECORDS;
	return w;
}

/* Position of the argument that points to `type`, 0 where nobody can say. */
static int arg_of(struct probe *p, const char *tp, const char *type)
{
	int n = probe_tracepoint_args(p, tp);

	for (int i = 0; i < n; i++)
		if (!strcmp(probe_tracepoint_arg(p, tp, i), type))
			return i;
	return 0;
}

static void set_forms(struct io_state *st, struct probe *p)
{
	struct io_bpf__rodata *ro = st->skel->rodata;

	ro->arg_bio_queue = arg_of(p, "block_bio_queue", "bio");
	ro->arg_getrq = arg_of(p, "block_getrq", "bio");
	ro->arg_split = arg_of(p, "block_split", "bio");
	ro->arg_merge = arg_of(p, "block_bio_backmerge", "bio");
	ro->arg_rq_insert = arg_of(p, "block_rq_insert", "request");
	ro->arg_rq_issue = arg_of(p, "block_rq_issue", "request");
	ro->arg_rq_merge = arg_of(p, "block_rq_merge", "request");
	ro->arg_rq_requeue = arg_of(p, "block_rq_requeue", "request");
	ro->has_task_btf = probe_can(p, PROBE_TASK_STORAGE); /* came in the same release */
	ro->has_spin_lock = probe_helper(p, BPF_FUNC_spin_lock);
	ro->has_prev_state = probe_tracepoint_args(p, "sched_switch") >= 4;
	ro->error_is_status = strcmp(probe_tracepoint_arg(p, "block_rq_complete", 1), "int") != 0;
	st->error_is_status = ro->error_is_status;
	if (probe_tracepoint_args(p, "io_uring_submit_sqe") == 5)
		ro->uring_submit_form = 1; /* SUBMIT_CTX_OPCODE */
	else if (probe_tracepoint_args(p, "io_uring_submit_sqe") > 5)
		ro->uring_submit_form = 2; /* SUBMIT_CTX_REQ */
	if (probe_tracepoint_args(p, "io_uring_complete") > 4)
		ro->uring_complete_form = 1; /* COMPLETE_CTX_REQ_DATA */
	else if (!strcmp(probe_tracepoint_arg(p, "io_uring_complete", 2), "io_uring_cqe"))
		ro->uring_complete_form = 2; /* COMPLETE_CTX_REQ_CQE */
}

static void set_wanted(struct io_state *st)
{
	struct io_bpf__rodata *ro = st->skel->rodata;
	const struct io_opts *o = &st->opts;

	ro->page_shift = __builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	ro->want_records = o->records;
	ro->want_slower = o->slower;
	ro->want_errors_only = o->errors_only;
	ro->block_only = o->block_only;
	ro->bios_unseen = bios_skipped(o);
	ro->want_getrq = getrq_wanted(o);
	ro->want_links = !o->block_only && (o->records || tasks_filtered(o) || o->ndevs);
	ro->kinds_want = o->kinds;
	ro->ndevs_want = o->ndevs < 16 ? o->ndevs : 16;
	memcpy(ro->devs_want, o->devs, sizeof(ro->devs_want));
	ro->file_want_ino = o->file_ino;
	ro->file_want_dev = o->file_dev;
	ro->file_want_dir = o->file_is_dir;
	ro->file_want_blk = o->file_is_blk;
}

/* By name, at the top level of a structure. */
static bool type_has_member(const struct btf *btf, const char *type, const char *member)
{
	int id = btf ? btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), member))
			return true;
	return false;
}

/* What hangs on members that this kernel has no more. */
static void fields_missing_add(struct io_state *st)
{
	static const char *const lost[IOX_N] = {
		[IOX_NAMES] = "names of files", [IOX_ALIAS] = "names of files of write-back, read-ahead and page faults",
		[IOX_OFFSET] = "offsets at the file's own position or its end", [IOX_DIRECT] = "which operations are direct",
		[IOX_PSEUDO] = "which files have no storage behind them (proc, sysfs ...)", [IOX_CGROUP] = "whose pages are written back",
		[IOX_SECTOR] = "sectors of requests", [IOX_START] = "requests whose completion was not shown",
		[IOX_DATA] = "read-ahead as operations, and which request of a stacked device serves which",
		[IOX_RINGS] = "when io_uring operations are reaped", [IOX_STACK] = "reasons and stacks of waits",
		[IOX_AHEAD] = "read-ahead as operations", [IOX_FLUSH] = "flushes of the device's cache before a write",
	};
	LIBBPF_OPTS(bpf_test_run_opts, run);

	if (bpf_prog_test_run_opts(bpf_program__fd(st->skel->progs.io_fields), &run)) /* before 5.10 */
		return;
	for (int i = 0; i < IOX_N; i++)
		if (st->skel->bss->fields_missing >> i & 1)
			unseen_add(&st->unseen, lost[i], "this kernel's structures have changed");
}

/* What depends on fields, not on hooks. */
static void fields_check(struct io_state *st, struct probe *p)
{
	if (wanted_mask(&st->opts) & W_URING && !type_has_member(probe_btf(p), "task_struct", "worker_private"))
		unseen_add(&st->unseen, "requests of io_uring worker threads", "this kernel's tasks do not lead to their worker (before 5.17)");
}

static int set_sizes(struct io_state *st)
{
	struct io_bpf__rodata *ro = st->skel->rodata;
	const struct io_opts *o = &st->opts;
	unsigned int sync = o->max_inflight, async = 8192, bios, n;

	if (!sync)
		sync = threads_count() * 2 < 8192 ? 8192 : threads_count() * 2;
	if (sync > 1u << 18)
		sync = 1u << 18;
	sync = pow2_at_least(sync);
	if (o->block_only)
		sync = async = 16;
	n = sync + async;
	ro->sync_mask = sync - 1;
	ro->async_mask = async - 1;
	bios = sync > 4096 ? sync * 2 : 8192;
	ro->bio_mask = bios - 1;
	ro->request_mask = 8191;
	bpf_map__set_max_entries(st->skel->maps.homes, sync);
	bpf_map__set_max_entries(st->skel->maps.slots, n);
	bpf_map__set_max_entries(st->skel->maps.recs, o->records && !o->block_only ? n : 1);
	bpf_map__set_max_entries(st->skel->maps.bios, bios);
	bpf_map__set_max_entries(st->skel->maps.vecs, bios);
	bpf_map__set_max_entries(st->skel->maps.bio_keys, bios / 4);
	bpf_map__set_max_entries(st->skel->maps.requests, 8192);
	bpf_map__set_max_entries(st->skel->maps.request_keys, 8192 / 4);
	n = o->ring_bytes ? pow2_at_least(o->ring_bytes) : o->records ? 8 << 20 : 4096;
	bpf_map__set_max_entries(st->skel->maps.ring, n);
	ro->ring_wake = n / 4;
	return 0;
}

/* The same programs in two builds (UNTRUSTED in compat.bpf.h says why). */
static int skel_open(struct io_state *st, struct probe *probe)
{
	st->skel = calloc(1, sizeof(*st->skel));
	if (!st->skel || io_bpf__create_skeleton(st->skel)) {
		free(st->skel);
		st->skel = NULL;
		return -ENOMEM;
	}
	if (probe_rdonly_cast(probe))
		st->skel->skeleton->data = io_cast_bpf__elf_bytes(&st->skel->skeleton->data_sz);
	else if (st->opts.file_ino && (!st->opts.kinds || st->opts.kinds & io_kinds_parse("msync")))
		unseen_add(&st->unseen, "msync of the file", "this kernel tells of its file only when pages are written (before 6.2)");
	return bpf_object__open_skeleton(st->skel->skeleton, NULL);
}

/* All but the programs of hooks in refused[]. */
static int load_try(struct io_state *st, struct probe *probe, const bool *refused, bool *use)
{
	int err = skel_open(st, probe);

	if (err)
		return err;
	err = hooks_choose(hooks, HOOKS, wanted_mask(&st->opts), st->skel->obj, probe, refused, use, &st->unseen);
	if (err)
		return err;
	for (int i = 0; i < HOOKS; i++)
		if (use[i] && !strcmp(hooks[i].prog, "io_fault_begin_tp"))
			st->skel->rodata->fault_by_tracepoint = true;
	set_forms(st, probe);
	fields_check(st, probe);
	set_wanted(st);
	if (!st->opts.block_only)
		stack_text_set(&st->skel->rodata->text, &st->unseen);
	err = task_filter_set(&st->skel->rodata->filter, &st->opts.tasks, probe);
	if (err)
		return err;
	io_calls_fill((struct sys_desc *)st->skel->rodata->sys_descs, st->opts.kinds);
	set_sizes(st);
	probe_btf_drop(probe);
	probe_program_forget();
	return io_bpf__load(st->skel);
}

int io_load(struct io_state *st, struct probe *probe)
{
	bool use[HOOKS], refused[HOOKS] = { false };
	int err;

	if (!probe_btf(probe)) {
		log_error("this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF=y");
		return -EOPNOTSUPP;
	}
	probe_program_forget();
	while ((err = load_try(st, probe, refused, use)) && hooks_refused(hooks, HOOKS, refused)) {
		io_bpf__destroy(st->skel);
		st->skel = NULL;
	}
	if (err) {
		if (!log_errors())
			log_error("the kernel refused to load spoor's programs: %s", strerror(-err));
		return err;
	}
	fields_missing_add(st);
	err = task_filter_fill(&st->skel->rodata->filter, &st->opts.tasks, st->skel->obj);
	return err ? err : hooks_attach(hooks, HOOKS, st->skel->obj, use, &st->links, &st->unseen);
}

void io_sweep(struct io_state *st)
{
	const struct io_bpf__rodata *ro = st->skel->rodata;
	int fd = bpf_program__fd(st->skel->progs.io_sweep);
	uint64_t ctx = ro->sync_mask + 1;
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	for (unsigned int n = 0; fd >= 0 && st->skel->bss->async_used && n <= ro->async_mask; n++, ctx++)
		if (bpf_prog_test_run_opts(fd, &run)) /* before 5.10 */
			break;
}

void io_unload(struct io_state *st)
{
	links_destroy(&st->links);
	io_bpf__destroy(st->skel);
	st->skel = NULL;
	unseen_free(&st->unseen);
}

void io_ready(struct io_state *st, bool on)
{
	st->skel->bss->ready_at = clock_monotonic();
	__atomic_store_n(&st->skel->bss->ready, on, __ATOMIC_RELEASE);
}

void io_top_raise(struct io_state *st, uint64_t wall)
{
	st->skel->bss->top_min = wall;
}

int io_map_fd(const struct io_state *st, const char *name)
{
	return bpf_object__find_map_fd_by_name(st->skel->obj, name);
}

void io_lost_read(const struct io_state *st, uint64_t lost[LOSS_N])
{
	for (int i = 0; i < LOSS_N; i++)
		lost[i] = st->skel->bss->lost[i];
}

struct bpf_object *io_object(const struct io_state *st)
{
	return st->skel->obj;
}
