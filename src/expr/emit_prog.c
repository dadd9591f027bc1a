/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Whole programs: what comes first, the record, what an entry keeps for its return. */
#include <errno.h>
#include <string.h>

#include "expr/gen.h"

#define ROUND8(n) (((n) + 7) / 8 * 8)

static unsigned int layout(outs_t *outs, unsigned int at, bool key)
{
	for (size_t i = 0; i < outs->n; i++) {
		struct out *o = &outs->v[i];

		if (key && o->kind == OUT_STRING && o->size > 2 + STRING_KEY)
			o->size = 2 + STRING_KEY;
		o->off = at;
		at += ROUND8(o->size);
	}
	return at;
}

void plan_layout(struct plan *p)
{
	layout(&p->outs, sizeof(struct hit_head), false);
	layout(&p->keys, sizeof(uint64_t), true);
}

static unsigned int outs_end(const outs_t *outs, unsigned int at)
{
	return outs->n ? outs->v[outs->n - 1].off + ROUND8(outs->v[outs->n - 1].size) : at;
}

unsigned int plan_record_size(const struct plan *p)
{
	return outs_end(&p->outs, sizeof(struct hit_head));
}

/* Without keys a row of an array, by the epoch. */
unsigned int plan_key_size(const struct plan *p, bool epochs)
{
	return p->keys.n ? outs_end(&p->keys, sizeof(uint64_t)) : sizeof(uint32_t);
}

unsigned int plan_buckets(const struct plan *p)
{
	const struct agg *a = &p->ast->agg;

	if (a->fn == AGG_HIST)
		return AGG_LOG_BUCKETS;
	return a->fn == AGG_LINEAR ? (unsigned int)((a->high - a->low + a->step - 1) / a->step) + 2 : 0;
}

unsigned int plan_agg_size(const struct plan *p)
{
	return (unsigned int)sizeof(struct agg_value) + 8 * plan_buckets(p);
}

unsigned int plan_entry_size(const struct plan *p)
{
	return 8 * (1 + (unsigned int)__builtin_popcount(p->entry_slots));
}

/* ---- what comes first ---- */

/* Before fentry's and fexit's own view of pointers gets in the way, those that are used are copied as numbers: 5.10 refuses
 * to load some, and arithmetic on all. */
static void gen_copy_arguments(struct gen *g)
{
	uint32_t used = 0;
	struct emit *e = &g->e;
	unsigned int last;

	if (g->mode != MODE_FENTRY && g->mode != MODE_FEXIT)
		return;
	used = g->p->pointer_slots;
	if (g->mode == MODE_FENTRY && plan_is_return(g->p))
		used &= g->p->entry_slots;
	if (g->mode == MODE_FEXIT && g->p->pointer_ret)
		used |= 1U << g->p->slots;
	if (!used)
		return;
	g->args_first = (unsigned int)__builtin_ctz(used);
	last = 31 - (unsigned int)__builtin_clz(used);
	g->args_off = emit_slot(e, 8 * (last - g->args_first + 1));
	emit_mov(e, R3, R6);
	emit_alu_imm(e, BPF_ADD, R3, (int32_t)(8 * g->args_first));
	gen_read(g, R10, g->args_off, 8 * (last - g->args_first + 1), SPACE_KERNEL, false);
}

/* r6, r8; nothing counts before all is attached; nor what is not asked for. */
static void gen_begin(struct gen *g, int out)
{
	struct emit *e = &g->e;

	emit_mov(e, R6, R1);
	emit_map_value(e, R1, g->maps.state, 0);
	emit_load(e, 4, R1, R1, 0);
	emit_jmp_imm(e, BPF_JEQ, R1, 0, out);
	emit_call(e, BPF_FUNC_get_current_pid_tgid);
	emit_mov(e, R8, R0);
	gen_tasks(g, out);
}

void gen_lost(struct gen *g, unsigned int which)
{
	struct emit *e = &g->e;

	emit_map_value(e, R1, g->maps.state, (uint32_t)(offsetof(struct probe_shared, lost) + 8 * which));
	emit_num(e, R2, 1);
	emit_add64(e, R1, 0, R2);
}

static void gen_end(struct gen *g, int out)
{
	emit_here(&g->e, out);
	emit_num(&g->e, R0, 0);
	emit_exit(&g->e);
}

/* ---- from an entry to its return ---- */

/* A call's key: its thread, and where it stands on the stack, so that a recursion keeps its own. fentry and fexit of one call
 * are called with the same context by the same trampoline; at a return the return address has been taken off the stack.
 * kprobe.multi does not always tell the stack: there the function. */
static int gen_call_key(struct gen *g)
{
	struct emit *e = &g->e;
	int slot = emit_slot(e, 8);

	if (g->mode == MODE_FENTRY || g->mode == MODE_FEXIT) {
		emit_mov32(e, R0, R6);
	} else if (g->mode == MODE_MULTI || g->mode == MODE_MULTI_RETURN) {
		emit_mov(e, R1, R6);
		emit_call(e, BPF_FUNC_get_func_ip);
		emit_mov32(e, R0, R0);
	} else {
		emit_load(e, 8, R0, R6, regs_stack());
#if defined(__x86_64__)
		if (g->mode == MODE_KPROBE)
			emit_alu_imm(e, BPF_ADD, R0, 8);
#endif
		emit_mov32(e, R0, R0);
	}
	emit_mov(e, R1, R8);
	emit_alu_imm(e, BPF_LSH, R1, 32);
	emit_alu(e, BPF_OR, R0, R1);
	emit_store(e, 8, R10, slot, R0);
	return slot;
}

static bool wants_entry(const struct plan *p, enum mode m)
{
	return mode_is_return(m) && (p->needs_lat || (p->entry_slots && m != MODE_FEXIT));
}

/* What the entry kept, onto the stack. */
static void gen_take_entry(struct gen *g, int out)
{
	unsigned int size = plan_entry_size(g->p);
	struct emit *e = &g->e;
	int key, found;

	if (!wants_entry(g->p, g->mode))
		return;
	found = emit_label(e);
	g->entry_off = emit_slot(e, size);
	key = gen_call_key(g);
	emit_map(e, R1, g->maps.entry);
	emit_mov(e, R2, R10);
	emit_alu_imm(e, BPF_ADD, R2, key);
	emit_call(e, BPF_FUNC_map_lookup_elem);
	emit_jmp_imm(e, BPF_JNE, R0, 0, found);
	gen_lost(g, LOST_RETURNS);
	emit_jmp(e, out);
	emit_here(e, found);
	for (unsigned int i = 0; i < size; i += 8) {
		emit_load(e, 8, R1, R0, (int)i);
		emit_store(e, 8, R10, g->entry_off + (int)i, R1);
	}
	emit_map(e, R1, g->maps.entry);
	emit_mov(e, R2, R10);
	emit_alu_imm(e, BPF_ADD, R2, key);
	emit_call(e, BPF_FUNC_map_delete_elem);
}

int gen_entry(struct gen *g)
{
	struct emit *e = &g->e;
	int out = emit_label(e), value, key;
	unsigned int at = 8;

	gen_begin(g, out);
	gen_copy_arguments(g);
	value = emit_slot(e, plan_entry_size(g->p));
	for (unsigned int slot = 0; slot < PLAN_SLOTS; slot++) {
		struct ir arg = { .op = IR_ARG, .size = 8, .number = slot, .pointer = g->p->pointer_slots >> slot & 1 };

		if (!(g->p->entry_slots >> slot & 1))
			continue;
		gen_value(g, &arg);
		emit_store(e, 8, R10, value + (int)at, R0);
		at += 8;
	}
	emit_call(e, BPF_FUNC_ktime_get_ns);
	emit_store(e, 8, R10, value, R0);
	key = gen_call_key(g);
	emit_map(e, R1, g->maps.entry);
	emit_mov(e, R2, R10);
	emit_alu_imm(e, BPF_ADD, R2, key);
	emit_mov(e, R3, R10);
	emit_alu_imm(e, BPF_ADD, R3, value);
	emit_num(e, R4, BPF_ANY);
	emit_call(e, BPF_FUNC_map_update_elem);
	emit_jmp_imm(e, BPF_JEQ, R0, 0, out);
	gen_lost(g, LOST_ENTRIES);
	gen_end(g, out);
	return emit_finish(e);
}

/* ---- the record ---- */

static void gen_stack(struct gen *g, const struct out *o)
{
	struct emit *e = &g->e;

	emit_mov(e, R1, R6);
	emit_mov(e, R2, R7);
	emit_alu_imm(e, BPF_ADD, R2, (int32_t)(o->off + STACK_HEAD));
	emit_num(e, R3, STACK_DEPTH * 8);
	emit_num(e, R4, o->user_stack ? BPF_F_USER_STACK : 0);
	emit_call(e, BPF_FUNC_get_stack);
	emit_store(e, 8, R7, (int)o->off, R0);
}

void gen_out(struct gen *g, const struct out *o, int base, int at)
{
	struct emit *e = &g->e;

	switch (o->kind) {
	case OUT_NUMBER:
		gen_value(g, o->ir);
		emit_store(e, 8, base, at, R0);
		break;
	case OUT_STRING:
		gen_value(g, o->ir);
		emit_mov(e, R3, R0);
		gen_read(g, base, at + 2, o->size - 2, o->space, true);
		emit_store(e, 2, base, at, R0);
		break;
	case OUT_BYTES:
		gen_value(g, o->ir);
		emit_mov(e, R3, R0);
		gen_read(g, base, at, o->size, o->space, false);
		break;
	case OUT_COMM:
		emit_mov(e, R1, base);
		emit_alu_imm(e, BPF_ADD, R1, at);
		emit_num(e, R2, 16);
		emit_call(e, BPF_FUNC_get_current_comm);
		break;
	case OUT_STACK: gen_stack(g, o); break;
	case OUT_PATH: gen_path(g, o); break;
	case OUT_LIST: gen_list(g, o); break;
	}
}

/* A field that could not be read is marked: 0 would look like a value. */
static void gen_fault(struct gen *g, unsigned int i)
{
	const int at = offsetof(struct hit_head, faults);
	struct emit *e = &g->e;
	int fine = emit_label(e);

	emit_jmp_imm(e, BPF_JSGE, R9, 0, fine);
	emit_load(e, 8, R1, R7, at);
	emit_num(e, R2, 1ULL << i);
	emit_alu(e, BPF_OR, R1, R2);
	emit_store(e, 8, R7, at, R1);
	emit_here(e, fine);
}

static bool reads_memory(const struct ir *ir)
{
	if (!ir)
		return false;
	return ir->op == IR_LOAD || reads_memory(ir->a) || reads_memory(ir->b) || reads_memory(ir->c);
}

void gen_outs(struct gen *g)
{
	struct emit *e = &g->e;

	for (size_t i = 0; i < g->p->outs.n; i++) {
		const struct out *o = &g->p->outs.v[i];
		bool reads = o->kind == OUT_BYTES || (o->kind == OUT_NUMBER && reads_memory(o->ir));

		g->collect = reads && i < 64;
		if (g->collect)
			emit_num(e, R9, 0);
		gen_out(g, o, R7, (int)o->off);
		if (g->collect)
			gen_fault(g, (unsigned int)i);
		g->collect = false;
	}
}

static void gen_head(struct gen *g)
{
	struct emit *e = &g->e;

	emit_store_imm(e, 4, R7, offsetof(struct hit_head, plan), (int32_t)g->p->index);
	emit_store(e, 8, R7, offsetof(struct hit_head, ids), R8);
	emit_store_imm(e, 8, R7, offsetof(struct hit_head, faults), 0);
	emit_call(e, BPF_FUNC_get_smp_processor_id);
	emit_store(e, 4, R7, offsetof(struct hit_head, cpu), R0);
	emit_call(e, BPF_FUNC_ktime_get_ns);
	emit_store(e, 8, R7, offsetof(struct hit_head, t), R0);
	emit_mov(e, R1, R7);
	emit_alu_imm(e, BPF_ADD, R1, offsetof(struct hit_head, comm));
	emit_num(e, R2, 16);
	emit_call(e, BPF_FUNC_get_current_comm);
}

/* The reader polls; it is woken when the ring fills. */
static void gen_submit(struct gen *g)
{
	struct emit *e = &g->e;
	int quiet = emit_label(e);

	emit_map(e, R1, g->maps.ring);
	emit_num(e, R2, BPF_RB_AVAIL_DATA);
	emit_call(e, BPF_FUNC_ringbuf_query);
	emit_num(e, R2, BPF_RB_NO_WAKEUP);
	emit_jmp_imm(e, BPF_JLT, R0, (int32_t)g->ring_wake, quiet);
	emit_num(e, R2, BPF_RB_FORCE_WAKEUP);
	emit_here(e, quiet);
	emit_mov(e, R1, R7);
	emit_call(e, BPF_FUNC_ringbuf_submit);
}

static void gen_record(struct gen *g, int out)
{
	struct emit *e = &g->e;
	int full = emit_label(e);

	emit_map(e, R1, g->maps.ring);
	emit_num(e, R2, plan_record_size(g->p));
	emit_num(e, R3, 0);
	emit_call(e, BPF_FUNC_ringbuf_reserve);
	emit_jmp_imm(e, BPF_JEQ, R0, 0, full);
	emit_mov(e, R7, R0);
	gen_head(g);
	gen_outs(g);
	gen_submit(g);
	emit_jmp(e, out);
	emit_here(e, full);
	gen_lost(g, LOST_RING);
}

int gen_main(struct gen *g)
{
	struct emit *e = &g->e;
	int out = emit_label(e);

	gen_begin(g, out);
	gen_copy_arguments(g);
	gen_take_entry(g, out);
	if (g->p->filter)
		gen_unless(g, g->p->filter, out);
	if (g->p->ast->agg.fn != AGG_NONE)
		gen_aggregate(g, out);
	else
		gen_record(g, out);
	gen_end(g, out);
	return emit_finish(e);
}
