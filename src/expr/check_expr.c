/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Expressions: members, indices, casts, arithmetic. */
#include <errno.h>
#include <string.h>

#include "expr/check.h"
#include "expr/gen.h"

int check_oom(struct check *c)
{
	return diag_set(c->d, -ENOMEM, (struct span){ 0 }, "out of memory");
}

struct ir *ir_new(struct check *c, enum ir_op op, struct ir *a, struct ir *b)
{
	struct ir *ir = plan_alloc(c->plan, sizeof(*ir));

	if (ir)
		*ir = (struct ir){ .op = op, .size = 8, .a = a, .b = b };
	return ir;
}

struct ir *ir_num(struct check *c, uint64_t n)
{
	struct ir *ir = ir_new(c, IR_NUM, NULL, NULL);

	if (ir) {
		ir->number = n;
		ir->is_signed = true;
	}
	return ir;
}

struct ir *ir_add(struct check *c, struct ir *a, uint64_t n)
{
	struct ir *b;

	if (!a || !n)
		return a;
	if (a->op == IR_NUM)
		return ir_num(c, a->number + n);
	if (a->op == IR_ADD && a->b->op == IR_NUM) {
		b = ir_num(c, a->b->number + n);
		a = a->a;
	} else if (a->op == IR_CTX_AT) {
		b = ir_new(c, IR_CTX_AT, NULL, NULL);
		if (b)
			b->number = a->number + n;
		return b;
	} else {
		b = ir_num(c, n);
	}
	return b ? ir_new(c, IR_ADD, a, b) : NULL;
}

/* What is known to be in the context is read from there. */
struct ir *ir_load(struct check *c, struct ir *at, uint64_t off, unsigned int bytes, bool is_signed, enum space space)
{
	struct ir *ir;

	if (!at)
		return NULL;
	if (at->op == IR_ADD && at->b->op == IR_NUM) {
		off += at->b->number;
		at = at->a;
	}
	if (at->op == IR_CTX_AT && !((at->number + off) % bytes)) {
		ir = ir_new(c, IR_CTX, NULL, NULL);
		if (ir)
			off += at->number;
	} else {
		ir = ir_new(c, IR_LOAD, at, NULL);
	}
	if (!ir)
		return NULL;
	ir->number = off;
	ir->size = (uint8_t)bytes;
	ir->is_signed = is_signed;
	ir->space = space;
	return ir;
}

/* ---- types ---- */

struct type *type_of_number(unsigned int bytes, bool is_signed)
{
	static struct type numbers[8] = {
		{ .kind = TYPE_INT, .name = "u8", .size = 1, .complete = true },
		{ .kind = TYPE_INT, .name = "u16", .size = 2, .complete = true },
		{ .kind = TYPE_INT, .name = "u32", .size = 4, .complete = true },
		{ .kind = TYPE_INT, .name = "u64", .size = 8, .complete = true },
		{ .kind = TYPE_INT, .name = "s8", .size = 1, .is_signed = true, .complete = true },
		{ .kind = TYPE_INT, .name = "s16", .size = 2, .is_signed = true, .complete = true },
		{ .kind = TYPE_INT, .name = "s32", .size = 4, .is_signed = true, .complete = true },
		{ .kind = TYPE_INT, .name = "s64", .size = 8, .is_signed = true, .complete = true },
	};

	return &numbers[(is_signed ? 4 : 0) + (bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3)];
}

bool type_is_scalar(const struct type *t)
{
	return !t || ((t->kind == TYPE_INT || t->kind == TYPE_BOOL || t->kind == TYPE_CHAR || t->kind == TYPE_ENUM ||
		       t->kind == TYPE_PTR) && (t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8));
}

static bool is_record(const struct type *t)
{
	return t && (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_FORWARD);
}

struct type *type_real(struct check *c, struct type *t)
{
	struct type *real;

	if (!t || t->kind != TYPE_FORWARD || !c->types)
		return t;
	real = types_find(c->types, TYPE_STRUCT, t->name);
	if (!real)
		real = types_find(c->types, TYPE_UNION, t->name);
	return real ? real : t;
}

/* C's own types and the kernel's short names are everywhere the same: no store is opened for them. */
static int plain_type(struct check *c, const struct type_name *n, struct type **out)
{
	static struct type letter = { .kind = TYPE_CHAR, .name = "char", .size = 1, .is_signed = true, .complete = true };
	static const struct { const char *name; unsigned int bytes; bool is_signed; } plain[] = {
		{ "u8", 1, false }, { "u16", 2, false }, { "u32", 4, false }, { "u64", 8, false }, { "s8", 1, true }, { "s16", 2, true },
		{ "s32", 4, true }, { "s64", 8, true }, { "int", 4, true }, { "unsigned int", 4, false }, { "short", 2, true },
		{ "unsigned short", 2, false }, { "long", sizeof(long), true }, { "unsigned long", sizeof(long), false },
		{ "long long", 8, true }, { "unsigned long long", 8, false }, { "size_t", sizeof(size_t), false },
		{ "ssize_t", sizeof(size_t), true }, { "unsigned char", 1, false },
	};
	struct type *t = n->tag == TYPE_NAME_PLAIN && !n->count && !strcmp(n->name, "char") ? &letter : NULL, *to;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) && !t && n->tag == TYPE_NAME_PLAIN && !n->count; i++)
		if (!strcmp(plain[i].name, n->name))
			t = type_of_number(plain[i].bytes, plain[i].is_signed);
	for (unsigned int i = 0; i < n->stars && t; i++) {
		to = t;
		t = plan_alloc(c->plan, sizeof(*t));
		if (!t)
			return check_oom(c);
		*t = (struct type){ .kind = TYPE_PTR, .name = "", .size = sizeof(void *), .complete = true, .to = to };
	}
	*out = t;
	return t ? 0 : -ENOENT;
}

int check_type(struct check *c, const struct type_name *n, struct type **out)
{
	enum type_kind kind = n->tag == TYPE_NAME_STRUCT ? TYPE_STRUCT : n->tag == TYPE_NAME_UNION ? TYPE_UNION :
			      n->tag == TYPE_NAME_ENUM ? TYPE_ENUM : TYPE_VOID;
	static struct type nothing = { .kind = TYPE_VOID, .name = "void", .complete = true };
	struct type *t;
	int err = plain_type(c, n, out);

	if (err != -ENOENT)
		return err;
	if (!c->types) /* a program without DWARF: C's own types are everywhere the same */
		c->types = env_kernel(c->env);
	if (!c->types)
		return diag_set(c->d, -ENODATA, n->span, "no types are known here: the program has no DWARF");
	t = kind == TYPE_VOID && !strcmp(n->name, "void") ? &nothing : types_find(c->types, kind, n->name);
	if (!t && kind == TYPE_STRUCT)
		t = types_find(c->types, TYPE_UNION, n->name);
	if (!t)
		return diag_set(c->d, -ENOENT, n->span, "there is no type '%s'", n->name);
	for (unsigned int i = 0; i < n->stars && t; i++)
		t = types_pointer(c->types, t);
	if (t && n->count)
		t = types_array(c->types, t, n->count);
	*out = t;
	return t ? 0 : check_oom(c);
}

enum space check_space(const struct check *c, const struct value *v)
{
	if (plan_is_user(c->plan) || (v->type && v->type->kind == TYPE_PTR && v->type->user))
		return SPACE_USER;
	return v->ir && v->ir->op == IR_CTX_AT ? SPACE_KERNEL : SPACE_AUTO;
}

/* ---- values as numbers ---- */

static int number_of_bits(struct check *c, const struct value *v, struct ir **out)
{
	uint32_t first = v->bit_off % 8, need = (first + v->bit_size + 7) / 8;
	unsigned int bytes = need <= 1 ? 1 : need <= 2 ? 2 : need <= 4 ? 4 : 8;
	struct ir *load = ir_load(c, v->ir, v->bit_off / 8, bytes, false, check_space(c, v)), *bits;

	bits = load ? ir_new(c, IR_BITS, load, NULL) : NULL;
	if (!bits)
		return check_oom(c);
	bits->number = first;
	bits->bits = (uint8_t)v->bit_size;
	bits->is_signed = v->type && v->type->is_signed;
	*out = bits;
	return 0;
}

/* atomic_t, refcount_t, kuid_t: a structure that only wraps a number is that number. */
struct value value_unwrapped(struct check *c, const struct value *v)
{
	struct value in = *v;

	while (in.kind == V_PLAIN && in.place && !in.bit_size && in.type && in.type->kind == TYPE_STRUCT && in.type->size <= 8 &&
	       c->types && !type_complete(c->types, in.type) && in.type->n == 1 && !in.type->members[0].bit_size &&
	       in.type->members[0].type->size == in.type->size)
		in.type = in.type->members[0].type;
	return in.type && in.type != v->type && type_is_scalar(in.type) ? in : *v;
}

int check_number(struct check *c, const struct value *wrapped, struct span at, struct ir **out)
{
	const struct value unwrapped = value_unwrapped(c, wrapped), *v = &unwrapped;
	char name[128];

	if (v->kind == V_COMM || v->kind == V_TEXT || v->kind == V_STRING || v->kind == V_PATH)
		return diag_set(c->d, -EINVAL, at, "a string is no number; strings are compared by ==, !=, ~ and !~");
	if (v->kind == V_ADDR) {
		uint32_t n;

		if (v->constant->naddr != 4)
			return diag_set(c->d, -EINVAL, at, "an IPv6 address can only be compared by == and !=");
		memcpy(&n, v->constant->addr, 4);
		*out = ir_num(c, n);
		return *out ? 0 : check_oom(c);
	}
	if (!v->place) {
		if (v->type && !type_is_scalar(v->type) && v->type->kind != TYPE_FUNC && v->type->size > 8)
			return diag_set(c->d, -EINVAL, at, "%s is no number", type_print(v->type, name, sizeof(name)));
		*out = v->ir;
		return *out ? 0 : check_oom(c);
	}
	if (v->bit_size)
		return number_of_bits(c, v, out);
	if (v->type && (v->type->kind == TYPE_ARRAY || v->type->kind == TYPE_FUNC)) { /* as in C: its address */
		*out = v->ir;
		return 0;
	}
	if (!type_is_scalar(v->type))
		return diag_set(c->d, -EINVAL, at, "%s is no number; name a member of it",
				type_print(v->type, name, sizeof(name)));
	*out = ir_load(c, v->ir, 0, v->type ? (unsigned int)v->type->size : 8, v->type && v->type->is_signed, check_space(c, v));
	if (*out && v->type && v->type->kind == TYPE_PTR)
		(*out)->pointer = true;
	return *out ? 0 : check_oom(c);
}

bool value_is_string(const struct value *v)
{
	if (v->kind != V_PLAIN)
		return v->kind == V_COMM || v->kind == V_TEXT || v->kind == V_STRING;
	return v->type && (v->type->kind == TYPE_PTR || v->type->kind == TYPE_ARRAY) && v->type->to->kind == TYPE_CHAR;
}

int check_string(struct check *c, const struct value *v, struct span at, struct ir **out)
{
	if (v->kind == V_COMM) {
		*out = ir_new(c, IR_COMM, NULL, NULL);
		return *out ? 0 : check_oom(c);
	}
	if (v->kind == V_STRING || (v->place && v->type && v->type->kind == TYPE_ARRAY)) {
		*out = v->ir;
		return *out ? 0 : check_oom(c);
	}
	return check_number(c, v, at, out);
}

/* ---- members, indices ---- */

static int member_refuse(struct check *c, const struct value *base, const char *name, struct span at)
{
	struct type *t = base->type;
	char text[128];

	if (!t || (t->kind == TYPE_PTR && t->to->kind == TYPE_VOID))
		return diag_set(c->d, -EINVAL, at, "what has the member '%s' is not known here: cast it, as in !(struct T *)X->%s", name, name);
	type_print(t, text, sizeof(text));
	if (t->kind == TYPE_PTR && t->to->kind == TYPE_PTR) {
		diag_set(c->d, -EINVAL, at, "it is a '%s', a pointer to a pointer: (*X)->%s, or X[0]->%s", text, name, name);
		if (base->param >= 0)
			check_note_prototype(c);
		return -EINVAL;
	}
	return diag_set(c->d, -EINVAL, at, "'%s' has no members%s", text, t->kind == TYPE_INT && t->size == 8 ?
			": cast it, as in !(struct T *)X" : "");
}

/* A structure that is passed in a register: its member are some of its bits. */
static int member_of_register(struct check *c, const struct value *base, const struct member *m, struct value *out)
{
	struct ir *bits = ir_new(c, IR_BITS, base->ir, NULL);

	if (!bits)
		return check_oom(c);
	bits->number = m->bit_off;
	bits->bits = (uint8_t)(m->bit_size ? m->bit_size : m->type->size * 8);
	bits->is_signed = m->type->is_signed;
	*out = (struct value){ .ir = bits, .type = m->type, .param = -1 };
	return 0;
}

int check_member(struct check *c, struct value base, const char *name, struct span whole, struct span at, struct value *out)
{
	struct type *t = base.type;
	struct member m;
	struct ir *ir;
	char text[128];
	int err;

	if (base.packet && !check_packet_data(c, &base, name, out))
		return 0;
	if (t && t->kind == TYPE_PTR && is_record(t->to))
		t = t->to;
	else if (!is_record(t) || base.kind != V_PLAIN)
		return member_refuse(c, &base, name, at);
	t = type_real(c, t);
	type_print(t, text, sizeof(text));
	if (t->kind == TYPE_FORWARD)
		return diag_set(c->d, -ENOENT, at, "of '%s' only the name is known", text);
	err = type_member(c->types, t, name, &m);
	if (err == -ENOENT) {
		const char *near = type_member_nearest(c->types, t, name);

		return diag_set(c->d, err, at, "%s has no member '%s'%s%s%s", text, name, near ? "; did you mean '" : "",
				near ? near : "", near ? "'?" : "");
	}
	if (err)
		return diag_set(c->d, err, at, "%s: %s", text, strerror(-err));
	if (!base.type || (base.type == t && !base.place && t->size <= 8))
		return member_of_register(c, &base, &m, out);
	ir = base.ir;
	if (base.type->kind == TYPE_PTR) {
		err = check_number(c, &base, whole, &ir);
		if (err)
			return err;
	}
	ir = ir_add(c, ir, m.bit_size ? 0 : m.bit_off / 8);
	*out = (struct value){ .ir = ir, .type = m.type, .place = true, .bit_off = m.bit_size ? (uint32_t)m.bit_off : 0,
			       .bit_size = m.bit_size, .list = base.list, .param = -1 };
	return ir ? 0 : check_oom(c);
}

/* ir * size */
static struct ir *scaled(struct check *c, struct ir *ir, uint64_t size)
{
	struct ir *n;

	if (!ir || size == 1)
		return ir;
	if (ir->op == IR_NUM)
		return ir_num(c, ir->number * size);
	n = ir_num(c, size);
	return n ? ir_new(c, IR_MUL, ir, n) : NULL;
}

static struct ir *ir_plus(struct check *c, struct ir *a, struct ir *b)
{
	if (!a || !b)
		return NULL;
	return b->op == IR_NUM ? ir_add(c, a, b->number) : ir_new(c, IR_ADD, a, b);
}

static int check_index(struct check *c, const struct expr *e, struct value *out)
{
	struct value base, i;
	struct type *to;
	struct ir *at = NULL, *n = NULL;
	char text[128];
	int err = check_expr(c, e->a, &base);

	if (!err)
		err = check_expr(c, e->b, &i);
	if (!err)
		err = check_number(c, &i, e->b->span, &n);
	if (err)
		return err;
	if (!base.type || (base.type->kind != TYPE_PTR && base.type->kind != TYPE_ARRAY) || base.kind != V_PLAIN)
		return diag_set(c->d, -EINVAL, e->a->span, "'%s' is neither an array nor a pointer",
				base.type ? type_print(base.type, text, sizeof(text)) : "a number");
	to = type_real(c, base.type->to);
	if (!to->size)
		return diag_set(c->d, -EINVAL, e->a->span, "the size of an element of '%s' is not known",
				type_print(base.type, text, sizeof(text)));
	if (base.type->kind == TYPE_ARRAY && base.type->count && n->op == IR_NUM && n->number >= base.type->count)
		return diag_set(c->d, -EINVAL, e->b->span, "'%s' has %llu elements", type_print(base.type, text, sizeof(text)),
				(unsigned long long)base.type->count);
	err = check_number(c, &base, e->a->span, &at);
	if (err)
		return err;
	at = ir_plus(c, at, scaled(c, n, to->size));
	*out = (struct value){ .kind = base.text_at ? V_STRING : V_PLAIN, .ir = at, .type = to, .place = true, .list = base.list,
			       .param = -1 };
	return at ? 0 : check_oom(c);
}

/* ---- casts, unary, binary ---- */

static int check_cast(struct check *c, const struct expr *e, struct value *out)
{
	struct type *t = NULL;
	struct value v;
	struct ir *ir, *ext;
	int err;

	if (!e->a)
		return diag_set(c->d, -EINVAL, e->span, "a type is no value");
	err = check_type(c, &e->type, &t);
	if (!err)
		err = check_expr(c, e->a, &v);
	if (err)
		return err;
	if (!type_is_scalar(t)) { /* the same bytes, seen otherwise */
		if (!v.place)
			return diag_set(c->d, -EINVAL, e->type.span, "a number cannot become that; a pointer to it can");
		*out = v;
		out->type = t;
		out->bit_size = 0;
		return 0;
	}
	if (v.kind == V_STRING)
		ir = v.ir;
	else
		err = v.place && is_record(v.type) ? (ir = v.ir, 0) : check_number(c, &v, e->a->span, &ir);
	if (err)
		return err;
	if (t->size < 8) {
		ext = ir_new(c, IR_EXT, ir, NULL);
		if (!ext)
			return check_oom(c);
		ext->size = (uint8_t)t->size;
		ext->is_signed = t->is_signed;
		ir = ext;
	}
	*out = (struct value){ .ir = ir, .type = t, .list = v.list, .param = -1 };
	return 0;
}

static int check_deref(struct check *c, const struct expr *e, const struct value *v, struct value *out)
{
	struct type *to;
	struct ir *ir;
	char text[128];
	int err;

	if (!v->type || (v->type->kind != TYPE_PTR && v->type->kind != TYPE_ARRAY) || v->kind != V_PLAIN) {
		if (v->place && is_record(v->type)) { /* *%0->f_path: it is there already */
			*out = *v;
			return 0;
		}
		return diag_set(c->d, -EINVAL, e->a->span, "'%s' is not a pointer",
				v->type ? type_print(v->type, text, sizeof(text)) : "a number");
	}
	to = type_real(c, v->type->to);
	if (to->kind == TYPE_VOID || to->kind == TYPE_FORWARD)
		return diag_set(c->d, -EINVAL, e->a->span, "what '%s' points to is not known", type_print(v->type, text, sizeof(text)));
	err = check_number(c, v, e->a->span, &ir);
	*out = (struct value){ .ir = ir, .type = to, .place = true, .list = v->list, .param = -1 };
	return err;
}

static int check_unary(struct check *c, const struct expr *e, struct value *out)
{
	static const enum ir_op ops[] = { [OP_NEG] = IR_NEG, [OP_NOT] = IR_NOT, [OP_INV] = IR_INV };
	struct value v;
	struct ir *ir = NULL;
	int err = check_expr(c, e->a, &v);

	if (err)
		return err;
	if (e->op == OP_DEREF)
		return check_deref(c, e, &v, out);
	if (e->op == OP_ADDRESS) {
		if (!v.place || v.bit_size)
			return diag_set(c->d, -EINVAL, e->a->span, "this has no address");
		*out = (struct value){ .ir = v.ir, .param = -1, .type = v.type && c->types ? types_pointer(c->types, v.type) : NULL };
		return 0;
	}
	err = check_number(c, &v, e->a->span, &ir);
	if (err || !ir)
		return err ? err : check_oom(c);
	if (ir->op == IR_NUM && e->op != OP_NOT) {
		ir = ir_num(c, e->op == OP_NEG ? 0 - ir->number : ~ir->number);
	} else {
		ir = ir_new(c, ops[e->op], ir, NULL);
	}
	*out = (struct value){ .ir = ir, .type = type_of_number(8, e->op != OP_INV || !v.type || v.type->is_signed), .param = -1 };
	return ir ? 0 : check_oom(c);
}

/* Only what fills all 64 bits without a sign is compared and divided so. */
static bool is_unsigned(const struct value *v)
{
	return v->type && !v->type->is_signed && v->type->size == 8 && !v->bit_size && v->type->kind != TYPE_ARRAY;
}

static uint64_t fold(enum ir_op op, uint64_t a, uint64_t b)
{
	switch (op) {
	case IR_MUL: return a * b;
	case IR_ADD: return a + b;
	case IR_SUB: return a - b;
	case IR_SHL: return b < 64 ? a << b : 0;
	case IR_SHR: return b < 64 ? a >> b : 0;
	case IR_BAND: return a & b;
	case IR_XOR: return a ^ b;
	case IR_BOR: return a | b;
	case IR_DIV: return b ? a / b : 0;
	default: return b ? a % b : a;
	}
}

/* Both sides of an operator, which must be numbers. */
static int check_numbers(struct check *c, const struct expr *e, struct value *a, struct value *b, struct ir **x, struct ir **y)
{
	int err = check_expr(c, e->a, a);

	if (!err)
		err = check_expr(c, e->b, b);
	if (!err)
		err = check_number(c, a, e->a->span, x);
	return err ? err : check_number(c, b, e->b->span, y);
}

static int check_arithmetic(struct check *c, const struct expr *e, struct value *out)
{
	static const enum ir_op ops[] = {
		[OP_MUL] = IR_MUL, [OP_DIV] = IR_DIV, [OP_MOD] = IR_MOD, [OP_ADD] = IR_ADD, [OP_SUB] = IR_SUB, [OP_SHL] = IR_SHL,
		[OP_SHR] = IR_SHR, [OP_BAND] = IR_BAND, [OP_XOR] = IR_XOR, [OP_BOR] = IR_BOR,
	};
	struct value a, b;
	struct ir *x = NULL, *y = NULL, *ir;
	bool pointer;
	int err = check_numbers(c, e, &a, &b, &x, &y);

	if (err)
		return err;
	pointer = a.type && a.type->kind == TYPE_PTR && (e->op == OP_ADD || e->op == OP_SUB) && type_real(c, a.type->to)->size &&
		  !(b.type && b.type->kind == TYPE_PTR);
	if (pointer)
		y = scaled(c, y, type_real(c, a.type->to)->size);
	if (!y)
		return check_oom(c);
	if (x->op == IR_NUM && y->op == IR_NUM)
		ir = ir_num(c, fold(ops[e->op], x->number, y->number));
	else
		ir = ir_new(c, ops[e->op], x, y);
	if (!ir)
		return check_oom(c);
	ir->is_signed = !is_unsigned(&a) && (e->op == OP_SHR || !is_unsigned(&b));
	*out = (struct value){ .ir = ir, .type = pointer ? a.type : type_of_number(8, ir->is_signed), .param = -1,
			       .is_time = (a.is_time || b.is_time) && (e->op == OP_ADD || e->op == OP_SUB) };
	return 0;
}

static int check_logic(struct check *c, const struct expr *e, struct value *out)
{
	struct value a, b;
	struct ir *x = NULL, *y = NULL, *ir;
	int err = check_numbers(c, e, &a, &b, &x, &y);

	if (err)
		return err;
	ir = ir_new(c, e->op == OP_AND ? IR_AND : IR_OR, x, y);
	*out = (struct value){ .ir = ir, .type = type_of_number(1, false), .param = -1 };
	return ir ? 0 : check_oom(c);
}

static int check_binary(struct check *c, const struct expr *e, struct value *out)
{
	if (e->op == OP_AND || e->op == OP_OR)
		return check_logic(c, e, out);
	return e->op >= OP_LT && e->op <= OP_NGLOB ? check_compare(c, e, out) : check_arithmetic(c, e, out);
}

static int check_register(struct check *c, const struct expr *e, struct value *out)
{
	unsigned int bytes;
	int off = regs_find(e->text, &bytes);
	struct ir *ir;

	if (off < 0)
		return diag_set(c->d, -ENOENT, e->span, "this machine has no register '%s'", e->text);
	if (c->plan->point == POINT_TRACEPOINT || c->plan->point == POINT_RAW)
		return diag_set(c->d, -EINVAL, e->span, "a tracepoint has no registers");
	ir = ir_new(c, IR_REG, NULL, NULL);
	if (!ir)
		return check_oom(c);
	ir->number = (uint64_t)off;
	ir->size = (uint8_t)bytes;
	c->plan->needs_regs = true;
	*out = (struct value){ .ir = ir, .param = -1 };
	return 0;
}

int check_expr(struct check *c, const struct expr *e, struct value *out)
{
	struct value base;
	int err;

	*out = (struct value){ .param = -1 };
	switch (e->kind) {
	case EXPR_NUMBER:
		out->ir = ir_num(c, e->number);
		out->type = type_of_number(8, true);
		return out->ir ? 0 : check_oom(c);
	case EXPR_STRING: case EXPR_ADDR:
		out->kind = e->kind == EXPR_STRING ? V_TEXT : V_ADDR;
		out->constant = e;
		return 0;
	case EXPR_PARAM: return check_param(c, e->number, e->span, out);
	case EXPR_REG: return check_register(c, e, out);
	case EXPR_VAR: return check_name(c, e->text, e->span, true, out);
	case EXPR_NAME: return check_name(c, e->text, e->span, false, out);
	case EXPR_SYMBOL: case EXPR_AT: return check_symbol(c, e, out);
	case EXPR_MEMBER:
		err = check_expr(c, e->a, &base);
		return err ? err : check_member(c, base, e->text, e->a->span, e->name_span, out);
	case EXPR_INDEX: return check_index(c, e, out);
	case EXPR_CAST: return check_cast(c, e, out);
	case EXPR_PACKET: return check_packet(c, e, out);
	case EXPR_UNARY: return check_unary(c, e, out);
	case EXPR_BINARY: return check_binary(c, e, out);
	default: return check_call(c, e, out);
	}
}
