/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Lists and paths: walks with a bound, unrolled, so that 5.10 takes them too. */
#include "expr/gen.h"

/* r0 becomes what is at r0 + off; 0 when it cannot be read. */
static void gen_follow(struct gen *g, int32_t off)
{
	struct emit *e = &g->e;
	int was = e->stack, slot = emit_slot(e, 8);

	emit_mov(e, R3, R0);
	if (off)
		emit_alu_imm(e, BPF_ADD, R3, off);
	gen_read(g, R10, slot, 8, SPACE_KERNEL, false);
	emit_load(e, 8, R0, R10, slot);
	e->stack = was;
}

/* How many, then the elements; the walk ends at the head, at the bound, or where it cannot be read. */
void gen_list(struct gen *g, const struct out *o)
{
	const struct list_walk *w = o->list;
	struct emit *e = &g->e;
	int was = e->stack, head = emit_slot(e, 8), at = emit_slot(e, 8), done = emit_label(e);

	g->elem_off = emit_slot(e, 8);
	emit_store_imm(e, 8, R7, (int)o->off, 0);
	gen_value(g, w->head);
	emit_store(e, 8, R10, head, R0);
	for (unsigned int i = 0; i < LIST_MAX; i++) {
		int off = (int)(o->off + 8 + i * w->size);

		gen_follow(g, 0);
		emit_store(e, 8, R10, at, R0);
		emit_load(e, 8, R1, R10, head);
		emit_jmp_reg(e, BPF_JEQ, R0, R1, done);
		emit_jmp_imm(e, BPF_JEQ, R0, 0, done);
		emit_alu_imm(e, BPF_SUB, R0, (int32_t)w->link_off);
		emit_store(e, 8, R10, g->elem_off, R0);
		gen_value(g, w->elem);
		if (w->kind == OUT_STRING) {
			emit_mov(e, R3, R0);
			gen_read(g, R7, off + 2, w->size - 2, o->space, true);
			emit_store(e, 2, R7, off, R0);
		} else {
			emit_store(e, 8, R7, off, R0);
		}
		emit_store_imm(e, 8, R7, (int)o->off, (int32_t)i + 1);
		emit_load(e, 8, R0, R10, at);
	}
	gen_follow(g, 0); /* is there more? */
	emit_load(e, 8, R1, R10, head);
	emit_jmp_reg(e, BPF_JEQ, R0, R1, done);
	emit_store_imm(e, 8, R7, (int)o->off, LIST_MAX + 1);
	emit_here(e, done);
	e->stack = was;
}

struct walk { int dentry, mnt; };

/* At the root of a mount the walk goes on where it is mounted; done: this is the first mount, or none is known. */
static void gen_mount(struct gen *g, const struct path_walk *p, const struct walk *w, int inside, int done)
{
	struct emit *e = &g->e;
	int was = e->stack, mount = emit_slot(e, 8);

	if (!p->mnt)
		return;
	emit_load(e, 8, R0, R10, w->mnt);
	gen_follow(g, (int32_t)p->mnt_root);
	emit_load(e, 8, R1, R10, w->dentry);
	emit_jmp_reg(e, BPF_JNE, R0, R1, inside);
	emit_load(e, 8, R0, R10, w->mnt);
	emit_alu_imm(e, BPF_SUB, R0, (int32_t)p->mount_mnt);
	emit_store(e, 8, R10, mount, R0);
	gen_follow(g, (int32_t)p->mnt_mountpoint);
	emit_store(e, 8, R10, w->dentry, R0);
	emit_load(e, 8, R0, R10, mount);
	gen_follow(g, (int32_t)p->mnt_parent);
	emit_load(e, 8, R1, R10, mount);
	emit_jmp_reg(e, BPF_JEQ, R0, R1, done);
	emit_jmp_imm(e, BPF_JEQ, R0, 0, done);
	emit_alu_imm(e, BPF_ADD, R0, (int32_t)p->mount_mnt);
	emit_store(e, 8, R10, w->mnt, R0);
	e->stack = was;
}

/* The first word: 1 when the walk came to the root. Then a part each: its length with the NUL, 0: a mount was crossed. */
void gen_path(struct gen *g, const struct out *o)
{
	const struct path_walk *p = o->path;
	struct emit *e = &g->e;
	int was = e->stack, done = emit_label(e), end = emit_label(e);
	struct walk w = { .dentry = emit_slot(e, 8), .mnt = emit_slot(e, 8) };

	for (unsigned int i = 0; i < PATH_PARTS; i++)
		emit_store_imm(e, 2, R7, (int)(o->off + 8 + i * PATH_PART), 0);
	emit_store_imm(e, 8, R7, (int)o->off, 0);
	gen_value(g, p->dentry);
	emit_jmp_imm(e, BPF_JEQ, R0, 0, end);
	emit_store(e, 8, R10, w.dentry, R0);
	if (p->mnt) {
		gen_value(g, p->mnt);
		emit_store(e, 8, R10, w.mnt, R0);
	}
	for (unsigned int i = 0; i < PATH_PARTS; i++) {
		int off = (int)(o->off + 8 + i * PATH_PART), inside = emit_label(e), next = emit_label(e);

		gen_mount(g, p, &w, inside, done);
		emit_jmp(e, p->mnt ? next : inside);
		emit_here(e, inside);
		emit_load(e, 8, R0, R10, w.dentry);
		gen_follow(g, (int32_t)p->d_parent);
		emit_load(e, 8, R1, R10, w.dentry);
		emit_jmp_reg(e, BPF_JEQ, R0, R1, done);
		emit_jmp_imm(e, BPF_JEQ, R0, 0, end);
		emit_store(e, 8, R10, w.dentry, R0);
		emit_mov(e, R0, R1);
		gen_follow(g, (int32_t)p->d_name);
		emit_mov(e, R3, R0);
		gen_read(g, R7, off + 2, PATH_PART - 2, SPACE_KERNEL, true);
		emit_store(e, 2, R7, off, R0);
		emit_here(e, next);
	}
	emit_jmp(e, end);
	emit_here(e, done);
	emit_store_imm(e, 8, R7, (int)o->off, 1);
	emit_here(e, end);
	e->stack = was;
}
