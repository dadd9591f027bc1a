/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>

#include "expr/emit.h"

void emit_free(struct emit *e)
{
	vec_free(&e->insn);
	vec_free(&e->label);
	vec_free(&e->jump);
}

void emit_raw(struct emit *e, uint8_t code, int dst, int src, int off, int32_t imm)
{
	struct bpf_insn i = { .code = code, .dst_reg = (uint8_t)(dst & 15), .src_reg = (uint8_t)(src & 15), .off = (int16_t)off, .imm = imm };

	if (!e->err && off != (int16_t)off)
		e->err = -E2BIG;
	if (!e->err && vec_push(&e->insn, i))
		e->err = -ENOMEM;
}

void emit_mov(struct emit *e, int dst, int src)
{
	if (dst != src)
		emit_raw(e, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void emit_mov32(struct emit *e, int dst, int src)
{
	emit_raw(e, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void emit_num(struct emit *e, int dst, uint64_t v)
{
	if ((int64_t)v == (int32_t)v) {
		emit_raw(e, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, (int32_t)v);
		return;
	}
	emit_raw(e, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)(uint32_t)v);
	emit_raw(e, 0, 0, 0, 0, (int32_t)(uint32_t)(v >> 32));
}

void emit_alu(struct emit *e, int op, int dst, int src)
{
	emit_raw(e, (uint8_t)(BPF_ALU64 | op | BPF_X), dst, src, 0, 0);
}

void emit_alu_imm(struct emit *e, int op, int dst, int32_t imm)
{
	emit_raw(e, (uint8_t)(BPF_ALU64 | op | BPF_K), dst, 0, 0, imm);
}

void emit_ext(struct emit *e, int reg, unsigned int bytes, bool is_signed)
{
	int shift = 64 - (int)bytes * 8;

	if (shift <= 0)
		return;
	if (!is_signed && bytes == 4) {
		emit_mov32(e, reg, reg);
		return;
	}
	emit_alu_imm(e, BPF_LSH, reg, shift);
	emit_alu_imm(e, is_signed ? BPF_ARSH : BPF_RSH, reg, shift);
}

void emit_swap(struct emit *e, int reg, unsigned int bytes)
{
	const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

	if (bytes > 1)
		emit_raw(e, BPF_ALU | BPF_END | (little ? BPF_TO_BE : BPF_TO_LE), reg, 0, 0, (int32_t)bytes * 8);
}

static uint8_t size_code(unsigned int bytes)
{
	return bytes == 1 ? BPF_B : bytes == 2 ? BPF_H : bytes == 4 ? BPF_W : BPF_DW;
}

void emit_load(struct emit *e, unsigned int bytes, int dst, int src, int off)
{
	emit_raw(e, BPF_LDX | BPF_MEM | size_code(bytes), dst, src, off, 0);
}

void emit_store(struct emit *e, unsigned int bytes, int dst, int off, int src)
{
	emit_raw(e, BPF_STX | BPF_MEM | size_code(bytes), dst, src, off, 0);
}

void emit_store_imm(struct emit *e, unsigned int bytes, int dst, int off, int32_t imm)
{
	emit_raw(e, BPF_ST | BPF_MEM | size_code(bytes), dst, 0, off, imm);
}

void emit_add64(struct emit *e, int dst, int off, int src)
{
	emit_raw(e, BPF_STX | BPF_ATOMIC | BPF_DW, dst, src, off, BPF_ADD); /* before 5.12 the same code, BPF_XADD, with 0 */
}

void emit_map(struct emit *e, int dst, int fd)
{
	emit_raw(e, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, fd);
	emit_raw(e, 0, 0, 0, 0, 0);
}

void emit_map_value(struct emit *e, int dst, int fd, uint32_t off)
{
	emit_raw(e, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_VALUE, 0, fd);
	emit_raw(e, 0, 0, 0, 0, (int32_t)off);
}

void emit_call(struct emit *e, int helper)
{
	emit_raw(e, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void emit_exit(struct emit *e)
{
	emit_raw(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

int emit_label(struct emit *e)
{
	if (!e->err && vec_push(&e->label, -1))
		e->err = -ENOMEM;
	return e->err ? 0 : (int)e->label.n - 1;
}

void emit_here(struct emit *e, int label)
{
	if (!e->err)
		e->label.v[label] = (int)e->insn.n;
}

static void jump_note(struct emit *e, int label)
{
	struct emit_jump j = { .at = (unsigned int)e->insn.n, .label = label };

	if (!e->err && vec_push(&e->jump, j))
		e->err = -ENOMEM;
}

void emit_jmp(struct emit *e, int label)
{
	jump_note(e, label);
	emit_raw(e, BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

void emit_jmp_imm(struct emit *e, int op, int dst, int32_t imm, int label)
{
	jump_note(e, label);
	emit_raw(e, (uint8_t)(BPF_JMP | op | BPF_K), dst, 0, 0, imm);
}

void emit_jmp_reg(struct emit *e, int op, int dst, int src, int label)
{
	jump_note(e, label);
	emit_raw(e, (uint8_t)(BPF_JMP | op | BPF_X), dst, src, 0, 0);
}

int emit_slot(struct emit *e, unsigned int bytes)
{
	e->stack += (int)((bytes + 7) / 8 * 8);
	if (e->stack > e->stack_most)
		e->stack_most = e->stack;
	if (e->stack > EMIT_STACK && !e->err)
		e->err = -E2BIG;
	return -e->stack;
}

void emit_zero(struct emit *e, int off, unsigned int bytes)
{
	for (unsigned int i = 0; i < (bytes + 7) / 8; i++)
		emit_store_imm(e, 8, R10, off + (int)(8 * i), 0);
}

int emit_finish(struct emit *e)
{
	for (size_t i = 0; i < e->jump.n && !e->err; i++) {
		const struct emit_jump *j = &e->jump.v[i];
		int off = e->label.v[j->label] - (int)j->at - 1;

		if (e->label.v[j->label] < 0)
			e->err = -EINVAL;
		else if (off != (int16_t)off)
			e->err = -E2BIG;
		else
			e->insn.v[j->at].off = (int16_t)off;
	}
	return e->err;
}
