/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What stands in a record or a key, and in which form. */
#include <errno.h>
#include <string.h>

#include "expr/check.h"

enum { KEY_BYTES_MAX = 64, LIST_STRING = 32 };

static unsigned int string_max(const struct check *c)
{
	return c->env->string_max ? c->env->string_max : STRING_MAX / 2;
}

static int out_number(struct check *c, const struct value *v, struct span at, struct out *o)
{
	struct ir *ir;
	int err;

	if (o->show == SHOW_IP && v->place && v->type && !type_is_scalar(v->type) && v->type->size == 4) /* struct in_addr */
		err = (ir = ir_load(c, v->ir, 0, 4, false, check_space(c, v))) ? 0 : check_oom(c);
	else
		err = check_number(c, v, at, &ir);
	if (err)
		return err;
	if (o->show == SHOW_SWAP_HEX || o->show == SHOW_SWAP_DEC) {
		ir = ir_new(c, IR_SWAP, ir, NULL);
		if (!ir)
			return check_oom(c);
		ir->size = o->bits / 8;
	}
	o->kind = OUT_NUMBER;
	o->size = 8;
	o->ir = ir;
	o->is_time = v->is_time;
	o->is_func = v->kind == V_FUNC;
	return 0;
}

static int out_string(struct check *c, const struct value *v, struct span at, struct out *o)
{
	unsigned int most = string_max(c);

	if (v->kind == V_PLAIN && v->type->kind == TYPE_ARRAY && v->type->count && v->type->count < most)
		most = (unsigned int)v->type->count;
	o->kind = OUT_STRING;
	o->size = 2 + most;
	return check_string(c, v, at, &o->ir);
}

static int out_list(struct check *c, const struct value *v, struct span at, struct out *o)
{
	struct list_walk *w = v->list;
	struct value elem = *v;

	elem.list = NULL;
	w->type = v->type;
	o->list = w;
	o->kind = OUT_LIST;
	if (value_is_string(&elem) && o->show == SHOW_AUTO) {
		w->kind = OUT_STRING;
		w->size = LIST_STRING;
	} else {
		w->kind = OUT_NUMBER;
		w->size = 8;
	}
	o->size = 8 + LIST_MAX * w->size;
	return w->kind == OUT_STRING ? check_string(c, &elem, at, &w->elem) : check_number(c, &elem, at, &w->elem);
}

static int out_bytes(struct check *c, const struct value *v, struct span at, bool key, struct out *o)
{
	unsigned int most = key ? KEY_BYTES_MAX : BYTES_MAX;
	char text[128];

	type_print(v->type, text, sizeof(text));
	if (!v->type->size)
		return diag_set(c->d, -EINVAL, at, "the size of '%s' is not known", text);
	if (v->type->size > most)
		return diag_set(c->d, -E2BIG, at, "'%s' has %llu bytes; %s at most %u: name its members", text,
				(unsigned long long)v->type->size, key ? "a key holds" : "a hit shows", most);
	o->kind = OUT_BYTES;
	o->size = (uint32_t)v->type->size;
	o->ir = v->ir;
	return 0;
}

static bool is_named(const struct type *t, const char *name)
{
	return t && t->kind == TYPE_STRUCT && !strcmp(t->name, name);
}

/* A struct path, also by pointer, and a dentry are shown as what they name. */
static bool is_path(const struct check *c, const struct value *v, const struct out *o)
{
	const struct type *t = v->type;

	if (plan_is_user(c->plan) || v->kind != V_PLAIN || o->show != SHOW_AUTO)
		return false;
	return is_named(t, "path") || (t && t->kind == TYPE_PTR && (is_named(t->to, "path") || is_named(t->to, "dentry")));
}

static int out_path(struct check *c, const struct value *v, struct span at, bool key, struct out *o)
{
	struct value path = *v;
	int err = v->kind == V_PATH ? 0 : check_path(c, *v, at, &path);

	if (!err && key)
		err = diag_set(c->d, -EOPNOTSUPP, at, "a path cannot be a key");
	o->kind = OUT_PATH;
	o->path = path.path;
	o->size = 8 + PATH_PARTS * PATH_PART;
	return err;
}

int check_out(struct check *c, const struct value *wrapped, struct span at, bool key, struct out *o)
{
	const struct value unwrapped = value_unwrapped(c, wrapped), *v = &unwrapped;
	bool stack = v->kind == V_KSTACK || v->kind == V_USTACK;

	o->type = v->type;
	o->space = check_space(c, v);
	if (v->kind == V_TEXT || v->kind == V_ADDR)
		return diag_set(c->d, -EINVAL, at, "a constant is the same in every hit");
	if (v->list && key)
		return diag_set(c->d, -EOPNOTSUPP, at, "a list cannot be a key");
	if (v->list)
		return out_list(c, v, at, o);
	if (stack) {
		o->user_stack = v->kind == V_USTACK;
		o->kind = key ? OUT_NUMBER : OUT_STACK;
		o->is_stack = true;
		o->size = key ? 8 : STACK_HEAD + 8 * STACK_DEPTH;
		o->ir = v->ir;
		return 0;
	}
	if (v->kind == V_COMM) {
		o->kind = OUT_COMM;
		o->size = 16;
		return 0;
	}
	if (v->kind == V_PATH || is_path(c, v, o))
		return out_path(c, v, at, key, o);
	if (value_is_string(v) && (o->show == SHOW_AUTO || v->kind == V_STRING))
		return out_string(c, v, at, o);
	if (v->place && v->type && !v->bit_size && !type_is_scalar(v->type) && !(o->show == SHOW_IP && v->type->size == 4))
		return out_bytes(c, v, at, key, o);
	return out_number(c, v, at, o);
}
