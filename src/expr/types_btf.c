/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Types from BTF, vmlinux's and those of modules. */
#include <errno.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "base/glob.h"
#include "expr/btf.h"
#include "expr/types_priv.h"

#define TRACEPOINT_TYPE "btf_trace_" /* a typedef for every tracepoint, include/trace/bpf_probe.h */

struct btf_origin {
	struct origin o;
	struct btf_origin *base;
	struct btf_file *file;
	struct type **made;    /* by id from the first on; pages of it appear when they are used */
	char module[64];       /* "" : vmlinux */
	int fd;                /* of the module's BTF in the kernel */
};

static struct type *btf_type(struct btf_origin *o, uint32_t id, unsigned int depth);

static struct type *fail(int err)
{
	errno = err;
	return NULL;
}

/* --- one type --- */

static struct type *int_make(struct btf_origin *o, const struct btf_type *bt)
{
	const char *name = types_base_name(btf_file_str(o->file, bt->name_off));
	uint32_t info = *(const uint32_t *)(bt + 1);
	enum type_kind kind = TYPE_INT;
	struct type *ty;

	if (BTF_INT_ENCODING(info) & BTF_INT_BOOL || !strcmp(name, "_Bool"))
		kind = TYPE_BOOL;
	else if (bt->size == 1)
		kind = types_byte_kind(name, NULL);
	ty = types_new(o->o.store, kind, name, bt->size);
	if (ty) {
		ty->is_signed = BTF_INT_ENCODING(info) & BTF_INT_SIGNED || !strcmp(name, "char");
		ty->complete = true;
	}
	return ty;
}

/* In the table before what it points to is looked at: a list node points to itself. */
static struct type *ptr_make(struct btf_origin *o, const struct btf_type *bt, struct type **slot, unsigned int depth)
{
	const struct btf_type *to = btf_file_type(o->file, bt->type);
	struct type *ty = types_new(o->o.store, TYPE_PTR, "", sizeof(void *)), *target;

	if (!ty)
		return NULL;
	*slot = ty;
	ty->complete = true;
	ty->user = to && btf_type_kind(to) == BTF_KIND_TYPE_TAG && !strcmp(btf_file_str(o->file, to->name_off), "user");
	target = btf_type(o, bt->type, depth + 1);
	if (target && types_refer(ty, target))
		return ty;
	*slot = NULL; /* what stays behind points to void */
	return NULL;
}

static struct type *array_make(struct btf_origin *o, const struct btf_type *bt, unsigned int depth)
{
	const struct btf_array *a = (const void *)(bt + 1);
	struct type *to = btf_type(o, a->type, depth + 1), *ty;
	uint64_t size;

	if (!to)
		return NULL;
	if (__builtin_mul_overflow(to->size, a->nelems, &size))
		return fail(EINVAL);
	ty = types_new(o->o.store, TYPE_ARRAY, "", size);
	if (ty) {
		ty->to = to;
		ty->count = a->nelems;
		ty->complete = true;
	}
	return ty;
}

static struct type *func_make(struct btf_origin *o, const struct btf_type *bt, struct type **slot, unsigned int depth)
{
	struct type *ty = types_new(o->o.store, TYPE_FUNC, "", 0), *returns;

	if (!ty)
		return NULL;
	*slot = ty;
	returns = btf_type(o, bt->type, depth + 1);
	if (returns && types_refer(ty, returns))
		return ty;
	*slot = NULL;
	return NULL;
}

/* The same type once more, under a name. */
static struct type *typedef_make(struct btf_origin *o, const struct btf_type *bt, unsigned int depth)
{
	struct type *is = btf_type(o, bt->type, depth + 1), *ty;

	if (!is)
		return NULL;
	ty = types_alloc(o->o.store, sizeof(*ty));
	if (!ty)
		return NULL;
	*ty = *is;
	ty->alias = btf_file_str(o->file, bt->name_off);
	if (ty->kind == TYPE_CHAR)
		ty->kind = types_byte_kind(ty->name, ty->alias);
	return ty;
}

static struct type *make(struct btf_origin *o, const struct btf_type *bt, struct type **slot, unsigned int depth)
{
	const char *name = btf_file_str(o->file, bt->name_off);
	struct types *t = o->o.store;
	struct type *ty;

	switch (btf_type_kind(bt)) {
	case BTF_KIND_INT: return int_make(o, bt);
	case BTF_KIND_PTR: return ptr_make(o, bt, slot, depth);
	case BTF_KIND_ARRAY: return array_make(o, bt, depth);
	case BTF_KIND_STRUCT: return types_new(t, TYPE_STRUCT, name, bt->size);
	case BTF_KIND_UNION: return types_new(t, TYPE_UNION, name, bt->size);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		ty = types_new(t, TYPE_ENUM, name, bt->size);
		if (ty)
			ty->is_signed = BTF_INFO_KFLAG(bt->info);
		return ty;
	case BTF_KIND_FWD: return types_new(t, TYPE_FORWARD, name, 0);
	case BTF_KIND_TYPEDEF: return typedef_make(o, bt, depth);
	case BTF_KIND_CONST: case BTF_KIND_VOLATILE: case BTF_KIND_RESTRICT: case BTF_KIND_TYPE_TAG:
		return btf_type(o, bt->type, depth + 1);
	case BTF_KIND_FUNC_PROTO: return func_make(o, bt, slot, depth);
	case BTF_KIND_FLOAT:
		ty = types_new(t, TYPE_FLOAT, name, bt->size);
		if (ty)
			ty->complete = ty->is_signed = true;
		return ty;
	default: return fail(EINVAL);
	}
}

static struct type *btf_type(struct btf_origin *o, uint32_t id, unsigned int depth)
{
	const struct btf_type *bt;
	struct type **slot, *ty;

	if (!id)
		return o->o.store->nothing;
	while (o->base && id < btf_file_first(o->file))
		o = o->base;
	bt = btf_file_type(o->file, id);
	if (!bt || depth > TYPES_DEPTH)
		return fail(EINVAL);
	slot = &o->made[id - btf_file_first(o->file)];
	ty = *slot;
	if (ty)
		return ty;
	ty = make(o, bt, slot, depth);
	if (ty && !ty->origin) { /* what only refers to another type has that one's */
		ty->origin = o;
		ty->id = id;
	}
	*slot = ty;
	return ty;
}

/* --- what it consists of --- */

static int members_make(struct btf_origin *o, const struct btf_type *bt, struct type *ty)
{
	const struct btf_member *bm = (const void *)(bt + 1);
	bool packed = BTF_INFO_KFLAG(bt->info);
	unsigned int n = btf_type_vlen(bt);
	struct member *m = types_alloc(o->o.store, (n + 1) * sizeof(*m));

	if (!m)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		const struct btf_type *mt = btf_file_type(o->file, bm[i].type);

		m[i].name = btf_file_str(o->file, bm[i].name_off);
		m[i].type = btf_type(o, bm[i].type, 0);
		if (!m[i].type)
			return -errno;
		m[i].bit_off = packed ? BTF_MEMBER_BIT_OFFSET(bm[i].offset) : bm[i].offset;
		m[i].bit_size = packed ? BTF_MEMBER_BITFIELD_SIZE(bm[i].offset) : 0;
		if (!packed && mt && btf_type_kind(mt) == BTF_KIND_INT) { /* as before Linux 4.20 */
			uint32_t info = *(const uint32_t *)(mt + 1);

			if (BTF_INT_BITS(info) != mt->size * 8) {
				m[i].bit_off += BTF_INT_OFFSET(info);
				m[i].bit_size = BTF_INT_BITS(info);
			}
		}
	}
	ty->members = m;
	ty->n = n;
	return 0;
}

/* Whether an enum is signed, old files do not tell: one with the highest bit set is then more likely to have a -1. */
static bool enum_signed(struct btf_origin *o, const struct btf_type *bt)
{
	const struct btf_enum *e = (const void *)(bt + 1);

	for (unsigned int i = 0; btf_type_kind(bt) == BTF_KIND_ENUM && bt->size <= 4 && i < btf_type_vlen(bt); i++)
		if (e[i].val < 0)
			return !btf_file_tells_signs(o->file);
	return false;
}

static int enumerators_make(struct btf_origin *o, const struct btf_type *bt, struct type *ty)
{
	const struct btf_enum *e = (const void *)(bt + 1);
	const struct btf_enum64 *e64 = (const void *)(bt + 1);
	bool wide = btf_type_kind(bt) == BTF_KIND_ENUM64;
	unsigned int n = btf_type_vlen(bt);
	struct enumerator *to = types_alloc(o->o.store, (n + 1) * sizeof(*to));

	if (!to)
		return -ENOMEM;
	ty->is_signed = ty->is_signed || enum_signed(o, bt);
	for (unsigned int i = 0; i < n; i++) {
		to[i].name = btf_file_str(o->file, wide ? e64[i].name_off : e[i].name_off);
		if (wide)
			to[i].value = (int64_t)((uint64_t)e64[i].val_hi32 << 32 | e64[i].val_lo32);
		else
			to[i].value = ty->is_signed ? e[i].val : (int64_t)(uint32_t)e[i].val;
	}
	ty->enumerators = to;
	ty->n = n;
	return 0;
}

static int params_make(struct btf_origin *o, const struct btf_type *bt, struct type *ty)
{
	const struct btf_param *bp = (const void *)(bt + 1);
	unsigned int n = btf_type_vlen(bt);
	struct parameter *p = types_alloc(o->o.store, (n + 1) * sizeof(*p));

	if (!p)
		return -ENOMEM;
	ty->variadic = n && !bp[n - 1].type;
	n -= ty->variadic;
	for (unsigned int i = 0; i < n; i++) {
		p[i].name = btf_file_str(o->file, bp[i].name_off);
		p[i].type = btf_type(o, bp[i].type, 0);
		if (!p[i].type)
			return -errno;
	}
	ty->params = p;
	ty->n = n;
	return 0;
}

/* Of the type itself; others are copies of it under a typedef's name. */
static int complete_one(struct btf_origin *o, struct type *ty)
{
	const struct btf_type *bt = btf_file_type(o->file, ty->id);
	int err;

	if (!bt)
		return -EINVAL;
	switch (btf_type_kind(bt)) {
	case BTF_KIND_STRUCT: case BTF_KIND_UNION: err = members_make(o, bt, ty); break;
	case BTF_KIND_ENUM: case BTF_KIND_ENUM64: err = enumerators_make(o, bt, ty); break;
	case BTF_KIND_FUNC_PROTO: err = params_make(o, bt, ty); break;
	default: return 0;
	}
	ty->complete = !err;
	return err;
}

static int btf_complete(struct origin *origin, struct type *ty)
{
	struct btf_origin *o = (struct btf_origin *)origin;
	struct type *is = o->made[ty->id - btf_file_first(o->file)];
	int err = is->complete ? 0 : complete_one(o, is);

	if (err || ty == is)
		return err;
	ty->members = is->members;
	ty->n = is->n;
	ty->variadic = is->variadic;
	ty->is_signed = is->is_signed;
	return 0;
}

/* --- by name --- */

static struct type *find_base(struct btf_origin *o, const char *name)
{
	const uint32_t kinds = 1u << BTF_KIND_INT | 1u << BTF_KIND_FLOAT | 1u << BTF_KIND_TYPEDEF;
	const char *canonical = types_base_canonical(name), *as;

	if (!canonical)
		canonical = name;
	if (!strcmp(canonical, "void"))
		return o->o.store->nothing;
	for (unsigned int i = 0; (as = types_base_spelling(canonical, i)); i++) {
		uint32_t id = btf_file_find(o->file, as, kinds, 0);

		if (id)
			return btf_type(o, id, 0);
	}
	return fail(ENOENT);
}

static struct type *btf_find(struct origin *origin, enum type_kind kind, const char *name)
{
	struct btf_origin *o = (struct btf_origin *)origin;
	uint32_t kinds, id;

	switch (kind) {
	case TYPE_STRUCT: case TYPE_UNION: /* the word typed is not what counts: the name is unique among both */
		kinds = 1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION;
		break;
	case TYPE_ENUM:
		kinds = 1u << BTF_KIND_ENUM | 1u << BTF_KIND_ENUM64;
		break;
	default:
		return find_base(o, name);
	}
	id = btf_file_find(o->file, name, kinds, 0);
	return id ? btf_type(o, id, 0) : fail(ENOENT);
}

static struct type *btf_function(struct origin *origin, const char *name, unsigned int *more)
{
	struct btf_origin *o = (struct btf_origin *)origin;
	uint32_t first = btf_file_find(o->file, name, 1u << BTF_KIND_FUNC, 0);
	const struct btf_type *bt = first ? btf_file_type(o->file, first) : NULL;
	const struct btf_type *proto = bt ? btf_file_type(o->file, bt->type) : NULL;

	if (!bt)
		return fail(ENOENT);
	if (!proto || btf_type_kind(proto) != BTF_KIND_FUNC_PROTO)
		return fail(EINVAL);
	for (uint32_t id = first; (id = btf_file_find(o->file, name, 1u << BTF_KIND_FUNC, id));)
		++*more;
	return btf_type(o, bt->type, 0);
}

static struct type *btf_variable(struct origin *origin, const char *name)
{
	struct btf_origin *o = (struct btf_origin *)origin;
	uint32_t id = btf_file_find(o->file, name, 1u << BTF_KIND_VAR, 0);

	return id ? btf_type(o, btf_file_type(o->file, id)->type, 0) : fail(ENOENT);
}

static uint32_t tracepoint_id(struct btf_origin *o, const char *name)
{
	char type[256];
	int n = snprintf(type, sizeof(type), TRACEPOINT_TYPE "%s", name);

	return n < (int)sizeof(type) ? btf_file_find(o->file, type, 1u << BTF_KIND_TYPEDEF, 0) : 0;
}

/* The typedef's parameters have no names. Those of the function that calls the tracepoint's probes (from 5.10 on) have. */
static struct type *tracepoint_named(struct btf_origin *o, struct type *fn, const char *name)
{
	char iter[256];
	unsigned int more = 0;
	int n = snprintf(iter, sizeof(iter), "__traceiter_%s", name);
	struct type *ty = n < (int)sizeof(iter) ? btf_function(&o->o, iter, &more) : NULL;

	if (!ty || type_complete(o->o.store, ty) || ty->n != fn->n)
		return fn;
	for (unsigned int i = 0; i < fn->n; i++)
		if (ty->params[i].type != fn->params[i].type)
			return fn;
	return ty;
}

/* typedef btf_trace_X -> pointer -> function prototype, whose first parameter is void *__data. */
struct type *types_btf_tracepoint(struct origin *origin, const char *name)
{
	struct btf_origin *o = (struct btf_origin *)origin;
	uint32_t id = tracepoint_id(o, name);
	struct type *ptr = id ? btf_type(o, id, 0) : fail(ENOENT), *fn, *ty;
	int err;

	if (!ptr)
		return NULL;
	fn = ptr->kind == TYPE_PTR ? ptr->to : ptr;
	if (fn->kind != TYPE_FUNC)
		return fail(EINVAL);
	err = type_complete(origin->store, fn);
	if (err || !fn->n)
		return fail(err ? -err : EINVAL);
	ty = types_alloc(origin->store, sizeof(*ty));
	if (!ty)
		return NULL;
	*ty = *tracepoint_named(o, fn, name);
	ty->to = origin->store->nothing;
	ty->complete = true;
	ty->params++;
	ty->n--;
	return ty;
}

int types_btf_find_id(struct origin *origin, enum type_kind what, const char *name)
{
	struct btf_origin *o = (struct btf_origin *)origin;

	switch (what) {
	case TYPE_VOID: return (int)tracepoint_id(o, name);
	case TYPE_FUNC: return (int)btf_file_find(o->file, name, 1u << BTF_KIND_FUNC, 0);
	default: return (int)btf_file_find(o->file, name, 1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION, 0);
	}
}

static int btf_each(struct origin *origin, enum type_kind what, const char *glob, int (*fn)(void *ctx, const char *name), void *ctx)
{
	struct btf_origin *o = (struct btf_origin *)origin;
	uint32_t kinds = what == TYPE_FUNC ? 1u << BTF_KIND_FUNC : what == TYPE_VOID ? 1u << BTF_KIND_TYPEDEF :
			 1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION | 1u << BTF_KIND_ENUM | 1u << BTF_KIND_ENUM64;
	size_t skip = what == TYPE_VOID ? strlen(TRACEPOINT_TYPE) : 0;
	int stop = 0;

	for (uint32_t id = btf_file_first(o->file); id < btf_file_end(o->file) && !stop; id++) {
		const struct btf_type *bt = btf_file_type(o->file, id);
		const char *name = btf_file_str(o->file, bt->name_off);

		if (!(kinds & 1u << btf_type_kind(bt)) || !name[0] || (skip && strncmp(name, TRACEPOINT_TYPE, skip)))
			continue;
		if (glob_match(glob, name + skip))
			stop = fn(ctx, name + skip);
	}
	return stop;
}

/* --- the place itself --- */

static void btf_origin_free(struct origin *origin)
{
	struct btf_origin *o = (struct btf_origin *)origin;

	if (o->fd > 0)
		close(o->fd);
	btf_file_free(o->file);
	free(o->made);
	free(o);
}

static const struct origin_ops btf_ops = {
	.find = btf_find, .function = btf_function, .variable = btf_variable, .complete = btf_complete, .each = btf_each,
	.free = btf_origin_free,
};

struct origin *types_btf_new(struct types *t, const char *path, const char *module, struct origin *base)
{
	struct btf_origin *b = (struct btf_origin *)base, *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	*o = (struct btf_origin){ .o = { &btf_ops, t }, .base = b };
	snprintf(o->module, sizeof(o->module), "%s", module);
	o->file = btf_file_open(path, b ? b->file : NULL);
	if (o->file)
		o->made = calloc(btf_file_end(o->file) - btf_file_first(o->file) + 1, sizeof(struct type *));
	if (!o->made) {
		int err = errno;

		btf_origin_free(&o->o);
		errno = err;
		return NULL;
	}
	return &o->o;
}

bool types_btf_is(const struct origin *o)
{
	return o->ops == &btf_ops;
}

const char *types_btf_module(const struct origin *o)
{
	return ((const struct btf_origin *)o)->module;
}

static bool btf_fd_is(int fd, const char *name)
{
	char has[64] = "";
	struct bpf_btf_info info = { .name = (uintptr_t)has, .name_len = sizeof(has) };
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.kernel_btf && !strcmp(has, name);
}

int types_btf_fd(struct origin *origin)
{
	struct btf_origin *o = (struct btf_origin *)origin;
	uint32_t id = 0;

	while (o->fd <= 0 && !bpf_btf_get_next_id(id, &id)) {
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0 && errno != ENOENT)
			return -errno;
		if (fd >= 0 && btf_fd_is(fd, o->module))
			o->fd = fd;
		else if (fd >= 0)
			close(fd);
	}
	return o->fd > 0 ? o->fd : -ENOENT;
}
