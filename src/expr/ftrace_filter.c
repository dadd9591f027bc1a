/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Conditions in the words of ftrace's filters: fields against constants, joined by && || and !. Of a condition that is joined
 * by && each part stands for itself: those that ftrace cannot say are looked at here.
 */
#include <errno.h>
#include <inttypes.h>

#include "expr/ftrace_priv.h"

static bool condition(struct ftprobe *fp, const struct ir *ir, struct ftext *t);

/* The tracepoint's field of that place. */
static const struct tp_field *field_at(const struct ftprobe *fp, uint64_t off)
{
	const struct tp_event *e = &fp->p->event;

	for (size_t i = 0; i < e->fields.n; i++)
		if (e->fields.v[i].off == off)
			return &e->fields.v[i];
	return NULL;
}

/* Of a number that is read from the record. */
static const struct tp_field *field_of(const struct ftprobe *fp, const struct ir *ir)
{
	if (ir->op == IR_CTX)
		return field_at(fp, ir->number);
	return ir->op == IR_LOAD && ir->a->op == IR_CTX_AT ? field_at(fp, ir->a->number + ir->number) : NULL;
}

/* Characters in the record: at a place of their own, or where a word tells: ADD(CTX_AT, BAND(word, 0xffff)). */
static const struct tp_field *data_field(const struct ftprobe *fp, const struct ir *at)
{
	const struct tp_field *f;

	if (at->op == IR_CTX_AT)
		return field_at(fp, at->number);
	if (at->op != IR_ADD || at->b->op != IR_BAND)
		return NULL;
	f = field_of(fp, at->b->a);
	return f && f->data_loc ? f : NULL;
}

/* The name of the field that holds this number; *bytes of it. NULL: there is none. */
static const char *number_field(struct ftprobe *fp, const struct ir *ir, unsigned int *bytes)
{
	const struct tp_field *f;
	const struct leaf *l;

	if (ir->op == IR_IDS && !ir->number) {
		*bytes = 4;
		return "common_pid";
	}
	if (fp->p->point == POINT_TRACEPOINT) {
		f = field_of(fp, ir);
		*bytes = ir->size;
		return f && f->size == ir->size ? f->name : NULL;
	}
	if (leaves_need(fp, ir, NULL))
		return NULL;
	l = leaf_find(fp, LEAF_NUMBER, ir);
	*bytes = ir->op == IR_BITS || !ir->size ? 8 : ir->size;
	return l ? l->name : NULL;
}

/* ftrace compares in the field's own type: may v be there? */
static bool constant_fits(const struct ir *field, unsigned int bytes, const struct ir *compare, int64_t v)
{
	if (field->op == IR_BITS)
		return !field->is_signed && v >= 0 && (field->bits >= 63 || v < (int64_t)1 << field->bits);
	if (bytes == 8)
		return compare->is_signed == field->is_signed || compare->op == IR_EQ || compare->op == IR_NE;
	if (field->is_signed)
		return v >= -((int64_t)1 << (8 * bytes - 1)) && v < (int64_t)1 << (8 * bytes - 1);
	return v >= 0 && v < (int64_t)1 << (8 * bytes);
}

static void number_add(struct ftext *t, const char *name, const char *op, const struct ir *field, int64_t v)
{
	if (field->is_signed)
		ftext_add(t, "%s %s %" PRId64, name, op, v);
	else
		ftext_add(t, "%s %s %" PRIu64, name, op, (uint64_t)v);
}

static uint64_t swapped(uint64_t v, unsigned int bytes)
{
	return __builtin_bswap64(v) >> (64 - 8 * bytes);
}

static bool compare(struct ftprobe *fp, const struct ir *ir, struct ftext *t)
{
	static const char *const ops[] = { [IR_LT] = "<", [IR_LE] = "<=", [IR_GT] = ">", [IR_GE] = ">=", [IR_EQ] = "==", [IR_NE] = "!=" };
	const struct ir *field = ir->a;
	bool equal = ir->op == IR_EQ || ir->op == IR_NE;
	unsigned int bytes;
	const char *name;
	uint64_t v;

	if (ir->b->op != IR_NUM)
		return false;
	v = ir->b->number;
	if (field->op == IR_BAND && field->b->op == IR_NUM && equal && v == 0) { /* "flags & 4" is true if any bit is there */
		name = number_field(fp, field->a, &bytes);
		if (name)
			ftext_add(t, ir->op == IR_NE ? "%s & %" PRIu64 : "!(%s & %" PRIu64 ")", name, field->b->number);
		return name && (int64_t)field->b->number > 0;
	}
	if (field->op == IR_SWAP) { /* the constant is turned instead */
		if (!equal || (field->size < 8 && v >> (8 * field->size)))
			return false;
		v = swapped(v, field->size);
		name = number_field(fp, field->a, &bytes);
		if (!name || bytes != field->size || field->a->is_signed)
			return false;
		ftext_add(t, "%s %s %" PRIu64, name, ops[ir->op], v);
		return true;
	}
	name = number_field(fp, field, &bytes);
	if (!name || !constant_fits(field, bytes, ir, (int64_t)v))
		return false;
	number_add(t, name, ops[ir->op], field, (int64_t)v);
	return true;
}

/* Quotes cannot stand in a filter's string, nor anything that the kernel's parser takes for something else. */
static bool text_fits(const char *text, bool glob)
{
	if (strlen(text) > 120)
		return false;
	for (; *text; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20 || (!glob && strchr("*?[", *text)))
			return false;
	return true;
}

static bool string(struct ftprobe *fp, const struct ir *ir, struct ftext *t)
{
	const struct tp_field *f = NULL;
	const struct leaf *l = NULL;
	const char *name;

	if (!text_fits(ir->text, ir->op == IR_GLOB))
		return false;
	if (ir->a->op == IR_COMM) {
		name = "COMM"; /* ftrace's own */
	} else if (ir_in_record(fp->p, ir->a)) {
		f = data_field(fp, ir->a);
		name = f && f->is_string ? f->name : NULL;
	} else {
		if (leaves_need(fp, ir, NULL))
			return false;
		l = leaf_find(fp, LEAF_STRING, ir->a);
		name = l ? l->name : NULL;
	}
	if (name)
		ftext_add(t, "%s %s \"%s\"", name, ir->op == IR_GLOB ? "~" : "==", ir->text);
	return name;
}

static bool joined(struct ftprobe *fp, const struct ir *ir, struct ftext *t)
{
	ftext_add(t, "(");
	if (!condition(fp, ir->a, t))
		return false;
	ftext_add(t, ir->op == IR_AND ? " && " : " || ");
	if (!condition(fp, ir->b, t))
		return false;
	ftext_add(t, ")");
	return true;
}

static bool condition(struct ftprobe *fp, const struct ir *ir, struct ftext *t)
{
	unsigned int bytes;
	const char *name;

	switch (ir->op) {
	case IR_AND: case IR_OR:
		return joined(fp, ir, t);
	case IR_NOT:
		ftext_add(t, "!(");
		if (!condition(fp, ir->a, t))
			return false;
		ftext_add(t, ")");
		return true;
	case IR_LT: case IR_LE: case IR_GT: case IR_GE: case IR_EQ: case IR_NE:
		return compare(fp, ir, t);
	case IR_STREQ: case IR_GLOB:
		return string(fp, ir, t);
	case IR_BAND:
		if (ir->b->op != IR_NUM || (int64_t)ir->b->number <= 0)
			return false;
		name = number_field(fp, ir->a, &bytes);
		if (name)
			ftext_add(t, "%s & %" PRIu64, name, ir->b->number);
		return name;
	default:
		name = number_field(fp, ir, &bytes);
		if (name)
			ftext_add(t, "%s != 0", name);
		return name;
	}
}

/* One part of a chain of &&. */
static int part(struct ftprobe *fp, const struct ir *ir, struct ftext *all)
{
	struct ftext t = { 0 };
	int err = 0;

	if (ir->op == IR_AND) {
		err = part(fp, ir->a, all);
		return err ? err : part(fp, ir->b, all);
	}
	if (condition(fp, ir, &t) && !t.err) {
		ftext_add(all, "%s%s", all->n ? " && " : "", t.s);
	} else {
		fp->filtered_here = true;
		err = leaves_need(fp, ir, NULL);
	}
	err = err ? err : t.err;
	free(t.s);
	return err;
}

int filter_plan(struct ftprobe *fp, struct diag *d)
{
	const struct expr *e = fp->p->ast->filter;
	struct ftext all = { 0 };
	int err = part(fp, fp->p->filter, &all);

	err = err ? err : all.err;
	if (!err) {
		fp->filter = all.s;
		return 0;
	}
	free(all.s);
	if (err == -ENOMEM)
		return diag_set(d, err, (struct span){ 0 }, "out of memory");
	diag_set(d, err, e ? e->span : fp->p->ast->target_span, "ftrace cannot read what this filter looks at: only registers and "
		 "what pointers lead to, at constant offsets");
	diag_note(d, "--backend bpf can");
	return err;
}
