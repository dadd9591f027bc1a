/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Typed operations as fetch arguments (Documentation/trace/kprobetrace.rst): a register, what it returns, and what chains of
 * pointers with constant offsets lead to.
 *	IR_LOAD(IR_LOAD(IR_ARG 0 + 24) + 8)      +8(+24(%di)):u32
 */
#include <inttypes.h>
#include <stdarg.h>

#include "expr/ftrace_priv.h"

void ftext_add(struct ftext *t, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || t->err || vec_grow_((void **)&t->s, t->n, (size_t)n + 1, &t->cap, 1))
		t->err = -ENOMEM;
	else
		vsnprintf(t->s + t->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	if (!t->err)
		t->n += (size_t)n;
}

bool ir_same(const struct ir *a, const struct ir *b)
{
	if (a == b || !a || !b)
		return a == b;
	if (a->op != b->op || a->size != b->size || a->bits != b->bits || a->is_signed != b->is_signed || a->number != b->number)
		return false;
	if (a->text != b->text && (!a->text || !b->text || strcmp(a->text, b->text) != 0))
		return false;
	return ir_same(a->a, b->a) && ir_same(a->b, b->b) && ir_same(a->c, b->c);
}

bool ir_here(const struct ir *ir)
{
	return ir->op == IR_NUM || ir->op == IR_IDS || ir->op == IR_CPU || ir->op == IR_NS || ir->op == IR_FUNC;
}

bool ir_in_record(const struct plan *p, const struct ir *ir)
{
	if (p->point != POINT_TRACEPOINT)
		return false;
	if (ir->op == IR_ADD)
		return ir_in_record(p, ir->a) || ir_in_record(p, ir->b);
	return ir->op == IR_CTX_AT;
}

/* ---- values of 64 bits ---- */

static bool base_arg(const struct plan *p, unsigned int slot, char s[FETCH_MAX])
{
	unsigned int first = 0;

	if (slot == LIST_SLOT || plan_is_return(p) || p->point == POINT_RAW || p->point == POINT_TRACEPOINT)
		return false;
	while (regs_argument(first) >= 0)
		first++;
	if (slot < first)
		snprintf(s, FETCH_MAX, "%%%s", regs_name(regs_argument(slot)));
	else /* x86: above the return address */
		snprintf(s, FETCH_MAX, "$stack%u", slot - first + (first == 6));
	return true;
}

static bool deref(const struct plan *p, const struct ir *at, uint64_t off, enum space space, char s[FETCH_MAX]);

static bool base(const struct plan *p, const struct ir *ir, char s[FETCH_MAX])
{
	switch (ir->op) {
	case IR_ARG:
		return base_arg(p, (unsigned int)ir->number, s);
	case IR_RET:
		snprintf(s, FETCH_MAX, "$retval");
		return plan_is_return(p);
	case IR_REG:
		if (!regs_name((int)ir->number))
			return false;
		snprintf(s, FETCH_MAX, "%%%s", regs_name((int)ir->number));
		return true;
	case IR_LOAD:
		return ir->size == 8 && deref(p, ir->a, ir->number, ir->space, s);
	case IR_EXT:
		return ir->size == 8 && base(p, ir->a, s);
	default:
		return false;
	}
}

/* What is at the address `at` + off. */
static bool deref(const struct plan *p, const struct ir *at, uint64_t off, enum space space, char s[FETCH_MAX])
{
	char inner[FETCH_MAX];
	int64_t n;

	for (;;) {
		if (at->flat)
			at = at->flat;
		else if (at->op == IR_ADD && at->b->op == IR_NUM)
			off += at->b->number, at = at->a;
		else
			break;
	}
	if (at->op == IR_NUM) { /* a uprobe's @ADDR would be the kernel's, too */
		snprintf(s, FETCH_MAX, "@0x%" PRIx64, at->number + off);
		return !plan_is_user(p);
	}
	if (!base(p, at, inner))
		return false;
	n = (int64_t)off;
	return snprintf(s, FETCH_MAX, "%c%s%" PRIu64 "(%s)", n < 0 ? '-' : '+', space == SPACE_USER && !plan_is_user(p) ? "u" : "",
			(uint64_t)(n < 0 ? -n : n), inner) < FETCH_MAX;
}

/* ---- with types ---- */

static bool typed(char s[FETCH_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool typed(char s[FETCH_MAX], const char *fmt, ...)
{
	size_t n = strlen(s);
	va_list ap;
	int more;

	va_start(ap, fmt);
	more = vsnprintf(s + n, FETCH_MAX - n, fmt, ap);
	va_end(ap);
	return more > 0 && n + (size_t)more < FETCH_MAX;
}

static bool sized(char s[FETCH_MAX], const struct ir *ir)
{
	return typed(s, ":%c%d", ir->is_signed ? 's' : 'u', ir->size ? ir->size * 8 : 64);
}

/* Of a loaded word; of a register they would be an empty cast. */
static bool bits(const struct plan *p, const struct ir *ir, char s[FETCH_MAX])
{
	const struct ir *word = ir->a;

	return word->op == IR_LOAD && deref(p, word->a, word->number, word->space, s) && ir->number + ir->bits <= 8u * word->size &&
	       typed(s, ":b%u@%u/%d", ir->bits, (unsigned int)ir->number, word->size * 8);
}

bool fetch_number(const struct plan *p, const struct ir *ir, char s[FETCH_MAX])
{
	const struct ir *in = ir->a;

	switch (ir->op) {
	case IR_LOAD:
		return deref(p, in, ir->number, ir->space, s) && sized(s, ir);
	case IR_EXT: /* the first bytes of more: the machine is little-endian */
		if (in->op == IR_LOAD)
			return in->size >= ir->size && deref(p, in->a, in->number, in->space, s) && sized(s, ir);
		return (in->op == IR_ARG || in->op == IR_RET || in->op == IR_REG) && (!in->size || in->size >= ir->size) &&
		       base(p, in, s) && sized(s, ir);
	case IR_BITS:
		return bits(p, ir, s);
	default:
		return base(p, ir, s) && sized(s, ir);
	}
}

bool fetch_at(const struct plan *p, const struct ir *ir, enum space space, const char *type, char s[FETCH_MAX])
{
	return deref(p, ir, 0, space, s) && typed(s, ":%s%s", space == SPACE_USER && !plan_is_user(p) && !strcmp(type, "string") ?
						  "u" : "", type);
}
