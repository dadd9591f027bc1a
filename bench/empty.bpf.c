/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs that do nothing: their run time is the cost of measuring, their presence the cost of being called. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(tracepoint) SEC("tp_btf/" #tracepoint) int empty_##tracepoint(void *ctx) { return 0; }

EMPTY(block_rq_issue)
EMPTY(block_rq_complete)
EMPTY(sys_enter)
EMPTY(sys_exit)

/* what else spoor io is called by during the bench's jobs */
EMPTY(block_bio_queue)
EMPTY(block_rq_insert)
EMPTY(mm_filemap_fault)
EMPTY(sched_switch)
EMPTY(sched_wakeup)
EMPTY(softirq_entry)
EMPTY(softirq_exit)
EMPTY(irq_handler_entry)
EMPTY(irq_handler_exit)
EMPTY(local_timer_entry)
EMPTY(local_timer_exit)
EMPTY(reschedule_entry)
EMPTY(reschedule_exit)
EMPTY(call_function_single_entry)
EMPTY(call_function_single_exit)

/* what spoor why is called by for a context switch */
EMPTY(sched_waking)
