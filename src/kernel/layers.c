/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Of each command, in the order in which a request or a task passes them. The hooks are those that src/path/<command> attaches. */
#include "kernel/layers.h"

#define TP(...) .kind = HOOK_TRACEPOINT, .name = { __VA_ARGS__ }
#define FN(...) .kind = HOOK_FUNCTION, .name = { __VA_ARGS__ }
#define BY(id, how, ...) { .kind = HOOK_ATTACH, .needs = id, .name = { how }, ##__VA_ARGS__ }

static const struct layer table[] = {
	{ "io", "system calls", "everything: no operation begins or ends", true,
	  { { TP("sys_enter", "sys_exit") } } },
	{ "io", "libaio", "asynchronous operations of libaio", false, { { TP("sys_enter", "sys_exit") } } },
	{ "io", "io_uring: submitted", "io_uring operations", false,
	  { { TP("io_uring_submit_req") }, { TP("io_uring_submit_sqe") } } },
	{ "io", "io_uring: completed", "when io_uring operations end", false, { { TP("io_uring_complete") } } },
	{ "io", "io_uring: waited for", "the end of what a submitting call does itself", false,
	  { { TP("io_uring_cqring_wait") } } },
	{ "io", "page faults on mapped files", "page faults as operations", false,
	  { { FN("filemap_fault") },
	    { TP("mm_filemap_fault"), .lost = "the end of a fault: it is taken to end with its first wait; faults within system calls" } } },
	{ "io", "page cache: pages added", "hits and misses of buffered reads", false,
	  { { TP("mm_filemap_add_to_page_cache") } } },
	{ "io", "page cache: pages dirtied", "how many pages a write dirtied", false,
	  { { TP("writeback_dirty_folio") }, { TP("writeback_dirty_page") } } },
	{ "io", "write-back", "the kernel's write-back as operations", false,
	  { { TP("writeback_single_inode_start", "writeback_single_inode") } } },
	{ "io", "file system journal (ext4)", "journal commits as operations; waits for the journal still show", false,
	  { { TP("jbd2_start_commit", "jbd2_end_commit") } } },
	{ "io", "block: bio queued", "requests cannot be tied to operations", true, { { TP("block_bio_queue") } } },
	{ "io", "block: throttled", "stage throttled (cgroup limits): the time is a wait of the operation, its request counts for the device alone", false,
	  { { FN("__blk_throtl_bio") }, { FN("blk_throtl_bio") } } },
	{ "io", "block: request got", "stage get request (waits for a tag)", false, { { TP("block_getrq") } } },
	{ "io", "block: split", "bios that were split are counted as new ones", false, { { TP("block_split") } } },
	{ "io", "block: merged", "merged bios are found only when the request is issued", false,
	  { { TP("block_bio_backmerge", "block_bio_frontmerge") } } },
	{ "io", "block: requests merged", "a request that another swallowed may show a wrong insertion time", false,
	  { { TP("block_rq_merge") } } },
	{ "io", "block: inserted", "stage plugged; its time is in 'queued'", false, { { TP("block_rq_insert") } } },
	{ "io", "block: issued to the driver", "the device's own time", true, { { TP("block_rq_issue") } } },
	{ "io", "block: requeued", "requests that a driver gave back", false, { { TP("block_rq_requeue") } } },
	{ "io", "block: completed", "the end of requests", true, { { TP("block_rq_complete") } } },
	{ "io", "stacked devices (dm, md)", "bios of devices that make no requests of their own", false,
	  { { TP("block_bio_complete") } } },
	{ "io", "drivers", "time in the driver and the device (between issue and completion)", false,
	  { { TP("block_rq_issue", "block_rq_complete") } } },
	{ "io", "interrupts of devices", "part irq", false, { { TP("irq_handler_entry", "irq_handler_exit") } } },
#if defined(__x86_64__)
	{ "io", "interrupts of the local timer", "the timer's share of part irq", false,
	  { { TP("local_timer_entry", "local_timer_exit") } } },
	{ "io", "interrupts between CPUs", "their share of part irq", false,
	  { { TP("reschedule_entry", "reschedule_exit", "call_function_entry", "call_function_exit",
		 "call_function_single_entry", "call_function_single_exit", "irq_work_entry", "irq_work_exit") } } },
#else
	{ "io", "interrupts between CPUs", "their share of part irq", false, { { TP("ipi_entry", "ipi_exit") } } },
#endif
	{ "io", "softirqs", "part softirq", false, { { TP("softirq_entry", "softirq_exit") } } },
	{ "io", "scheduler", "waits and the run queue", true, { { TP("sched_switch", "sched_wakeup") } } },
	{ "io", "processes", "operations of killed tasks, children of a followed process", false,
	  { { TP("sched_process_fork", "sched_process_exit") } } },
	{ "io", "reasons of waits", "waits have no reason and no stack", false, { { .kind = HOOK_KALLSYMS } } },
	{ "sched", "who wakes a task", "the waker of a delay", false, { { TP("sched_waking") } } },
	{ "sched", "wake-ups", "delays after a wake-up", true, { { TP("sched_wakeup") } } },
	{ "sched", "wake-ups of new tasks", "their first delay", false, { { TP("sched_wakeup_new") } } },
	{ "sched", "migrations", "how often a task was moved to another CPU", false, { { TP("sched_migrate_task") } } },
	{ "sched", "switches", "everything: no delay ends", true, { { TP("sched_switch") } } },
	{ "sched", "idle states", "how idle time divides", false, { { TP("cpu_idle") } } },
	{ "sched", "locks of the kernel", "who waits for them, where and how long", false,
	  { { TP("contention_begin", "contention_end") } } },
	{ "sched", "processes", "children of a followed process", false,
	  { { TP("sched_process_fork", "sched_process_exit") } } },
	{ "sched", "interrupts of devices", "part irq", false, { { TP("irq_handler_entry", "irq_handler_exit") } } },
#if defined(__x86_64__)
	{ "sched", "interrupts of the local timer", "the timer's share of part irq", false,
	  { { TP("local_timer_entry", "local_timer_exit") } } },
	{ "sched", "interrupts between CPUs", "their share of part irq", false,
	  { { TP("reschedule_entry", "reschedule_exit", "call_function_entry", "call_function_exit",
		 "call_function_single_entry", "call_function_single_exit", "irq_work_entry", "irq_work_exit") } } },
#else
	{ "sched", "interrupts between CPUs", "their share of part irq", false, { { TP("ipi_entry", "ipi_exit") } } },
#endif
	{ "sched", "softirqs", "part softirq", false, { { TP("softirq_entry", "softirq_exit") } } },
	{ "why", "switches", "everything: no stay on a CPU ends", true, { { TP("sched_switch") } } },
	{ "why", "who wakes a thread", "everything: no wait ends, and nobody ends it", true, { { TP("sched_waking") } } },
	{ "why", "system calls", "user and kernel time apart, and --call", true, { { TP("sys_enter", "sys_exit") } } },
	{ "why", "page faults", "their time on the CPU counts as user time, and they are not among the calls", false,
	  { { FN("handle_mm_fault") } } },
	{ "why", "any function of the kernel", "--func", false, { { FN("handle_mm_fault") } } },
	{ "why", "children", "threads that a command or a process starts", true, { { TP("sched_process_fork") } } },
	{ "why", "threads that execute a program", "of one that is not its process's first, who it was before", false,
	  { { TP("sched_process_exec") } } },
	{ "why", "ends of processes", "a process that gets the number of a followed one is followed", false,
	  { { TP("sched_process_exit") } } },
	{ "why", "block devices", "waits that a device ended are by an interrupt or a softirq", false,
	  { { TP("block_rq_complete") } } },
	{ "why", "stacked devices (dm, md)", "waits that such a device ended are by the device below, or by a worker", false,
	  { { TP("block_bio_complete") } } },
	{ "why", "senders over loopback", "waits that a sender ended are by the network, and not followed to it", false,
	  { { TP("netif_rx", "netif_receive_skb") } } },
	{ "why", "locks of the kernel", "which lock a wait was for, and who held it", false,
	  { { TP("contention_begin", "contention_end") } } },
	{ "why", "interrupts of devices", "part irq", false, { { TP("irq_handler_entry", "irq_handler_exit") } } },
#if defined(__x86_64__)
	{ "why", "interrupts of the local timer", "the timer's share of part irq; its wake-ups count as by an interrupt", false,
	  { { TP("local_timer_entry", "local_timer_exit") } } },
	{ "why", "interrupts between CPUs", "their share of part irq", false,
	  { { TP("reschedule_entry", "reschedule_exit", "call_function_entry", "call_function_exit",
		 "call_function_single_entry", "call_function_single_exit", "irq_work_entry", "irq_work_exit") } } },
#else
	{ "why", "interrupts between CPUs", "their share of part irq", false, { { TP("ipi_entry", "ipi_exit") } } },
#endif
	{ "why", "softirqs", "part softirq; what ends a wait in one counts as by the task that it interrupts", false,
	  { { TP("softirq_entry", "softirq_exit") } } },
	{ "why", "reasons of waits", "waits have no reason and no stack", false, { { .kind = HOOK_KALLSYMS } } },
	{ "probe", "tracepoints by fields", "e", true, { BY(PROBE_TRACEPOINT, "perf events") } },
	{ "probe", "tracepoints by arguments", "t", true, { BY(PROBE_RAW_TP, "raw tracepoints") } },
	{ "probe", "functions of the kernel", "p and r", false,
	  { BY(PROBE_FENTRY, "fentry and fexit"), BY(PROBE_KPROBE, "kprobes", .lost = "some of the speed") } },
	{ "probe", "patterns of functions", "p and r with * ? [ ]", false,
	  { BY(PROBE_KPROBE_MULTI, "kprobe.multi"), BY(PROBE_KPROBE, "a kprobe each", .lost = "more than 2000 functions at a time") } },
	{ "probe", "functions of programs", "P and R, USDT", false, { BY(PROBE_UPROBE, "uprobes") } },
	{ "probe", "samples", "s", false, { BY(PROBE_PERF_EVENT, "perf events") } },
	{ "probe", "stacks as keys", "by kstack, by ustack", false, { BY(PROBE_STACK_MAP, "map of stacks") } },
	{ "probe", "names of kernel addresses", "stacks, functions by pointer, @variables", false, { { .kind = HOOK_KALLSYMS } } },
};

const struct layer *layers_all(size_t *n)
{
	*n = sizeof(table) / sizeof(table[0]);
	return table;
}

/* NULL when this way works. */
static const char *way_missing(struct probe *p, const struct layer_way *w)
{
	enum probe_id needs = w->kind == HOOK_FUNCTION ? PROBE_FENTRY : w->kind == HOOK_KALLSYMS ? PROBE_KALLSYMS :
			      PROBE_TP_BTF;
	static char text[LAYER_TEXT];

	if (w->kind == HOOK_ATTACH)
		return probe_can(p, w->needs) ? NULL : probe_get(p, w->needs)->why;
	for (size_t i = 0; i < LAYER_HOOKS && w->name[i]; i++) {
		bool there = w->kind == HOOK_FUNCTION ? probe_function(p, w->name[i]) : probe_tracepoint(p, w->name[i]);

		if (there || !probe_can(p, PROBE_BTF))
			continue;
		snprintf(text, sizeof(text), "this kernel has no %s %s%s",
			 w->kind == HOOK_FUNCTION ? "function" : "tracepoint", w->name[i],
			 !strncmp(w->name[i], "jbd2_", 5) ? " (is the module jbd2 loaded?)" : "");
		return text;
	}
	return probe_can(p, needs) ? NULL : probe_get(p, needs)->why;
}

void layer_look(struct probe *p, const struct layer *l, struct layer_view *out)
{
	*out = (struct layer_view){ .state = LAYER_NO };
	for (size_t i = 0; i < LAYER_WAYS && l->way[i].kind != HOOK_NONE; i++) {
		const char *missing = way_missing(p, &l->way[i]);

		if (missing) {
			if (!out->why[0])
				snprintf(out->why, sizeof(out->why), "%s", missing);
			continue;
		}
		out->way = &l->way[i];
		out->state = l->way[i].lost ? LAYER_PART : LAYER_YES;
		if (out->state == LAYER_YES)
			out->why[0] = '\0';
		return;
	}
}

bool layers_suffice(struct probe *p, const char *command, char *why)
{
	static const enum probe_id needs[] = { PROBE_BTF, PROBE_RAW_TP, PROBE_TP_BTF, PROBE_RINGBUF };
	struct layer_view view;

	why[0] = '\0';
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (!probe_can(p, needs[i])) {
			snprintf(why, LAYER_TEXT, "%s: %.120s", probe_id_title(needs[i]), probe_get(p, needs[i])->why);
			return false;
		}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!table[i].must || strcmp(table[i].command, command))
			continue;
		layer_look(p, &table[i], &view);
		if (view.state == LAYER_NO) {
			snprintf(why, LAYER_TEXT, "%s: %.120s", table[i].name, view.why);
			return false;
		}
	}
	return true;
}
