/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs that do nothing: their run time is the cost of measuring, their presence the cost of being called. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/block_rq_issue")
int empty_issue(void *ctx)
{
	return 0;
}

SEC("tp_btf/block_rq_complete")
int empty_complete(void *ctx)
{
	return 0;
}

SEC("tp_btf/sys_enter")
int empty_enter(void *ctx)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int empty_exit(void *ctx)
{
	return 0;
}
