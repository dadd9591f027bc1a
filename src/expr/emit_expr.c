/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Values and conditions. */
#include <errno.h>
#include <string.h>

#include "expr/gen.h"

bool mode_is_return(enum mode m)
{
	return m == MODE_FEXIT || m == MODE_KRETPROBE || m == MODE_MULTI_RETURN;
}

static bool is_fentry(enum mode m)
{
	return m == MODE_FENTRY || m == MODE_FEXIT;
}

void gen_read(struct gen *g, int dst, int off, unsigned int bytes, enum space space, bool string)
{
	int kernel = string ? BPF_FUNC_probe_read_kernel_str : BPF_FUNC_probe_read_kernel;
	int user = string ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_user;
	struct emit *e = &g->e;

	emit_mov(e, R1, dst);
	emit_alu_imm(e, BPF_ADD, R1, off);
	emit_num(e, R2, bytes);
	if (space == SPACE_AUTO) {
		int upper = emit_label(e), done = emit_label(e);

		emit_jmp_imm(e, BPF_JSLT, R3, 0, upper);
		emit_call(e, user);
		emit_jmp(e, done);
		emit_here(e, upper);
		emit_call(e, kernel);
		emit_here(e, done);
	} else {
		emit_call(e, space == SPACE_USER ? user : kernel);
	}
	if (g->collect)
		emit_alu(e, BPF_OR, R9, R0);
}

/* The address in r0, plus off, into r3. */
static void gen_address(struct gen *g, uint64_t off)
{
	struct emit *e = &g->e;

	emit_mov(e, R3, R0);
	if (!off)
		return;
	if ((int64_t)off == (int32_t)off) {
		emit_alu_imm(e, BPF_ADD, R3, (int32_t)off);
		return;
	}
	emit_num(e, R1, off);
	emit_alu(e, BPF_ADD, R3, R1);
}

static void gen_load(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;
	int was = e->stack, slot;

	gen_value(g, ir->a);
	gen_address(g, ir->number);
	slot = emit_slot(e, 8);
	gen_read(g, R10, slot, ir->size, ir->space, false);
	emit_load(e, ir->size, R0, R10, slot);
	if (ir->is_signed)
		emit_ext(e, R0, ir->size, true);
	e->stack = was;
}

/* ---- where a program finds arguments ---- */

static void gen_stack_argument(struct gen *g, unsigned int slot)
{
	unsigned int first = 0;
	struct emit *e = &g->e;
	int was = e->stack, at;

	while (regs_argument(first) >= 0)
		first++;
	emit_load(e, 8, R3, R6, regs_stack());
	emit_alu_imm(e, BPF_ADD, R3, (int32_t)(8 * (slot - first)) + (regs_argument(6) < 0 ? 8 : 0)); /* x86: above the return address */
	at = emit_slot(e, 8);
	gen_read(g, R10, at, 8, plan_is_user(g->p) ? SPACE_USER : SPACE_KERNEL, false);
	emit_load(e, 8, R0, R10, at);
	e->stack = was;
}

static unsigned int entry_index(const struct plan *p, unsigned int slot)
{
	return 1 + (unsigned int)__builtin_popcount(p->entry_slots & ((1U << slot) - 1));
}

static void gen_arg(struct gen *g, const struct ir *ir)
{
	unsigned int slot = (unsigned int)ir->number;
	struct emit *e = &g->e;

	if (slot == LIST_SLOT)
		emit_load(e, 8, R0, R10, g->elem_off);
	else if (is_fentry(g->mode) && ir->pointer)
		emit_load(e, 8, R0, R10, g->args_off + (int)(8 * (slot - g->args_first)));
	else if (is_fentry(g->mode) || g->mode == MODE_RAW)
		emit_load(e, 8, R0, R6, (int)(8 * slot));
	else if (mode_is_return(g->mode))
		emit_load(e, 8, R0, R10, g->entry_off + (int)(8 * entry_index(g->p, slot)));
	else if (regs_argument(slot) >= 0)
		emit_load(e, 8, R0, R6, regs_argument(slot));
	else
		gen_stack_argument(g, slot);
	emit_ext(e, R0, ir->size, ir->is_signed);
}

static void gen_ret(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;

	if (g->mode != MODE_FEXIT)
		emit_load(e, 8, R0, R6, regs_return());
	else if (ir->pointer)
		emit_load(e, 8, R0, R10, g->args_off + (int)(8 * (g->p->slots - g->args_first)));
	else
		emit_load(e, 8, R0, R6, (int)(8 * g->p->slots));
	emit_ext(e, R0, ir->size, ir->is_signed);
}

/* Of a kprobe without the helper (before 5.15): where it stands, before the breakpoint's byte. */
static void gen_func(struct gen *g)
{
	struct emit *e = &g->e;

	if (g->func_ip || g->mode == MODE_MULTI || g->mode == MODE_MULTI_RETURN) {
		emit_mov(e, R1, R6);
		emit_call(e, BPF_FUNC_get_func_ip);
		return;
	}
	if (mode_is_return(g->mode)) { /* there it is where all returns go */
		emit_num(e, R0, 0);
		return;
	}
	emit_load(e, 8, R0, R6, regs_ip());
#if defined(__x86_64__)
	emit_alu_imm(e, BPF_SUB, R0, 1);
#endif
}

/* Stack ids; where the table has no room it is counted, and the id is negative. */
static void gen_stack_id(struct gen *g, bool user)
{
	struct emit *e = &g->e;
	int fine = emit_label(e);

	emit_mov(e, R1, R6);
	emit_map(e, R2, g->maps.stacks);
	emit_num(e, R3, user ? BPF_F_USER_STACK : 0);
	emit_call(e, BPF_FUNC_get_stackid);
	emit_ext(e, R0, 4, true);
	emit_jmp_imm(e, BPF_JNE, R0, -17, fine); /* -EEXIST: another stack has the place; others: there is none */
	emit_map_value(e, R1, g->maps.state, (uint32_t)offsetof(struct probe_shared, lost[LOST_STACKS]));
	emit_num(e, R2, 1);
	emit_add64(e, R1, 0, R2);
	emit_here(e, fine);
}

static void gen_builtin(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;

	switch (ir->op) {
	case IR_IDS:
		emit_mov(e, R0, R8);
		if (ir->number)
			emit_alu_imm(e, BPF_RSH, R0, 32);
		else
			emit_mov32(e, R0, R0);
		break;
	case IR_UID: case IR_GID:
		emit_call(e, BPF_FUNC_get_current_uid_gid);
		if (ir->op == IR_GID)
			emit_alu_imm(e, BPF_RSH, R0, 32);
		else
			emit_mov32(e, R0, R0);
		break;
	case IR_CPU: emit_call(e, BPF_FUNC_get_smp_processor_id); emit_mov32(e, R0, R0); break;
	case IR_CGROUP: emit_call(e, BPF_FUNC_get_current_cgroup_id); break;
	case IR_NS: emit_call(e, BPF_FUNC_ktime_get_ns); break;
	case IR_TASK: emit_call(e, BPF_FUNC_get_current_task); break;
	case IR_FUNC: gen_func(g); break;
	case IR_KSTACK: case IR_USTACK: gen_stack_id(g, ir->op == IR_USTACK); break;
	default: /* IR_LAT */
		emit_call(e, BPF_FUNC_ktime_get_ns);
		emit_load(e, 8, R1, R10, g->entry_off);
		emit_alu(e, BPF_SUB, R0, R1);
	}
}

/* ---- arithmetic ---- */

static int alu_code(const struct ir *ir)
{
	switch (ir->op) {
	case IR_MUL: return BPF_MUL;
	case IR_DIV: return BPF_DIV;
	case IR_MOD: return BPF_MOD;
	case IR_ADD: return BPF_ADD;
	case IR_SUB: return BPF_SUB;
	case IR_SHL: return BPF_LSH;
	case IR_SHR: return ir->is_signed ? BPF_ARSH : BPF_RSH;
	case IR_BAND: return BPF_AND;
	case IR_XOR: return BPF_XOR;
	default: return BPF_OR;
	}
}

/* a into r0, b into r1. */
static void gen_both(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;
	int was = e->stack, slot;

	if (ir->b->op == IR_NUM) {
		gen_value(g, ir->a);
		emit_num(e, R1, ir->b->number);
		return;
	}
	gen_value(g, ir->b);
	slot = emit_slot(e, 8);
	emit_store(e, 8, R10, slot, R0);
	gen_value(g, ir->a);
	emit_load(e, 8, R1, R10, slot);
	e->stack = was;
}

/* r0 becomes |r0|. */
static void gen_abs(struct gen *g, int reg)
{
	int fine = emit_label(&g->e);

	emit_jmp_imm(&g->e, BPF_JSGE, reg, 0, fine);
	emit_alu_imm(&g->e, BPF_NEG, reg, 0);
	emit_here(&g->e, fine);
}

/* BPF divides without sign: by the amounts, then the sign of C's / or %. By 0 it gives 0 (%: the dividend). */
static void gen_divide(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;
	int fine = emit_label(e);

	gen_both(g, ir);
	if (!ir->is_signed) {
		emit_alu(e, alu_code(ir), R0, R1);
		return;
	}
	emit_mov(e, R2, R0);
	if (ir->op == IR_DIV)
		emit_alu(e, BPF_XOR, R2, R1);
	gen_abs(g, R0);
	gen_abs(g, R1);
	emit_alu(e, alu_code(ir), R0, R1);
	emit_jmp_imm(e, BPF_JSGE, R2, 0, fine);
	emit_alu_imm(e, BPF_NEG, R0, 0);
	emit_here(e, fine);
}

static void gen_binary(struct gen *g, const struct ir *ir)
{
	const struct ir *b = ir->b;
	struct emit *e = &g->e;
	bool shift = ir->op == IR_SHL || ir->op == IR_SHR;

	if (b->op == IR_NUM && (shift ? b->number < 64 : (int64_t)b->number == (int32_t)b->number)) {
		gen_value(g, ir->a);
		if (b->number || (ir->op != IR_ADD && ir->op != IR_SUB))
			emit_alu_imm(e, alu_code(ir), R0, (int32_t)b->number);
		return;
	}
	gen_both(g, ir);
	if (shift)
		emit_alu_imm(e, BPF_AND, R1, 63); /* what machines do */
	emit_alu(e, alu_code(ir), R0, R1);
}

static void gen_bits(struct gen *g, const struct ir *ir)
{
	int up = 64 - (int)ir->number - ir->bits;

	gen_value(g, ir->a);
	if (up > 0)
		emit_alu_imm(&g->e, BPF_LSH, R0, up);
	if (64 - ir->bits > 0)
		emit_alu_imm(&g->e, ir->is_signed ? BPF_ARSH : BPF_RSH, R0, 64 - ir->bits);
}

/* ---- conditions ---- */

/* The jump that is taken when the comparison does not hold. */
static int unless_code(const struct ir *ir)
{
	bool s = ir->is_signed;

	switch (ir->op) {
	case IR_LT: return s ? BPF_JSGE : BPF_JGE;
	case IR_LE: return s ? BPF_JSGT : BPF_JGT;
	case IR_GT: return s ? BPF_JSLE : BPF_JLE;
	case IR_GE: return s ? BPF_JSLT : BPF_JLT;
	case IR_EQ: return BPF_JNE;
	default: return BPF_JEQ;
	}
}

static void gen_unless_compare(struct gen *g, const struct ir *ir, int label)
{
	if (ir->b->op == IR_NUM && (int64_t)ir->b->number == (int32_t)ir->b->number) {
		gen_value(g, ir->a);
		emit_jmp_imm(&g->e, unless_code(ir), R0, (int32_t)ir->b->number, label);
		return;
	}
	gen_both(g, ir);
	emit_jmp_reg(&g->e, unless_code(ir), R0, R1, label);
}

/* The string into a new slot of so many bytes; jumps to label when it cannot be read. */
static int gen_string(struct gen *g, const struct ir *ir, unsigned int bytes, int label)
{
	struct emit *e = &g->e;
	int slot;

	if (ir->a->op == IR_COMM) {
		slot = emit_slot(e, bytes < 16 ? 16 : bytes);
		emit_mov(e, R1, R10);
		emit_alu_imm(e, BPF_ADD, R1, slot);
		emit_num(e, R2, 16);
		emit_call(e, BPF_FUNC_get_current_comm);
		if (bytes > 16)
			emit_zero(e, slot + 16, bytes - 16);
		return slot;
	}
	gen_value(g, ir->a);
	emit_mov(e, R3, R0);
	slot = emit_slot(e, bytes);
	gen_read(g, R10, slot, bytes, ir->space, true);
	emit_jmp_imm(e, BPF_JSLT, R0, 0, label);
	return slot;
}

/* Jumps when the n bytes at slot are not those of text. */
static void gen_unless_bytes(struct gen *g, int slot, const char *text, unsigned int n, int label)
{
	struct emit *e = &g->e;

	for (unsigned int i = 0; i < n; i += 8) {
		unsigned int k = n - i < 8 ? n - i : 8;
		uint64_t want = 0;

		memcpy(&want, text + i, k);
		emit_load(e, 8, R0, R10, slot + (int)i);
		if (k < 8) { /* what stands behind it does not count */
			emit_alu_imm(e, BPF_LSH, R0, (int32_t)(64 - 8 * k));
			want <<= 64 - 8 * k;
		}
		emit_num(e, R1, want);
		emit_jmp_reg(e, BPF_JNE, R0, R1, label);
	}
}

static void gen_unless_streq(struct gen *g, const struct ir *ir, int label)
{
	unsigned int n = (unsigned int)strlen(ir->text) + 1;
	int was = g->e.stack, slot = gen_string(g, ir, (n + 1 + 7) / 8 * 8, label);

	gen_unless_bytes(g, slot, ir->text, n, label);
	g->e.stack = was;
}

static void gen_unless_byteseq(struct gen *g, const struct ir *ir, int label)
{
	unsigned int n = (unsigned int)ir->number;
	struct emit *e = &g->e;
	int was = e->stack, slot;

	gen_value(g, ir->a);
	emit_mov(e, R3, R0);
	slot = emit_slot(e, n);
	gen_read(g, R10, slot, n, ir->space, false);
	emit_jmp_imm(e, BPF_JSLT, R0, 0, label);
	gen_unless_bytes(g, slot, ir->text, n, label);
	e->stack = was;
}

/* Bit i of r2: the pattern's first i elements have matched what was read. A star keeps its bit. */
static void gen_unless_glob(struct gen *g, const struct ir *ir, int label)
{
	uint64_t words[GLOB_WORDS];
	struct emit *e = &g->e;
	int was = e->stack, slot, loop = emit_label(e), end = emit_label(e);

	if (glob_compile(ir->text, words))
		e->err = e->err ? e->err : -E2BIG;
	slot = gen_string(g, ir, ir->a->op == IR_COMM ? 16 : GLOB_TEXT, label);
	emit_mov(e, R1, R10);
	emit_alu_imm(e, BPF_ADD, R1, slot);
	emit_num(e, R2, 1);
	emit_num(e, R3, words[256]);
	emit_num(e, R0, 0);
	emit_here(e, loop);
	emit_load(e, 1, R4, R1, 0);
	emit_jmp_imm(e, BPF_JEQ, R4, 0, end);
	emit_alu_imm(e, BPF_LSH, R4, 3);
	emit_map_value(e, R5, g->maps.globs, (uint32_t)(ir->number * 256 * 8));
	emit_alu(e, BPF_ADD, R5, R4);
	emit_load(e, 8, R5, R5, 0);
	emit_alu(e, BPF_AND, R5, R2);
	emit_alu_imm(e, BPF_LSH, R5, 1);
	emit_alu(e, BPF_AND, R2, R3);
	emit_alu(e, BPF_OR, R2, R5);
	emit_alu_imm(e, BPF_ADD, R1, 1);
	emit_alu_imm(e, BPF_ADD, R0, 1);
	emit_jmp_imm(e, BPF_JLT, R0, ir->a->op == IR_COMM ? 15 : GLOB_TEXT - 1, loop);
	emit_here(e, end);
	emit_alu_imm(e, BPF_RSH, R2, (int32_t)words[257]);
	emit_alu_imm(e, BPF_AND, R2, 1);
	emit_jmp_imm(e, BPF_JEQ, R2, 0, label);
	e->stack = was;
}

int glob_compile(const char *pattern, uint64_t words[GLOB_WORDS])
{
	const unsigned char *p = (const unsigned char *)pattern;
	unsigned int n = 0;

	memset(words, 0, GLOB_WORDS * sizeof(*words));
	for (; *p; p++) {
		if (*p == '*') {
			words[256] |= 1ULL << n;
			continue;
		}
		if (n >= 62)
			return -E2BIG;
		if (*p == '[' && p[1] && strchr((const char *)p + 2, ']')) {
			bool not = p[1] == '!' || p[1] == '^';
			const unsigned char *first = p + 1 + not, *s = first;

			for (; *s && (*s != ']' || s == first); s++) {
				unsigned int to = s[1] == '-' && s[2] && s[2] != ']' ? s[2] : *s;

				for (unsigned int c = *s; c <= to; c++)
					words[c] |= 1ULL << n;
				s += to != *s ? 2 : 0;
			}
			for (unsigned int c = 1; not && c < 256; c++)
				words[c] ^= 1ULL << n;
			p = s;
		} else if (*p == '?') {
			for (unsigned int c = 1; c < 256; c++)
				words[c] |= 1ULL << n;
		} else {
			p += *p == '\\' && p[1];
			words[*p] |= 1ULL << n;
		}
		n++;
	}
	words[257] = n;
	return 0;
}

void gen_unless(struct gen *g, const struct ir *ir, int label)
{
	struct emit *e = &g->e;
	int other;

	switch (ir->op) {
	case IR_LT: case IR_LE: case IR_GT: case IR_GE: case IR_EQ: case IR_NE: gen_unless_compare(g, ir, label); break;
	case IR_AND:
		gen_unless(g, ir->a, label);
		gen_unless(g, ir->b, label);
		break;
	case IR_OR: { /* a false: b decides */
		int yes = emit_label(e);

		other = emit_label(e);
		gen_unless(g, ir->a, other);
		emit_jmp(e, yes);
		emit_here(e, other);
		gen_unless(g, ir->b, label);
		emit_here(e, yes);
		break;
	}
	case IR_NOT:
		other = emit_label(e);
		gen_unless(g, ir->a, other);
		emit_jmp(e, label);
		emit_here(e, other);
		break;
	case IR_STREQ: gen_unless_streq(g, ir, label); break;
	case IR_GLOB: gen_unless_glob(g, ir, label); break;
	case IR_BYTESEQ: gen_unless_byteseq(g, ir, label); break;
	default:
		gen_value(g, ir);
		emit_jmp_imm(e, BPF_JEQ, R0, 0, label);
	}
}

static void gen_truth(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;
	int no = emit_label(e), done = emit_label(e);

	gen_unless(g, ir, no);
	emit_num(e, R0, 1);
	emit_jmp(e, done);
	emit_here(e, no);
	emit_num(e, R0, 0);
	emit_here(e, done);
}

static void gen_cond(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;
	int no = emit_label(e), done = emit_label(e);

	gen_unless(g, ir->a, no);
	gen_value(g, ir->b);
	emit_jmp(e, done);
	emit_here(e, no);
	gen_value(g, ir->c);
	emit_here(e, done);
}

void gen_value(struct gen *g, const struct ir *ir)
{
	struct emit *e = &g->e;

	switch (ir->op) {
	case IR_NUM: emit_num(e, R0, ir->number); break;
	case IR_CTX:
		emit_load(e, ir->size, R0, R6, (int)ir->number);
		if (ir->is_signed)
			emit_ext(e, R0, ir->size, true);
		break;
	case IR_CTX_AT:
		emit_mov(e, R0, R6);
		if (ir->number)
			emit_alu_imm(e, BPF_ADD, R0, (int32_t)ir->number);
		break;
	case IR_ARG: gen_arg(g, ir); break;
	case IR_RET: gen_ret(g, ir); break;
	case IR_REG:
		emit_load(e, 8, R0, R6, (int)ir->number);
		emit_ext(e, R0, ir->size, false);
		break;
	case IR_LOAD: gen_load(g, ir); break;
	case IR_EXT:
		gen_value(g, ir->a);
		emit_ext(e, R0, ir->size, ir->is_signed);
		break;
	case IR_BITS: gen_bits(g, ir); break;
	case IR_SWAP:
		gen_value(g, ir->a);
		emit_swap(e, R0, ir->size);
		break;
	case IR_NEG:
		gen_value(g, ir->a);
		emit_alu_imm(e, BPF_NEG, R0, 0);
		break;
	case IR_INV:
		gen_value(g, ir->a);
		emit_alu_imm(e, BPF_XOR, R0, -1);
		break;
	case IR_DIV: case IR_MOD: gen_divide(g, ir); break;
	case IR_MUL: case IR_ADD: case IR_SUB: case IR_SHL: case IR_SHR: case IR_BAND: case IR_XOR: case IR_BOR: gen_binary(g, ir); break;
	case IR_COND: gen_cond(g, ir); break;
	case IR_NOT: case IR_LT: case IR_LE: case IR_GT: case IR_GE: case IR_EQ: case IR_NE: case IR_AND: case IR_OR:
	case IR_STREQ: case IR_GLOB: case IR_BYTESEQ: gen_truth(g, ir); break;
	default: gen_builtin(g, ir);
	}
}
