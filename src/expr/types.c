/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <dirent.h>
#include <errno.h>

#include "base/opts.h"
#include "expr/types_priv.h"

#define BTF_DIR "/sys/kernel/btf"

/* --- memory --- */

void *types_alloc(struct types *t, size_t size)
{
	struct chunk *c = t->memory;
	size_t head = (sizeof(*c) + 15) & ~(size_t)15;
	void *p;

	if (size > SIZE_MAX / 4) {
		errno = ENOMEM;
		return NULL;
	}
	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - c->used < size) {
		size_t room = size > 16384 ? size : 16384;

		c = calloc(1, head + room);
		if (!c)
			return NULL;
		*c = (struct chunk){ t->memory, 0, room };
		t->memory = c;
	}
	p = (char *)c + head + c->used;
	c->used += size;
	return p;
}

struct type *types_new(struct types *t, enum type_kind kind, const char *name, uint64_t size)
{
	struct type *ty = types_alloc(t, sizeof(*ty));

	if (ty)
		*ty = (struct type){ .kind = kind, .name = name, .size = size, .to = t->nothing };
	return ty;
}

bool types_refer(struct type *ty, struct type *to)
{
	const struct type *at = to;

	for (unsigned int i = 0; i < TYPES_DEPTH; i++) {
		if (at == ty)
			break;
		if (at->kind != TYPE_PTR && at->kind != TYPE_ARRAY && at->kind != TYPE_FUNC) {
			ty->to = to;
			return true;
		}
		at = at->to;
	}
	errno = EINVAL;
	return false;
}

int types_origin_add(struct types *t, struct origin *o)
{
	if (!vec_push(&t->origins, o))
		return 0;
	o->ops->free(o);
	return -ENOMEM;
}

static struct types *types_begin(void)
{
	struct types *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->nothing = types_new(t, TYPE_VOID, "void", 0);
	if (!t->nothing) {
		types_free(t);
		return NULL;
	}
	t->nothing->complete = true;
	t->nothing->to = t->nothing;
	return t;
}

void types_free(struct types *t)
{
	struct chunk *c;

	if (!t)
		return;
	while (t->origins.n) { /* modules before what they build on */
		struct origin *o = t->origins.v[--t->origins.n];

		o->ops->free(o);
	}
	while ((c = t->memory)) {
		t->memory = c->next;
		free(c);
	}
	vec_free(&t->origins);
	vec_free(&t->pointers);
	vec_free(&t->arrays);
	free(t);
}

struct types *types_of_kernel(const char *btf_path)
{
	struct types *t = types_begin();
	int err;

	if (!t)
		return NULL;
	t->vmlinux = types_btf_new(t, btf_path ? btf_path : BTF_DIR "/vmlinux", "", NULL);
	err = t->vmlinux ? types_origin_add(t, t->vmlinux) : -errno;
	if (err) {
		types_free(t);
		errno = -err;
		return NULL;
	}
	t->modules = !btf_path;
	return t;
}

struct types *types_of_binary(const char *path)
{
	struct types *t = types_begin();
	struct origin *o = t ? types_dwarf_new(t, path) : NULL;
	int err = !t ? -ENOMEM : o ? types_origin_add(t, o) : -errno;

	if (!err)
		return t;
	types_free(t);
	errno = -err;
	return NULL;
}

/* "/lib/modules/6.1.0/net/nf-tables.ko" -> "nf_tables" */
static void module_name(const char *path, char *name, size_t cap)
{
	const char *slash = strrchr(path, '/'), *from = slash ? slash + 1 : path;

	snprintf(name, cap, "%.*s", (int)strcspn(from, "."), from);
	for (; *name; name++)
		if (*name == '-')
			*name = '_';
}

/* Before the modules of the running kernel: what is given by hand counts more. */
int types_add(struct types *t, const char *path)
{
	struct origin *o = types_dwarf_new(t, path);
	char name[64];

	if (!o && errno == ENODATA && t->vmlinux) { /* BTF of a module made for this very kernel */
		module_name(path, name, sizeof(name));
		o = types_btf_new(t, path, name, t->vmlinux);
	}
	return o ? types_origin_add(t, o) : -errno;
}

/* --- modules --- */

static void module_open(struct types *t, const char *name)
{
	char path[512];
	int n = snprintf(path, sizeof(path), BTF_DIR "/%s", name);
	struct origin *o = n < (int)sizeof(path) ? types_btf_new(t, path, name, t->vmlinux) : NULL;

	if (o)
		types_origin_add(t, o);
}

/* True when there are more origins than before. Modules loaded later are not seen. */
static bool modules_open(struct types *t)
{
	size_t before = t->origins.n;
	struct dirent *e;
	DIR *d;

	if (!t->modules || t->modules_opened)
		return false;
	t->modules_opened = true;
	d = opendir(BTF_DIR);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, "vmlinux"))
			module_open(t, e->d_name);
	if (d)
		closedir(d);
	return t->origins.n > before;
}

/* --- finding --- */

struct type *types_find(struct types *t, enum type_kind kind, const char *name)
{
	int err = ENOENT;
	size_t i = 0;

	do {
		for (; i < t->origins.n; i++) {
			struct type *ty = t->origins.v[i]->ops->find(t->origins.v[i], kind, name);

			if (ty)
				return ty;
			if (errno != ENOENT)
				err = errno;
		}
	} while (modules_open(t));
	errno = err;
	return NULL;
}

struct type *types_function(struct types *t, const char *name, unsigned int *more)
{
	unsigned int unused = 0;
	int err = ENOENT;
	size_t i = 0;

	more = more ? more : &unused;
	*more = 0;
	do {
		for (; i < t->origins.n; i++) {
			struct type *ty = t->origins.v[i]->ops->function(t->origins.v[i], name, more);

			if (ty)
				return ty;
			if (errno != ENOENT)
				err = errno;
		}
	} while (modules_open(t));
	errno = err;
	return NULL;
}

struct type *types_variable(struct types *t, const char *name)
{
	size_t i = 0;

	do {
		for (; i < t->origins.n; i++) {
			struct type *ty = t->origins.v[i]->ops->variable(t->origins.v[i], name);

			if (ty)
				return ty;
		}
	} while (modules_open(t));
	return NULL;
}

struct type *types_tracepoint(struct types *t, const char *name)
{
	size_t i = 0;

	do {
		for (; i < t->origins.n; i++) {
			struct origin *o = t->origins.v[i];
			struct type *ty = types_btf_is(o) ? types_btf_tracepoint(o, name) : NULL;

			if (ty)
				return ty;
		}
	} while (modules_open(t));
	errno = ENOENT;
	return NULL;
}

int types_btf_id(struct types *t, enum type_kind what, const char *name, int *btf_fd)
{
	size_t i = 0;

	do {
		for (; i < t->origins.n; i++) {
			struct origin *o = t->origins.v[i];
			int id = types_btf_is(o) ? types_btf_find_id(o, what, name) : 0;

			if (!id)
				continue;
			*btf_fd = types_btf_module(o)[0] ? types_btf_fd(o) : 0;
			return *btf_fd < 0 ? *btf_fd : id;
		}
	} while (modules_open(t));
	return -ENOENT;
}

int types_each(struct types *t, enum type_kind what, const char *glob, int (*fn)(void *ctx, const char *name), void *ctx)
{
	int stop = 0;

	modules_open(t);
	for (size_t i = 0; i < t->origins.n && !stop; i++)
		stop = t->origins.v[i]->ops->each(t->origins.v[i], what, glob, fn, ctx);
	return stop;
}

/* --- made here --- */

struct type *types_pointer(struct types *t, struct type *to)
{
	struct type *ty;

	for (size_t i = 0; i < t->pointers.n; i++)
		if (t->pointers.v[i]->to == to)
			return t->pointers.v[i];
	ty = types_new(t, TYPE_PTR, "", sizeof(void *));
	if (!ty || vec_push(&t->pointers, ty))
		return NULL;
	ty->to = to;
	ty->complete = true;
	return ty;
}

struct type *types_array(struct types *t, struct type *of, uint64_t count)
{
	struct type *ty;
	uint64_t size;

	for (size_t i = 0; i < t->arrays.n; i++)
		if (t->arrays.v[i]->to == of && t->arrays.v[i]->count == count)
			return t->arrays.v[i];
	if (__builtin_mul_overflow(of->size, count, &size)) {
		errno = EINVAL;
		return NULL;
	}
	ty = types_new(t, TYPE_ARRAY, "", size);
	if (!ty || vec_push(&t->arrays, ty))
		return NULL;
	ty->to = of;
	ty->count = count;
	ty->complete = true;
	return ty;
}

struct type *types_int(struct types *t, unsigned int bytes, bool is_signed)
{
	static const char *const names[2][5] = {
		{ "u8", "u16", "u32", "u64", "u128" }, { "s8", "s16", "s32", "s64", "s128" },
	};
	unsigned int log = bytes ? (unsigned int)__builtin_ctz(bytes) : 8;
	struct type **slot;

	if (log > 4 || bytes != 1u << log) {
		errno = EINVAL;
		return NULL;
	}
	slot = &t->ints[is_signed][log];
	if (!*slot) {
		*slot = types_new(t, TYPE_INT, names[is_signed][log], bytes);
		if (*slot) {
			(*slot)->is_signed = is_signed;
			(*slot)->complete = true;
		}
	}
	return *slot;
}

/* --- members --- */

/* A structure of which only the name was known becomes what it is, where anybody knows. */
static int forward_resolve(struct types *t, struct type *ty)
{
	struct type *is = ty->name[0] ? types_find(t, TYPE_STRUCT, ty->name) : NULL;
	const char *alias = ty->alias;

	if (!is || is->kind == TYPE_FORWARD)
		return 0;
	if (!is->complete) {
		int err = type_complete(t, is);

		if (err)
			return err;
	}
	*ty = *is;
	ty->alias = alias;
	return 0;
}

int type_complete(struct types *t, struct type *ty)
{
	struct origin *o = ty->origin;
	int err;

	if (ty->complete)
		return 0;
	if (ty->kind == TYPE_FORWARD)
		return forward_resolve(t, ty);
	err = o ? o->ops->complete(o, ty) : 0;
	if (!err)
		ty->complete = true;
	return err;
}

static bool has_members(const struct type *ty)
{
	return ty->kind == TYPE_STRUCT || ty->kind == TYPE_UNION;
}

static int member_find(struct types *t, struct type *ty, const char *name, struct member *out, unsigned int depth)
{
	int err = type_complete(t, ty);

	if (err)
		return err;
	if (!has_members(ty) || depth > 16)
		return -ENOENT;
	for (unsigned int i = 0; i < ty->n; i++)
		if (!strcmp(ty->members[i].name, name)) {
			*out = ty->members[i];
			return 0;
		}
	for (unsigned int i = 0; i < ty->n; i++) {
		const struct member *m = &ty->members[i];

		if (m->name[0] || !has_members(m->type))
			continue;
		err = member_find(t, m->type, name, out, depth + 1);
		if (!err)
			out->bit_off += m->bit_off;
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

int type_member(struct types *t, struct type *ty, const char *name, struct member *out)
{
	return name[0] ? member_find(t, ty, name, out, 0) : -ENOENT;
}

typedef VEC(const char *) names_t;

static int member_names(struct types *t, struct type *ty, names_t *names, unsigned int depth)
{
	int err = type_complete(t, ty);

	if (!has_members(ty) || depth > 16)
		return 0;
	for (unsigned int i = 0; i < ty->n && !err && names->n < 4096; i++)
		err = ty->members[i].name[0] ? vec_push(names, ty->members[i].name) :
		      member_names(t, ty->members[i].type, names, depth + 1);
	return err;
}

const char *type_member_nearest(struct types *t, struct type *ty, const char *name)
{
	const char *near = NULL;
	names_t names = { 0 };

	if (!member_names(t, ty, &names, 0) && !vec_push(&names, NULL))
		near = name_nearest(name, names.v);
	vec_free(&names);
	return near;
}
