/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The probe compiler from text to instructions, for samples, which need nothing of the machine: it refuses or compiles, and
 * what it compiles jumps within itself and keeps to its stack. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/diag.h"
#include "expr/gen.h"

static void check_program(const struct emit *e)
{
	for (size_t i = 0; i < e->insn.n; i++) {
		const struct bpf_insn *in = &e->insn.v[i];
		int class = BPF_CLASS(in->code), op = BPF_OP(in->code);
		long to = (long)i + 1 + in->off;

		if ((class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT && (to < 0 || to >= (long)e->insn.n))
			abort();
		if ((class == BPF_LDX || class == BPF_STX || class == BPF_ST) && (class == BPF_LDX ? in->src_reg : in->dst_reg) == R10 &&
		    (in->off >= 0 || in->off < -EMIT_STACK))
			abort();
		i += class == BPF_LD;
	}
	if (e->insn.n < 2 || e->insn.v[e->insn.n - 1].code != (BPF_JMP | BPF_EXIT))
		abort();
}

static void compile(const struct probe_ast *ast)
{
	struct env env = { .tracefs = -1, .btf_path = "/nonexistent" };
	struct gen g = { .mode = MODE_SAMPLE, .maps = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, .ring_wake = 4096, .epochs = true };
	struct diag d = { 0 };
	struct plan *p = plan_make(ast, &env, &d);

	if (!p && !d.message[0])
		abort();
	if (p) {
		g.p = p;
		if (!gen_main(&g))
			check_program(&g.e);
		emit_free(&g.e);
	}
	plan_free(p);
	env_free(&env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "s 99hz ";
	char *text = malloc(sizeof(head) + size);
	struct probe_ast *ast;
	struct diag d = { 0 };

	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + sizeof(head) - 1, data, size);
	text[sizeof(head) - 1 + size] = '\0';
	ast = probe_parse(text, &d);
	if (ast && !strchr(text, '@')) /* those look for the kernel's symbols, which takes long */
		compile(ast);
	probe_ast_free(ast);
	free(text);
	return 0;
}
