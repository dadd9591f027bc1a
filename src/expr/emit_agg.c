/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Aggregations: a value for each key on each CPU, added up by whoever reads. */
#include <stddef.h>

#include "expr/gen.h"

/* Parts of a key as parts of a record, but on the stack. */
static int gen_key(struct gen *g)
{
	unsigned int size = plan_key_size(g->p, g->epochs);
	struct emit *e = &g->e;
	int slot = emit_slot(e, size);

	emit_zero(e, slot, size); /* what pads counts */
	if (g->epochs) {
		emit_map_value(e, R1, g->maps.state, offsetof(struct probe_shared, epoch));
		emit_load(e, 4, R1, R1, 0);
		emit_store(e, 4, R10, slot, R1);
	}
	for (size_t i = 0; i < g->p->keys.n; i++)
		gen_out(g, &g->p->keys.v[i], R10, slot + (int)g->p->keys.v[i].off);
	return slot;
}

static void gen_map_call(struct gen *g, int key, int helper)
{
	struct emit *e = &g->e;

	emit_map(e, R1, g->maps.agg);
	emit_mov(e, R2, R10);
	emit_alu_imm(e, BPF_ADD, R2, key);
	if (helper == BPF_FUNC_map_update_elem) {
		emit_map_value(e, R3, g->maps.zero, 0);
		emit_num(e, R4, BPF_NOEXIST);
	}
	emit_call(e, helper);
}

/* r7: the key's value, made when it is the first time. */
static void gen_row(struct gen *g, int key, int out)
{
	struct emit *e = &g->e;
	int found = emit_label(e);

	gen_map_call(g, key, BPF_FUNC_map_lookup_elem);
	emit_jmp_imm(e, BPF_JNE, R0, 0, found);
	if (g->p->keys.n) {
		gen_map_call(g, key, BPF_FUNC_map_update_elem);
		gen_map_call(g, key, BPF_FUNC_map_lookup_elem);
		emit_jmp_imm(e, BPF_JNE, R0, 0, found);
		gen_lost(g, LOST_ROWS);
	}
	emit_jmp(e, out);
	emit_here(e, found);
	emit_mov(e, R7, R0);
}

/* r0: bucket of the signed number in r9: 64 for 0, 65 + log2 above it, 63 - log2 below. */
static void gen_log2(struct gen *g)
{
	struct emit *e = &g->e;
	int done = emit_label(e), amount = emit_label(e);

	emit_num(e, R0, 64);
	emit_jmp_imm(e, BPF_JEQ, R9, 0, done);
	emit_mov(e, R1, R9);
	emit_jmp_imm(e, BPF_JSGT, R1, 0, amount);
	emit_alu_imm(e, BPF_NEG, R1, 0);
	emit_here(e, amount);
	for (int bits = 32; bits; bits /= 2) {
		int small = emit_label(e);

		emit_mov(e, R3, R1);
		emit_alu_imm(e, BPF_RSH, R3, bits);
		emit_jmp_imm(e, BPF_JEQ, R3, 0, small);
		emit_mov(e, R1, R3);
		emit_alu_imm(e, BPF_ADD, R0, bits);
		emit_here(e, small);
	}
	emit_alu_imm(e, BPF_ADD, R0, 1);
	emit_jmp_imm(e, BPF_JSGT, R9, 0, done);
	emit_num(e, R1, 128);
	emit_alu(e, BPF_SUB, R1, R0);
	emit_mov(e, R0, R1);
	emit_here(e, done);
}

/* r0: 0 below, then one to each step, the last for what is above. */
static void gen_linear(struct gen *g, unsigned int n)
{
	const struct agg *a = &g->p->ast->agg;
	struct emit *e = &g->e;
	int done = emit_label(e), above = emit_label(e);

	emit_num(e, R0, 0);
	emit_num(e, R1, a->low);
	emit_jmp_reg(e, BPF_JSLT, R9, R1, done);
	emit_num(e, R0, n - 1);
	emit_num(e, R2, a->high);
	emit_jmp_reg(e, BPF_JSGE, R9, R2, above);
	emit_mov(e, R0, R9);
	emit_alu(e, BPF_SUB, R0, R1);
	emit_num(e, R1, a->step);
	emit_alu(e, BPF_DIV, R0, R1);
	emit_alu_imm(e, BPF_ADD, R0, 1);
	emit_here(e, above);
	emit_here(e, done);
}

static void gen_bucket(struct gen *g, int out)
{
	unsigned int n = plan_buckets(g->p);
	struct emit *e = &g->e;

	if (!n)
		return;
	if (g->p->ast->agg.fn == AGG_HIST)
		gen_log2(g);
	else
		gen_linear(g, n);
	emit_jmp_imm(e, BPF_JGT, R0, (int32_t)n - 1, out); /* for the verifier */
	emit_alu_imm(e, BPF_LSH, R0, 3);
	emit_alu(e, BPF_ADD, R7, R0);
	emit_load(e, 8, R1, R7, sizeof(struct agg_value));
	emit_alu_imm(e, BPF_ADD, R1, 1);
	emit_store(e, 8, R7, sizeof(struct agg_value), R1);
}

/* r9 is the value, r1 how often there was one before: the first is the least and the greatest. */
static void gen_add(struct gen *g)
{
	const int min = offsetof(struct agg_value, min), max = offsetof(struct agg_value, max);
	struct emit *e = &g->e;
	int first = emit_label(e), fine = emit_label(e), done = emit_label(e);

	emit_jmp_imm(e, BPF_JEQ, R1, 0, first);
	emit_load(e, 8, R1, R7, min);
	emit_jmp_reg(e, BPF_JSGE, R9, R1, fine);
	emit_store(e, 8, R7, min, R9);
	emit_here(e, fine);
	emit_load(e, 8, R1, R7, max);
	emit_jmp_reg(e, BPF_JSLE, R9, R1, done);
	emit_store(e, 8, R7, max, R9);
	emit_jmp(e, done);
	emit_here(e, first);
	emit_store(e, 8, R7, min, R9);
	emit_store(e, 8, R7, max, R9);
	emit_here(e, done);
	emit_load(e, 8, R1, R7, offsetof(struct agg_value, sum));
	emit_alu(e, BPF_ADD, R1, R9);
	emit_store(e, 8, R7, offsetof(struct agg_value, sum), R1);
}

void gen_aggregate(struct gen *g, int out)
{
	struct emit *e = &g->e;
	int key;

	if (g->p->value) {
		gen_value(g, g->p->value);
		emit_mov(e, R9, R0);
	}
	key = gen_key(g);
	gen_row(g, key, out);
	emit_load(e, 8, R1, R7, offsetof(struct agg_value, count));
	emit_mov(e, R2, R1);
	emit_alu_imm(e, BPF_ADD, R2, 1);
	emit_store(e, 8, R7, offsetof(struct agg_value, count), R2);
	if (!g->p->value)
		return;
	gen_add(g);
	gen_bucket(g, out);
}
