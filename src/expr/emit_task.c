/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Whose events: what bpf/filter.bpf.h is for the other tracers. */
#include <linux/bpf.h>
#include <stddef.h>

#include "expr/gen.h"

enum { CGROUP_DEPTH = 16 };

static void gen_lookup(struct gen *g, int map, int key)
{
	struct emit *e = &g->e;

	emit_map(e, R1, map);
	emit_mov(e, R2, R10);
	emit_alu_imm(e, BPF_ADD, R2, key);
	emit_call(e, BPF_FUNC_map_lookup_elem);
}

/* map[number in the stack's slot key] = 1 */
static void gen_follow(struct gen *g, int key)
{
	struct emit *e = &g->e;
	int was = e->stack, one = emit_slot(e, 8);

	emit_store_imm(e, 8, R10, one, 1);
	emit_map(e, R1, g->maps.follow);
	emit_mov(e, R2, R10);
	emit_alu_imm(e, BPF_ADD, R2, key);
	emit_mov(e, R3, R10);
	emit_alu_imm(e, BPF_ADD, R3, one);
	emit_num(e, R4, BPF_ANY);
	emit_call(e, BPF_FUNC_map_update_elem);
	e->stack = was;
}

/* In a PID namespace r8 becomes the numbers there; label when the task is of another. r9: the kernel's. */
static void gen_own_ids(struct gen *g, int label)
{
	struct emit *e = &g->e;
	int was = e->stack, slot;

	emit_mov(e, R9, R8);
	if (!g->tasks->pidns_ino)
		return;
	slot = emit_slot(e, sizeof(struct bpf_pidns_info));
	emit_num(e, R1, g->tasks->pidns_dev);
	emit_num(e, R2, g->tasks->pidns_ino);
	emit_mov(e, R3, R10);
	emit_alu_imm(e, BPF_ADD, R3, slot);
	emit_num(e, R4, sizeof(struct bpf_pidns_info));
	emit_call(e, BPF_FUNC_get_ns_current_pid_tgid);
	emit_jmp_imm(e, BPF_JNE, R0, 0, label);
	emit_load(e, 4, R1, R10, slot + (int)offsetof(struct bpf_pidns_info, pid));
	emit_load(e, 4, R8, R10, slot + (int)offsetof(struct bpf_pidns_info, tgid));
	emit_alu_imm(e, BPF_LSH, R8, 32);
	emit_alu(e, BPF_OR, R8, R1);
	e->stack = was;
}

/* One that was asked for by its number in a namespace becomes known by the kernel's. */
static void gen_by_group(struct gen *g, int label)
{
	struct emit *e = &g->e;
	int was = e->stack, key = emit_slot(e, 8), followed = emit_label(e);

	emit_mov(e, R0, R9);
	emit_alu_imm(e, BPF_RSH, R0, 32);
	emit_store(e, 4, R10, key, R0);
	gen_lookup(g, g->maps.follow, key);
	if (!g->tasks->pidns_ino) {
		emit_jmp_imm(e, BPF_JEQ, R0, 0, label);
	} else {
		int own = emit_slot(e, 8);

		emit_jmp_imm(e, BPF_JNE, R0, 0, followed);
		emit_mov(e, R0, R8);
		emit_alu_imm(e, BPF_RSH, R0, 32);
		emit_store(e, 4, R10, own, R0);
		gen_lookup(g, g->maps.follow_ns, own);
		emit_jmp_imm(e, BPF_JEQ, R0, 0, label);
		gen_follow(g, key);
	}
	emit_here(e, followed);
	e->stack = was;
}

static void gen_by_thread(struct gen *g, int label)
{
	struct emit *e = &g->e;
	int was = e->stack, key = emit_slot(e, 8);

	emit_store(e, 4, R10, key, R8);
	gen_lookup(g, g->maps.tids, key);
	emit_jmp_imm(e, BPF_JEQ, R0, 0, label);
	e->stack = was;
}

static void gen_by_comm(struct gen *g, int label)
{
	struct ir comm = { .op = IR_COMM };
	char name[17] = "";
	struct ir equal = { .op = IR_STREQ, .text = name, .a = &comm };

	__builtin_memcpy(name, g->tasks->comm, 16);
	gen_unless(g, &equal, label);
}

/* r0: what is at r0 + off. */
static void gen_follow_pointer(struct gen *g, uint32_t off)
{
	struct emit *e = &g->e;
	int was = e->stack, slot = emit_slot(e, 8);

	emit_mov(e, R3, R0);
	emit_alu_imm(e, BPF_ADD, R3, (int32_t)off);
	gen_read(g, R10, slot, 8, SPACE_KERNEL, false);
	emit_load(e, 8, R0, R10, slot);
	e->stack = was;
}

/* The task's group, or one above it. */
static void gen_by_cgroup(struct gen *g, int label)
{
	const struct gen_cgroup *c = g->cgroup;
	struct emit *e = &g->e;
	int was = e->stack, group = emit_slot(e, 8), in = emit_label(e);

	emit_call(e, BPF_FUNC_get_current_task);
	gen_follow_pointer(g, c->task_cgroups);
	gen_follow_pointer(g, c->set_cgroup);
	if (g->tasks->cgroup_subsys >= 0)
		gen_follow_pointer(g, c->css_cgroup);
	for (int i = 0; i < CGROUP_DEPTH; i++) {
		emit_jmp_imm(e, BPF_JEQ, R0, 0, label);
		emit_store(e, 8, R10, group, R0);
		gen_follow_pointer(g, c->cgroup_kn);
		gen_follow_pointer(g, c->kn_id);
		emit_num(e, R1, g->tasks->cgroup);
		emit_jmp_reg(e, BPF_JEQ, R0, R1, in);
		emit_load(e, 8, R0, R10, group);
		gen_follow_pointer(g, c->cgroup_self_parent);
		emit_jmp_imm(e, BPF_JEQ, R0, 0, label);
		gen_follow_pointer(g, c->css_cgroup);
	}
	emit_jmp(e, label);
	emit_here(e, in);
	e->stack = was;
}

void gen_tasks(struct gen *g, int label)
{
	const struct task_filter *t = g->tasks;
	struct emit *e = &g->e;
	int theirs = emit_label(e);

	if (!t) /* tests */
		return;
	gen_own_ids(g, t->by_tid || t->by_tgid ? label : theirs);
	emit_mov(e, R0, R8);
	emit_alu_imm(e, BPF_RSH, R0, 32);
	emit_jmp_imm(e, BPF_JEQ, R0, (int32_t)t->self_tgid, label);
	if (t->by_tgid)
		gen_by_group(g, label);
	if (t->by_tid)
		gen_by_thread(g, label);
	emit_here(e, theirs);
	if (t->by_comm)
		gen_by_comm(g, label);
	if (t->by_cgroup)
		gen_by_cgroup(g, label);
}

/* sched_process_fork(parent, child): the child of a followed process is followed; a number that is used again is not. */
int gen_fork(struct gen *g, uint32_t tgid_off)
{
	struct emit *e = &g->e;
	int out = emit_label(e), parent = emit_slot(e, 8), child = emit_slot(e, 8), key = emit_slot(e, 8), fine = emit_label(e);

	emit_mov(e, R6, R1);
	for (int i = 0; i < 2; i++) {
		emit_load(e, 8, R3, R6, 8 * i);
		emit_alu_imm(e, BPF_ADD, R3, (int32_t)tgid_off);
		gen_read(g, R10, i ? child : parent, 4, SPACE_KERNEL, false);
	}
	emit_load(e, 4, R1, R10, parent);
	emit_load(e, 4, R2, R10, child);
	emit_jmp_reg(e, BPF_JEQ, R1, R2, out); /* a thread */
	emit_call(e, BPF_FUNC_get_current_pid_tgid);
	emit_mov(e, R8, R0);
	emit_load(e, 4, R1, R10, child);
	emit_store(e, 4, R10, key, R1);
	gen_own_ids(g, out);
	gen_by_group(g, fine);
	gen_follow(g, key);
	emit_jmp(e, out);
	emit_here(e, fine);
	emit_map(e, R1, g->maps.follow);
	emit_mov(e, R2, R10);
	emit_alu_imm(e, BPF_ADD, R2, key);
	emit_call(e, BPF_FUNC_map_delete_elem);
	emit_here(e, out);
	emit_num(e, R0, 0);
	emit_exit(e);
	return emit_finish(e);
}
