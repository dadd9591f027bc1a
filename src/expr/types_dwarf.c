/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Types from DWARF: of programs, libraries and modules. */
#include <errno.h>
#include <dwarf.h>

#include "base/glob.h"
#include "expr/dwarf.h"
#include "expr/types_priv.h"
#include "kernel/targets.h"

enum { DIMENSIONS = 8, LOOKUPS = 8 /* from then on the pass over all units is cheaper */ };

struct made { Dwarf_Die die; struct type *type; uint32_t next; };

struct dwarf_origin {
	struct origin o;
	struct dwarf_file *file;
	char *path;
	VEC(struct made) made;     /* type->id is an index in it */
	uint32_t *head, buckets;   /* by address of the entry: index + 1 */
	bool user;
	unsigned int lookups;
	ufuncs_t symbols;          /* all, from some look-ups on */
};

static struct type *die_type(struct dwarf_origin *o, Dwarf_Die *die, unsigned int depth);

static struct type *fail(int err)
{
	errno = err;
	return NULL;
}

/* --- what was made --- */

static uint32_t *made_slot(struct dwarf_origin *o, const void *addr)
{
	return &o->head[((uintptr_t)addr * 0x9e3779b97f4a7c15ull >> 32) & (o->buckets - 1)];
}

static struct type *made_find(struct dwarf_origin *o, const void *addr)
{
	uint32_t i = o->buckets ? *made_slot(o, addr) : 0;

	for (; i; i = o->made.v[i - 1].next)
		if (o->made.v[i - 1].die.addr == addr)
			return o->made.v[i - 1].type;
	return NULL;
}

static int made_grow(struct dwarf_origin *o)
{
	uint32_t n = o->buckets ? o->buckets * 2 : 256;
	uint32_t *head = calloc(n, sizeof(*head));

	if (!head)
		return -ENOMEM;
	free(o->head);
	o->head = head;
	o->buckets = n;
	for (uint32_t i = 0; i < o->made.n; i++) {
		uint32_t *slot = made_slot(o, o->made.v[i].die.addr);

		o->made.v[i].next = *slot;
		*slot = i + 1;
	}
	return 0;
}

/* Remembers it before what it refers to is looked at: a list node points to itself. */
static struct type *made_add(struct dwarf_origin *o, Dwarf_Die *die, struct type *ty)
{
	struct made m = { .die = *die, .type = ty };
	uint32_t *slot;

	if (!ty || (o->made.n >= o->buckets && made_grow(o)) || vec_push(&o->made, m))
		return fail(ENOMEM);
	slot = made_slot(o, die->addr);
	o->made.v[o->made.n - 1].next = *slot;
	*slot = (uint32_t)o->made.n;
	if (!ty->origin) {
		ty->origin = o;
		ty->id = (uint32_t)o->made.n - 1;
	}
	return ty;
}

/* --- attributes --- */

static bool attr_die(Dwarf_Die *die, unsigned int name, Dwarf_Die *to)
{
	Dwarf_Attribute at;

	return dwarf_attr_integrate(die, name, &at) && dwarf_formref_die(&at, to);
}

static bool attr_number(Dwarf_Die *die, unsigned int name, uint64_t *v)
{
	Dwarf_Attribute at;
	Dwarf_Word word;

	if (!dwarf_attr_integrate(die, name, &at) || dwarf_formudata(&at, &word))
		return false;
	*v = word;
	return true;
}

static bool attr_flag(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute at;
	bool yes = false;

	return dwarf_attr_integrate(die, name, &at) && !dwarf_formflag(&at, &yes) && yes;
}

static const char *name_of(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);

	return name ? name : "";
}

/* What an entry's type is: void when it has none. */
static struct type *type_of(struct dwarf_origin *o, Dwarf_Die *die, unsigned int depth)
{
	Dwarf_Die to;

	return attr_die(die, DW_AT_type, &to) ? die_type(o, &to, depth + 1) : o->o.store->nothing;
}

static uint64_t size_of(Dwarf_Die *die)
{
	uint64_t v = 0;

	return attr_number(die, DW_AT_byte_size, &v) ? v : 0;
}

/* --- one type --- */

static struct type *base_make(struct dwarf_origin *o, Dwarf_Die *die)
{
	const char *name = types_base_name(name_of(die));
	struct type *ty = types_new(o->o.store, TYPE_INT, name, size_of(die));
	uint64_t encoding = 0;

	if (!ty)
		return NULL;
	attr_number(die, DW_AT_encoding, &encoding);
	ty->is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char || encoding == DW_ATE_float;
	if (encoding == DW_ATE_boolean)
		ty->kind = TYPE_BOOL;
	else if (encoding == DW_ATE_float || encoding == DW_ATE_complex_float)
		ty->kind = TYPE_FLOAT;
	else if (ty->size == 1 && encoding != DW_ATE_UTF)
		ty->kind = types_byte_kind(name, NULL);
	if (ty->size > 16 || !ty->size)
		return fail(EINVAL);
	ty->complete = true;
	return made_add(o, die, ty);
}

static struct type *refer_make(struct dwarf_origin *o, Dwarf_Die *die, enum type_kind kind, unsigned int depth)
{
	struct type *ty = types_new(o->o.store, kind, "", kind == TYPE_PTR ? sizeof(void *) : 0), *to;

	ty = made_add(o, die, ty);
	to = ty ? type_of(o, die, depth) : NULL;
	if (!to || !types_refer(ty, to))
		return NULL; /* what stays behind points to void */
	ty->complete = kind == TYPE_PTR;
	ty->user = kind == TYPE_PTR && o->user;
	return ty;
}

/* Elements of one dimension; 0: not told, or told by an expression. */
static uint64_t subrange_count(Dwarf_Die *die)
{
	uint64_t v = 0, low = 0;

	if (attr_number(die, DW_AT_count, &v))
		return v;
	if (!attr_number(die, DW_AT_upper_bound, &v) || (int64_t)v < 0)
		return 0;
	attr_number(die, DW_AT_lower_bound, &low);
	return v >= low ? v - low + 1 : 0;
}

static struct type *array_one(struct dwarf_origin *o, struct type *to, uint64_t count)
{
	struct type *ty;
	uint64_t size;

	if (__builtin_mul_overflow(to->size, count, &size))
		return fail(EINVAL);
	ty = types_new(o->o.store, TYPE_ARRAY, "", size);
	if (ty) {
		ty->to = to;
		ty->count = count;
		ty->complete = true;
	}
	return ty;
}

static struct type *array_make(struct dwarf_origin *o, Dwarf_Die *die, unsigned int depth)
{
	struct type *ty = type_of(o, die, depth);
	uint64_t count[DIMENSIONS];
	bool begun = false;
	Dwarf_Die child;
	int n = 0;

	while (ty && n < DIMENSIONS && dwarf_child_next(die, &child, &begun))
		if (dwarf_tag(&child) == DW_TAG_subrange_type)
			count[n++] = subrange_count(&child);
	if (ty && !n)
		count[n++] = 0;
	while (ty && n > 0) /* the last dimension is the innermost */
		ty = array_one(o, ty, count[--n]);
	return ty ? made_add(o, die, ty) : NULL;
}

static struct type *struct_make(struct dwarf_origin *o, Dwarf_Die *die, enum type_kind kind, unsigned int depth)
{
	Dwarf_Die unit;

	if (attr_die(die, DW_AT_signature, &unit) && unit.addr != die->addr)
		return die_type(o, &unit, depth + 1);
	if (attr_flag(die, DW_AT_declaration))
		return made_add(o, die, types_new(o->o.store, TYPE_FORWARD, name_of(die), 0));
	return made_add(o, die, types_new(o->o.store, kind, name_of(die), size_of(die)));
}

static struct type *enum_make(struct dwarf_origin *o, Dwarf_Die *die)
{
	struct type *ty = types_new(o->o.store, TYPE_ENUM, name_of(die), size_of(die));
	Dwarf_Die base;
	uint64_t encoding = 0;

	if (ty && attr_die(die, DW_AT_type, &base) && attr_number(&base, DW_AT_encoding, &encoding))
		ty->is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
	return made_add(o, die, ty);
}

static struct type *typedef_make(struct dwarf_origin *o, Dwarf_Die *die, unsigned int depth)
{
	struct type *is = type_of(o, die, depth), *ty;

	if (!is)
		return NULL;
	ty = types_alloc(o->o.store, sizeof(*ty));
	if (!ty)
		return NULL;
	*ty = *is;
	ty->alias = name_of(die);
	if (ty->kind == TYPE_CHAR)
		ty->kind = types_byte_kind(ty->name, ty->alias);
	return made_add(o, die, ty);
}

static struct type *make(struct dwarf_origin *o, Dwarf_Die *die, unsigned int depth)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_base_type: return base_make(o, die);
	case DW_TAG_pointer_type: case DW_TAG_reference_type: case DW_TAG_rvalue_reference_type:
		return refer_make(o, die, TYPE_PTR, depth);
	case DW_TAG_subroutine_type: return refer_make(o, die, TYPE_FUNC, depth);
	case DW_TAG_array_type: return array_make(o, die, depth);
	case DW_TAG_structure_type: case DW_TAG_class_type: return struct_make(o, die, TYPE_STRUCT, depth);
	case DW_TAG_union_type: return struct_make(o, die, TYPE_UNION, depth);
	case DW_TAG_enumeration_type: return enum_make(o, die);
	case DW_TAG_typedef: return typedef_make(o, die, depth);
	case DW_TAG_const_type: case DW_TAG_volatile_type: case DW_TAG_restrict_type: case DW_TAG_atomic_type:
	case DW_TAG_immutable_type: case DW_TAG_packed_type: case DW_TAG_shared_type:
		return type_of(o, die, depth);
	case DW_TAG_ptr_to_member_type: return types_int(o->o.store, sizeof(long), false);
	default: return o->o.store->nothing; /* of other languages: something without a size */
	}
}

static struct type *die_type(struct dwarf_origin *o, Dwarf_Die *die, unsigned int depth)
{
	struct type *ty = made_find(o, die->addr);

	if (ty)
		return ty;
	return depth > TYPES_DEPTH ? fail(EINVAL) : make(o, die, depth);
}

/* --- what it consists of --- */

typedef VEC(struct member) members_t;

static uint64_t member_offset(Dwarf_Die *die)
{
	Dwarf_Attribute at;
	Dwarf_Op *ops;
	size_t n;
	uint64_t v = 0;

	if (attr_number(die, DW_AT_data_member_location, &v))
		return v;
	if (dwarf_attr(die, DW_AT_data_member_location, &at) && !dwarf_getlocation(&at, &ops, &n) && n == 1 &&
	    ops[0].atom == DW_OP_plus_uconst)
		return ops[0].number;
	return 0;
}

/* DW_AT_bit_offset counts from the most significant bit of the storage unit, as DWARF 3 did. */
static void member_bits(Dwarf_Die *die, struct member *m)
{
	uint64_t bits = 0, off = 0, storage = m->type->size;

	if (!attr_number(die, DW_AT_bit_size, &bits) || !bits || bits > 128)
		return;
	if (attr_number(die, DW_AT_data_bit_offset, &off)) {
		m->bit_off = off;
	} else if (attr_number(die, DW_AT_bit_offset, &off)) {
		attr_number(die, DW_AT_byte_size, &storage);
		m->bit_off += storage * 8 - off - bits;
	}
	m->bit_size = (uint32_t)bits;
}

static int member_add(struct dwarf_origin *o, Dwarf_Die *die, members_t *to)
{
	struct member m = { .name = "" };

	if (dwarf_tag(die) == DW_TAG_member)
		m.name = name_of(die);
	else if (dwarf_tag(die) != DW_TAG_inheritance) /* a C++ base class: reached as if its members were here */
		return 0;
	if (attr_flag(die, DW_AT_external) || attr_flag(die, DW_AT_declaration)) /* C++: static */
		return 0;
	m.type = type_of(o, die, 0);
	if (!m.type)
		return -errno;
	m.bit_off = member_offset(die) * 8;
	member_bits(die, &m);
	return vec_push(to, m);
}

static int members_make(struct dwarf_origin *o, Dwarf_Die *die, struct type *ty)
{
	members_t m = { 0 };
	bool begun = false;
	Dwarf_Die child;
	int err = 0;

	while (!err && dwarf_child_next(die, &child, &begun))
		err = member_add(o, &child, &m);
	if (!err && m.n) {
		ty->members = types_alloc(o->o.store, m.n * sizeof(*m.v));
		if (ty->members) {
			memcpy(ty->members, m.v, m.n * sizeof(*m.v));
			ty->n = (unsigned int)m.n;
		} else {
			err = -ENOMEM;
		}
	}
	vec_free(&m);
	return err;
}

/* gcc writes small numbers without a sign in the shortest form, and those with one as sdata. */
static int64_t enumerator_value(Dwarf_Die *die)
{
	Dwarf_Attribute at;
	Dwarf_Sword s = 0;
	Dwarf_Word u = 0;

	if (!dwarf_attr(die, DW_AT_const_value, &at))
		return 0;
	if (dwarf_whatform(&at) == DW_FORM_sdata || dwarf_whatform(&at) == DW_FORM_implicit_const)
		return dwarf_formsdata(&at, &s) ? 0 : s;
	return dwarf_formudata(&at, &u) ? 0 : (int64_t)u;
}

static int enumerators_make(struct dwarf_origin *o, Dwarf_Die *die, struct type *ty)
{
	VEC(struct enumerator) e = { 0 };
	bool begun = false;
	Dwarf_Die child;
	int err = 0;

	while (!err && dwarf_child_next(die, &child, &begun))
		if (dwarf_tag(&child) == DW_TAG_enumerator)
			err = vec_push(&e, (struct enumerator){ name_of(&child), enumerator_value(&child) });
	for (size_t i = 0; i < e.n; i++)
		ty->is_signed |= e.v[i].value < 0 && ty->size < 8;
	if (!err && e.n) {
		ty->enumerators = types_alloc(o->o.store, e.n * sizeof(*e.v));
		err = ty->enumerators ? 0 : -ENOMEM;
	}
	if (!err && e.n) {
		memcpy(ty->enumerators, e.v, e.n * sizeof(*e.v));
		ty->n = (unsigned int)e.n;
	}
	vec_free(&e);
	return err;
}

static int params_make(struct dwarf_origin *o, Dwarf_Die *die, struct type *ty)
{
	VEC(struct parameter) p = { 0 };
	bool begun = false;
	Dwarf_Die child;
	int err = 0;

	while (!err && dwarf_child_next(die, &child, &begun)) {
		struct type *of;

		if (dwarf_tag(&child) == DW_TAG_unspecified_parameters)
			ty->variadic = true;
		if (dwarf_tag(&child) != DW_TAG_formal_parameter)
			continue;
		of = type_of(o, &child, 0);
		err = of ? vec_push(&p, (struct parameter){ name_of(&child), of }) : -errno;
	}
	if (!err && p.n) {
		ty->params = types_alloc(o->o.store, p.n * sizeof(*p.v));
		err = ty->params ? 0 : -ENOMEM;
	}
	if (!err && p.n) {
		memcpy(ty->params, p.v, p.n * sizeof(*p.v));
		ty->n = (unsigned int)p.n;
	}
	vec_free(&p);
	return err;
}

static int dwarf_complete(struct origin *origin, struct type *ty)
{
	struct dwarf_origin *o = (struct dwarf_origin *)origin;
	Dwarf_Die die = o->made.v[ty->id].die; /* the table moves when types are made */
	struct type *is = o->made.v[ty->id].type;
	int err = 0;

	if (!is->complete) {
		switch (is->kind) {
		case TYPE_STRUCT: case TYPE_UNION: err = members_make(o, &die, is); break;
		case TYPE_ENUM: err = enumerators_make(o, &die, is); break;
		case TYPE_FUNC: err = params_make(o, &die, is); break;
		default: break;
		}
		is->complete = !err;
	}
	if (err || ty == is)
		return err;
	ty->members = is->members;
	ty->n = is->n;
	ty->variadic = is->variadic;
	ty->is_signed = is->is_signed;
	return 0;
}

/* --- by name --- */

static struct type *named(struct dwarf_origin *o, enum dwarf_what what, const char *name)
{
	const struct dwarf_name *n = dwarf_file_find(o->file, what, name);
	Dwarf_Die die;

	if (!n)
		return fail(ENOENT);
	return dwarf_file_die(o->file, n, &die) ? die_type(o, &die, 0) : fail(EINVAL);
}

static struct type *dwarf_find(struct origin *origin, enum type_kind kind, const char *name)
{
	struct dwarf_origin *o = (struct dwarf_origin *)origin;
	const char *canonical, *as;

	if (kind == TYPE_STRUCT || kind == TYPE_UNION)
		return named(o, DWARF_STRUCT, name);
	if (kind == TYPE_ENUM)
		return named(o, DWARF_ENUM, name);
	canonical = types_base_canonical(name);
	canonical = canonical ? canonical : name;
	if (!strcmp(canonical, "void"))
		return origin->store->nothing;
	for (unsigned int i = 0; (as = types_base_spelling(canonical, i)); i++) {
		struct type *ty = named(o, DWARF_BASE, as);

		if (ty || errno != ENOENT)
			return ty;
	}
	return fail(ENOENT);
}

/* They are sorted by name. */
static size_t symbols_first(const ufuncs_t *u, const char *name)
{
	size_t lo = 0, hi = u->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(u->v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * By the address that the symbol has: one unit is read and not all, and the names that functions have inside a library do not
 * matter (fopen is _IO_new_fopen). Compilers other than gcc leave out the table of addresses.
 */
static bool symbol_die(struct dwarf_origin *o, const char *name, Dwarf_Die *die, unsigned int *more)
{
	bool keep = o->lookups > LOOKUPS, found = false;
	ufuncs_t one = { 0 }, *u = keep ? &o->symbols : &one;
	unsigned int same = 0;

	if (!o->user || (!u->n && ufuncs_find(o->path, keep ? "*" : name, u)))
		return false;
	for (size_t i = keep ? symbols_first(u, name) : 0; i < u->n && (!keep || !strcmp(u->v[i].name, name)); i++) {
		if (strcmp(u->v[i].name, name)) /* a variant: name.cold */
			continue;
		same++;
		found = found || dwarf_file_function_at(o->file, u->v[i].addr, die);
	}
	ufuncs_free(&one);
	*more += found ? same - 1 : 0;
	return found;
}

static bool named_die(struct dwarf_origin *o, const char *name, Dwarf_Die *die, unsigned int *more)
{
	const struct dwarf_name *n = dwarf_file_find(o->file, DWARF_FUNC, name);

	if (!n || !dwarf_file_die(o->file, n, die))
		return false;
	*more += n->copies > 1 ? n->copies - 1u : 0;
	return true;
}

/* Where the code is in several places, or inlined too, the prototype is in the entry that they refer to. */
static struct type *dwarf_function(struct origin *origin, const char *name, unsigned int *more)
{
	struct dwarf_origin *o = (struct dwarf_origin *)origin;
	bool by_name = dwarf_file_indexed(o->file) || ++o->lookups > LOOKUPS;
	Dwarf_Die die, abstract;
	struct type *ty, *to;

	if (!(by_name ? named_die(o, name, &die, more) : symbol_die(o, name, &die, more)) &&
	    !(by_name ? symbol_die(o, name, &die, more) : named_die(o, name, &die, more)))
		return fail(ENOENT);
	if (attr_die(&die, DW_AT_abstract_origin, &abstract))
		die = abstract;
	ty = made_find(o, die.addr);
	if (ty)
		return ty;
	to = type_of(o, &die, 0);
	ty = to ? types_new(o->o.store, TYPE_FUNC, name_of(&die), 0) : NULL;
	if (ty)
		ty->to = to;
	return ty ? made_add(o, &die, ty) : NULL;
}

static struct type *dwarf_variable(struct origin *origin, const char *name)
{
	struct dwarf_origin *o = (struct dwarf_origin *)origin;
	const struct dwarf_name *n = dwarf_file_find(o->file, DWARF_VAR, name);
	Dwarf_Die die;

	return n && dwarf_file_die(o->file, n, &die) ? type_of(o, &die, 0) : fail(ENOENT);
}

static int dwarf_each(struct origin *origin, enum type_kind what, const char *glob, int (*fn)(void *ctx, const char *name), void *ctx)
{
	struct dwarf_origin *o = (struct dwarf_origin *)origin;
	const struct dwarf_name *n;
	int stop = 0;

	for (uint32_t i = 0; !stop && (n = dwarf_file_name(o->file, i)); i++) {
		bool wanted = what == TYPE_FUNC ? n->what == DWARF_FUNC && n->copies :
			      what == TYPE_STRUCT && (n->what == DWARF_STRUCT || n->what == DWARF_ENUM);

		if (wanted && glob_match(glob, n->name))
			stop = fn(ctx, n->name);
	}
	return stop;
}

/* --- the place itself --- */

static void dwarf_origin_free(struct origin *origin)
{
	struct dwarf_origin *o = (struct dwarf_origin *)origin;

	dwarf_file_free(o->file);
	vec_free(&o->made);
	free(o->head);
	free(o->path);
	ufuncs_free(&o->symbols);
	free(o);
}

static const struct origin_ops dwarf_ops = {
	.find = dwarf_find, .function = dwarf_function, .variable = dwarf_variable, .complete = dwarf_complete,
	.each = dwarf_each, .free = dwarf_origin_free,
};

struct origin *types_dwarf_new(struct types *t, const char *path)
{
	struct dwarf_origin *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->o = (struct origin){ &dwarf_ops, t };
	o->path = strdup(path);
	o->file = o->path ? dwarf_file_open(path) : NULL;
	if (!o->file) {
		int err = errno;

		dwarf_origin_free(&o->o);
		errno = err;
		return NULL;
	}
	o->user = !dwarf_file_relocatable(o->file);
	return &o->o;
}
