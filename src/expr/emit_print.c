/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Instructions as text, for tests and --debug. */
#include "expr/emit.h"

static const char *const alu_names[16] = { "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "end" };
static const char *const jmp_names[16] = { "", "==", ">", ">=", "&", "!=", "s>", "s>=", "call", "exit", "<", "<=", "s<", "s<=" };

static const char *size_name(uint8_t code)
{
	return BPF_SIZE(code) == BPF_B ? "u8" : BPF_SIZE(code) == BPF_H ? "u16" : BPF_SIZE(code) == BPF_W ? "u32" : "u64";
}

static void print_alu(const struct bpf_insn *i, FILE *out)
{
	char r = BPF_CLASS(i->code) == BPF_ALU ? 'w' : 'r';
	unsigned int op = BPF_OP(i->code) >> 4;

	if (BPF_OP(i->code) == BPF_END)
		fprintf(out, "r%d = %s%d r%d", i->dst_reg, BPF_SRC(i->code) == BPF_TO_BE ? "be" : "le", i->imm, i->dst_reg);
	else if (BPF_OP(i->code) == BPF_NEG)
		fprintf(out, "%c%d = -%c%d", r, i->dst_reg, r, i->dst_reg);
	else if (BPF_SRC(i->code) == BPF_X)
		fprintf(out, "%c%d %s %c%d", r, i->dst_reg, alu_names[op], r, i->src_reg);
	else
		fprintf(out, "%c%d %s %d", r, i->dst_reg, alu_names[op], i->imm);
}

static void print_jmp(const struct bpf_insn *i, size_t at, FILE *out)
{
	size_t to = at + 1 + (size_t)(int64_t)i->off;

	if (BPF_OP(i->code) == BPF_CALL)
		fprintf(out, "call %d", i->imm);
	else if (BPF_OP(i->code) == BPF_EXIT)
		fputs("exit", out);
	else if (BPF_OP(i->code) == BPF_JA)
		fprintf(out, "goto %zu", to);
	else if (BPF_SRC(i->code) == BPF_X)
		fprintf(out, "if r%d %s r%d goto %zu", i->dst_reg, jmp_names[BPF_OP(i->code) >> 4], i->src_reg, to);
	else
		fprintf(out, "if r%d %s %d goto %zu", i->dst_reg, jmp_names[BPF_OP(i->code) >> 4], i->imm, to);
}

static void print_wide(const struct bpf_insn *i, FILE *out)
{
	uint64_t v = (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32;

	if (i->src_reg == BPF_PSEUDO_MAP_FD)
		fprintf(out, "r%d = map", i->dst_reg);
	else if (i->src_reg == BPF_PSEUDO_MAP_VALUE)
		fprintf(out, "r%d = map + %d", i->dst_reg, i[1].imm);
	else
		fprintf(out, "r%d = 0x%llx", i->dst_reg, (unsigned long long)v);
}

void emit_print(const struct emit *e, FILE *out)
{
	for (size_t at = 0; at < e->insn.n; at++) {
		const struct bpf_insn *i = &e->insn.v[at];
		const char *size = size_name(i->code);
		int class = BPF_CLASS(i->code);

		fprintf(out, "%4zu: ", at);
		if (class == BPF_ALU || class == BPF_ALU64)
			print_alu(i, out);
		else if (class == BPF_JMP || class == BPF_JMP32)
			print_jmp(i, at, out);
		else if (class == BPF_LD)
			print_wide(i, out);
		else if (class == BPF_LDX)
			fprintf(out, "r%d = *(%s *)(r%d %+d)", i->dst_reg, size, i->src_reg, i->off);
		else if (class == BPF_ST)
			fprintf(out, "*(%s *)(r%d %+d) = %d", size, i->dst_reg, i->off, i->imm);
		else
			fprintf(out, "%s*(%s *)(r%d %+d) %s r%d", BPF_MODE(i->code) == BPF_ATOMIC ? "lock " : "", size, i->dst_reg, i->off,
				BPF_MODE(i->code) == BPF_ATOMIC ? "+=" : "=", i->src_reg);
		fputc('\n', out);
		at += class == BPF_LD;
	}
}
