/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Writing BPF instructions: labels that are filled in at the end, a stack that is given out from the top. An error stays in
 * err and makes the rest do nothing, so callers look once, at the end.
 */
#ifndef SPOOR_EXPR_EMIT_H
#define SPOOR_EXPR_EMIT_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"

enum { EMIT_STACK = 512 };

struct emit {
	VEC(struct bpf_insn) insn;
	VEC(int) label;           /* where it is; -1: not yet */
	VEC(struct emit_jump { unsigned int at; int label; }) jump;
	int stack, stack_most;    /* bytes in use below r10 */
	int err;
};

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

void emit_free(struct emit *e);
void emit_raw(struct emit *e, uint8_t code, int dst, int src, int off, int32_t imm);

void emit_mov(struct emit *e, int dst, int src);
void emit_mov32(struct emit *e, int dst, int src);
void emit_num(struct emit *e, int dst, uint64_t v);
void emit_alu(struct emit *e, int op, int dst, int src);       /* op: BPF_ADD ... */
void emit_alu_imm(struct emit *e, int op, int dst, int32_t imm);
void emit_ext(struct emit *e, int reg, unsigned int bytes, bool is_signed); /* cuts to that many bytes and extends */
void emit_swap(struct emit *e, int reg, unsigned int bytes);   /* byte order reversed; 1 byte: as it is */
void emit_load(struct emit *e, unsigned int bytes, int dst, int src, int off);
void emit_store(struct emit *e, unsigned int bytes, int dst, int off, int src);
void emit_store_imm(struct emit *e, unsigned int bytes, int dst, int off, int32_t imm);
void emit_add64(struct emit *e, int dst, int off, int src);    /* *(u64 *)(dst + off) += src, atomically */
void emit_map(struct emit *e, int dst, int fd);
void emit_map_value(struct emit *e, int dst, int fd, uint32_t off); /* address of a byte of an array's only element */
void emit_call(struct emit *e, int helper);
void emit_exit(struct emit *e);

int emit_label(struct emit *e);                                /* a new one */
void emit_here(struct emit *e, int label);
void emit_jmp(struct emit *e, int label);
void emit_jmp_imm(struct emit *e, int op, int dst, int32_t imm, int label); /* op: BPF_JEQ ... */
void emit_jmp_reg(struct emit *e, int op, int dst, int src, int label);

/* Room on the stack, 8-byte aligned: its offset from r10 (negative). Given back in reverse order by setting e->stack to
 * what it was. */
int emit_slot(struct emit *e, unsigned int bytes);
void emit_zero(struct emit *e, int off, unsigned int bytes);   /* stack, whole words */

int emit_finish(struct emit *e);                               /* labels into offsets. 0 or -errno (-E2BIG) */
/* As `bpftool prog dump xlated` has it, for tests and --debug. */
void emit_print(const struct emit *e, FILE *out);

#endif
