/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Comparisons: numbers, strings, patterns, addresses, enumerators by name. */
#include <errno.h>
#include <string.h>

#include "expr/check.h"
#include "expr/gen.h"

enum { TEXT_MOST = 120 };

static struct ir *negated(struct check *c, struct ir *ir, bool not)
{
	return ir && not ? ir_new(c, IR_NOT, ir, NULL) : ir;
}

static int glob_add(struct check *c, const char *pattern, struct span at, uint64_t *index)
{
	uint64_t words[GLOB_WORDS];

	if (glob_compile(pattern, words))
		return diag_set(c->d, -E2BIG, at, "a pattern may have 62 characters besides its stars");
	*index = c->plan->globs.n;
	return vec_push(&c->plan->globs, pattern) ? check_oom(c) : 0;
}

static int compare_text(struct check *c, const struct expr *e, const struct value *v, struct span at, const struct value *text,
			struct value *out)
{
	bool glob = e->op == OP_GLOB || e->op == OP_NGLOB;
	struct ir *ir = ir_new(c, glob ? IR_GLOB : IR_STREQ, NULL, NULL);
	char name[128];
	int err;

	if (!ir)
		return check_oom(c);
	if (!value_is_string(v) || v->kind == V_TEXT)
		return diag_set(c->d, -EINVAL, at, "%s%s%s is compared with a string", v->type ? "'" : "", v->type ?
				type_print(v->type, name, sizeof(name)) : "a number", v->type ? "'" : "");
	if (!glob && e->op != OP_EQ && e->op != OP_NE)
		return diag_set(c->d, -EINVAL, e->span, "strings are compared by ==, !=, ~ and !~");
	if (strlen(text->constant->text) > TEXT_MOST)
		return diag_set(c->d, -E2BIG, text->constant->span, "a string to compare with may have %d bytes", TEXT_MOST);
	ir->text = text->constant->text;
	ir->space = check_space(c, v);
	err = check_string(c, v, at, &ir->a);
	if (!err && glob)
		err = glob_add(c, ir->text, text->constant->span, &ir->number);
	if (err)
		return err;
	out->ir = negated(c, ir, e->op == OP_NE || e->op == OP_NGLOB);
	return out->ir ? 0 : check_oom(c);
}

/* The 16 bytes of a place. */
static int compare_bytes(struct check *c, const struct expr *e, const struct value *v, struct span at, const struct value *addr,
			 struct value *out)
{
	struct ir *ir = ir_new(c, IR_BYTESEQ, v->ir, NULL);
	char *text = plan_alloc(c->plan, 16);

	if (!ir || !text)
		return check_oom(c);
	if (!v->place || !v->type || v->type->size != 16)
		return diag_set(c->d, -EINVAL, at, "this has not the 16 bytes of an IPv6 address");
	memcpy(text, addr->constant->addr, 16);
	ir->text = text;
	ir->number = 16;
	ir->space = check_space(c, v);
	out->ir = negated(c, ir, e->op == OP_NE);
	return out->ir ? 0 : check_oom(c);
}

static int compare_address(struct check *c, const struct expr *e, const struct value *v, struct span at, const struct value *addr,
			   struct value *out)
{
	struct ir *x, *y, *ir;
	int err;

	if (e->op != OP_EQ && e->op != OP_NE)
		return diag_set(c->d, -EINVAL, e->span, "addresses are compared by == and !=");
	if (addr->constant->naddr == 16)
		return compare_bytes(c, e, v, at, addr, out);
	err = check_number(c, addr, at, &y);
	if (err)
		return err;
	if (v->place && v->type && !type_is_scalar(v->type) && v->type->size == 4) /* struct in_addr */
		x = ir_load(c, v->ir, 0, 4, false, check_space(c, v));
	else
		err = check_number(c, v, at, &x);
	if (err)
		return err;
	x = x ? ir_new(c, IR_EXT, x, NULL) : NULL;
	ir = x ? ir_new(c, e->op == OP_EQ ? IR_EQ : IR_NE, x, y) : NULL;
	if (!ir)
		return check_oom(c);
	x->size = 4;
	out->ir = ir;
	return 0;
}

static bool is_unsigned(const struct value *v, const struct ir *ir)
{
	if (ir->op == IR_NUM)
		return false;
	return v->type && !v->type->is_signed && v->type->size == 8 && !v->bit_size;
}

static int compare_numbers(struct check *c, const struct expr *e, const struct value *a, const struct value *b, struct value *out)
{
	static const enum ir_op ops[] = { [OP_LT] = IR_LT, [OP_LE] = IR_LE, [OP_GT] = IR_GT, [OP_GE] = IR_GE, [OP_EQ] = IR_EQ, [OP_NE] = IR_NE };
	static const enum ir_op mirrored[] = { [OP_LT] = IR_GT, [OP_LE] = IR_GE, [OP_GT] = IR_LT, [OP_GE] = IR_LE, [OP_EQ] = IR_EQ, [OP_NE] = IR_NE };
	struct ir *x, *y, *ir;
	int err;

	if (e->op == OP_GLOB || e->op == OP_NGLOB)
		return diag_set(c->d, -EINVAL, e->b->span, "what stands after ~ is a pattern in quotes");
	if (value_is_string(a) && value_is_string(b) && (a->kind != V_PLAIN || b->kind != V_PLAIN))
		return diag_set(c->d, -EINVAL, e->span, "two strings of the kernel cannot be compared, only one with a constant");
	err = check_number(c, a, e->a->span, &x);
	if (!err)
		err = check_number(c, b, e->b->span, &y);
	if (err)
		return err;
	if (x->op == IR_NUM && y->op != IR_NUM)
		ir = ir_new(c, mirrored[e->op], y, x);
	else
		ir = ir_new(c, ops[e->op], x, y);
	if (!ir)
		return check_oom(c);
	ir->is_signed = !is_unsigned(a, x) && !is_unsigned(b, y);
	if ((x->op == IR_NUM && (int64_t)x->number < 0) || (y->op == IR_NUM && (int64_t)y->number < 0))
		ir->is_signed = true;
	out->ir = ir;
	return 0;
}

/* A bare word next to an enumeration may be one of its names. */
static bool is_enumerator(struct check *c, const struct value *other, const struct expr *e, struct value *out)
{
	struct type *t = other->type;

	if (e->kind != EXPR_NAME || !t || t->kind != TYPE_ENUM || !c->types || type_complete(c->types, t))
		return false;
	for (unsigned int i = 0; i < t->n; i++)
		if (!strcmp(t->enumerators[i].name, e->text)) {
			*out = (struct value){ .ir = ir_num(c, (uint64_t)t->enumerators[i].value), .type = type_of_number(8, true), .param = -1 };
			return out->ir != NULL;
		}
	return false;
}

int check_compare(struct check *c, const struct expr *e, struct value *out)
{
	struct value a, b;
	int err = check_expr(c, e->a, &a);

	if (!err && !is_enumerator(c, &a, e->b, &b))
		err = check_expr(c, e->b, &b);
	if (err)
		return err;
	out->type = type_of_number(1, false);
	if (b.kind == V_TEXT)
		return compare_text(c, e, &a, e->a->span, &b, out);
	if (a.kind == V_TEXT)
		return compare_text(c, e, &b, e->b->span, &a, out);
	if (b.kind == V_ADDR)
		return compare_address(c, e, &a, e->a->span, &b, out);
	if (a.kind == V_ADDR)
		return compare_address(c, e, &b, e->b->span, &a, out);
	return compare_numbers(c, e, &a, &b, out);
}
