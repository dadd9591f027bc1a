/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include "cmd/types_json.h"

enum { TYPE_LEN = 1024, DEPTH_MOST = 16 };

static const char *kind_word(const struct type *ty)
{
	switch (ty->kind) {
	case TYPE_STRUCT: return "struct";
	case TYPE_UNION: return "union";
	case TYPE_ENUM: return "enum";
	case TYPE_FORWARD: return "forward";
	default: return "type";
	}
}

void json_put_format(struct json *j)
{
	json_object_begin(j);
	json_put_str(j, "type", "format");
	json_put_u64(j, "version", 1);
	json_object_end(j);
	json_line(j);
}

static void put_type(struct json *j, const char *key, const struct type *ty)
{
	char text[TYPE_LEN];

	json_put_str(j, key, type_print(ty, text, sizeof(text)));
}

/* Within an array of structures without a name, too. */
static struct type *inner(struct type *ty)
{
	while (ty->kind == TYPE_ARRAY && !ty->alias)
		ty = ty->to;
	return (ty->kind == TYPE_STRUCT || ty->kind == TYPE_UNION) && !ty->name[0] && !ty->alias ? ty : NULL;
}

static int put_members(struct json *j, struct types *t, struct type *ty, uint64_t base, unsigned int depth)
{
	int err = ty ? type_complete(t, ty) : 0;

	json_put_array(j, "members");
	for (unsigned int i = 0; ty && !err && depth < DEPTH_MOST && i < ty->n; i++) {
		const struct member *m = &ty->members[i];

		json_object_begin(j);
		json_put_str(j, "name", m->name);
		put_type(j, "of", m->type);
		json_put_u64(j, "offset", (base + m->bit_off) / 8);
		json_put_u64(j, "size", m->type->size);
		json_put_u64(j, "bit", m->bit_size ? (base + m->bit_off) % 8 : 0);
		json_put_u64(j, "bits", m->bit_size);
		err = put_members(j, t, inner(m->type), base + m->bit_off, depth + 1);
		json_object_end(j);
	}
	json_array_end(j);
	return err;
}

static void put_values(struct json *j, const struct type *ty)
{
	json_put_array(j, "values");
	for (unsigned int i = 0; ty->kind == TYPE_ENUM && i < ty->n; i++) {
		json_object_begin(j);
		json_put_str(j, "name", ty->enumerators[i].name);
		json_put_i64(j, "value", ty->enumerators[i].value);
		json_object_end(j);
	}
	json_array_end(j);
}

static void layout_begin(struct json *j, const struct type *ty, const char *name)
{
	json_object_begin(j);
	json_put_str(j, "type", "layout");
	json_put_str(j, "kind", kind_word(ty));
	json_put_str(j, "name", name);
	put_type(j, "of", ty);
	json_put_u64(j, "size", ty->size);
}

int json_layout(struct json *j, struct types *t, struct type *ty)
{
	bool aggregate = ty->kind == TYPE_STRUCT || ty->kind == TYPE_UNION;
	int err = type_complete(t, ty);

	if (err)
		return err;
	layout_begin(j, ty, ty->name);
	err = put_members(j, t, aggregate ? ty : NULL, 0, 0);
	put_values(j, ty);
	json_object_end(j);
	json_line(j);
	return err;
}

void json_type(struct json *j, const struct type *ty, const char *name)
{
	struct type plain = *ty;

	plain.alias = NULL; /* what the typedef stands for */
	layout_begin(j, &plain, name);
	json_put_array(j, "members");
	json_array_end(j);
	json_put_array(j, "values");
	json_array_end(j);
	json_object_end(j);
	json_line(j);
}

void json_member(struct json *j, const struct type *ty, const struct member *m)
{
	json_object_begin(j);
	json_put_str(j, "type", "member");
	put_type(j, "in", ty);
	json_put_str(j, "name", m->name);
	put_type(j, "of", m->type);
	json_put_u64(j, "offset", m->bit_off / 8);
	json_put_u64(j, "size", m->type->size);
	json_put_u64(j, "bit", m->bit_size ? m->bit_off % 8 : 0);
	json_put_u64(j, "bits", m->bit_size);
	json_object_end(j);
	json_line(j);
}

void json_put_params(struct json *j, struct types *t, struct type *fn)
{
	bool known = fn && fn->kind == TYPE_FUNC && !type_complete(t, fn);

	json_put_bool(j, "prototype", known);
	if (known)
		put_type(j, "returns", fn->to);
	else
		json_put_str(j, "returns", "");
	json_put_array(j, "params");
	for (unsigned int i = 0; known && i < fn->n; i++) {
		json_object_begin(j);
		json_put_str(j, "name", fn->params[i].name);
		put_type(j, "of", fn->params[i].type);
		json_object_end(j);
	}
	json_array_end(j);
	json_put_bool(j, "variadic", known && fn->variadic);
}
