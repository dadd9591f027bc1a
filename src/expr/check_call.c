/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Calls: str(x), path(x), list(HEAD, struct T, member). */
#include <errno.h>
#include <string.h>

#include "expr/check.h"

static unsigned int count_args(const struct expr *e)
{
	unsigned int n = 0;

	for (const struct expr *a = e->args; a; a = a->next)
		n++;
	return n;
}

/* str(x): a string where the types do not tell. */
static int call_str(struct check *c, const struct expr *e, struct value *out)
{
	struct value v;
	int err = check_expr(c, e->args, &v);

	if (err)
		return err;
	if (value_is_string(&v))
		err = v.kind == V_COMM ? (*out = v, 0) : check_string(c, &v, e->args->span, &out->ir);
	else if (v.place && v.type && !type_is_scalar(v.type))
		out->ir = v.ir;
	else
		err = check_number(c, &v, e->args->span, &out->ir);
	out->kind = v.kind == V_COMM ? V_COMM : V_STRING;
	out->type = v.type;
	return err;
}

/* ---- paths ---- */

static int offset_of(struct check *c, const char *of, const char *member, uint32_t *off)
{
	struct type *t = types_find(c->types, TYPE_STRUCT, of);
	struct member m;
	int err = t ? type_member(c->types, t, member, &m) : -ENOENT;

	if (err)
		return diag_set(c->d, err, (struct span){ 0 }, "this kernel's struct %s has no %s", of, member);
	*off += (uint32_t)(m.bit_off / 8);
	return 0;
}

static int path_offsets(struct check *c, struct path_walk *w)
{
	int err = offset_of(c, "dentry", "d_parent", &w->d_parent);

	err = err ? err : offset_of(c, "dentry", "d_name", &w->d_name);
	err = err ? err : offset_of(c, "qstr", "name", &w->d_name);
	err = err ? err : offset_of(c, "vfsmount", "mnt_root", &w->mnt_root);
	err = err ? err : offset_of(c, "mount", "mnt_parent", &w->mnt_parent);
	err = err ? err : offset_of(c, "mount", "mnt_mountpoint", &w->mnt_mountpoint);
	return err ? err : offset_of(c, "mount", "mnt", &w->mount_mnt);
}

int check_path(struct check *c, struct value v, struct span at, struct value *out)
{
	const struct type *t = v.type && v.type->kind == TYPE_PTR ? v.type->to : v.type;
	struct path_walk *w = plan_alloc(c->plan, sizeof(*w));
	struct value dentry = v, mnt = { .param = -1 }, path;
	char text[128];
	int err = 0;

	if (!w)
		return check_oom(c);
	if (!t || plan_is_user(c->plan) || (strcmp(t->name, "file") && strcmp(t->name, "path") && strcmp(t->name, "dentry")))
		return diag_set(c->d, -EINVAL, at, "a path is known of a struct file, struct path or struct dentry, not of %s%s%s",
				v.type ? "'" : "", v.type ? type_print(v.type, text, sizeof(text)) : "a number", v.type ? "'" : "");
	path = v;
	if (!strcmp(t->name, "file"))
		err = check_member(c, v, "f_path", at, at, &path);
	if (!err && strcmp(t->name, "dentry")) {
		err = check_member(c, path, "dentry", at, at, &dentry);
		err = err ? err : check_member(c, path, "mnt", at, at, &mnt);
		err = err ? err : check_number(c, &mnt, at, &w->mnt);
	}
	if (!err && dentry.place && dentry.type->kind != TYPE_PTR)
		w->dentry = dentry.ir;
	else if (!err)
		err = check_number(c, &dentry, at, &w->dentry);
	err = err ? err : path_offsets(c, w);
	*out = (struct value){ .kind = V_PATH, .path = w, .param = -1 };
	return err;
}

/* ---- lists ---- */

/* HEAD is a list_head, or the pointer that stands in one. */
static int call_list(struct check *c, const struct expr *e, struct value *out)
{
	const struct expr *head = e->args, *type = head->next, *link = type->next;
	struct list_walk *w = plan_alloc(c->plan, sizeof(*w));
	struct ir *elem = ir_new(c, IR_ARG, NULL, NULL);
	struct value v;
	struct type *t = NULL;
	struct member m;
	int err;

	if (!w || !elem)
		return check_oom(c);
	if (type->kind != EXPR_CAST || type->a || link->kind != EXPR_NAME)
		return diag_set(c->d, -EINVAL, e->span, "as in list(%%0->children, struct task_struct, sibling)->comm");
	err = check_expr(c, head, &v);
	err = err ? err : check_type(c, &type->type, &t);
	if (err)
		return err;
	if (!v.type || !(v.place && v.type->kind != TYPE_PTR ? !strcmp(v.type->name, "list_head") :
			 v.type->kind == TYPE_PTR && !strcmp(v.type->to->name, "list_head")))
		return diag_set(c->d, -EINVAL, head->span, "a list begins at a struct list_head");
	err = v.place && v.type->kind != TYPE_PTR ? (w->head = v.ir, 0) : check_number(c, &v, head->span, &w->head);
	err = err ? err : type_member(c->types, t, link->text, &m);
	if (err)
		return diag_set(c->d, err, link->span, "struct %s has no member '%s'", t->name, link->text);
	elem->number = LIST_SLOT;
	w->link_off = m.bit_off / 8;
	*out = (struct value){ .ir = elem, .type = types_pointer(c->types, t), .list = w, .param = -1 };
	return out->type ? 0 : check_oom(c);
}

static const struct call {
	const char *name;
	unsigned int args;
	int (*check)(struct check *c, const struct expr *e, struct value *out);
	const char *usage;
} calls[] = {
	{ "str", 1, call_str, "str(POINTER)" },
	{ "path", 1, NULL, "path(FILE, PATH or DENTRY)" },
	{ "list", 3, call_list, "list(HEAD, struct T, MEMBER)" },
};

int check_call(struct check *c, const struct expr *e, struct value *out)
{
	struct value v;
	int err;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, e->text))
			continue;
		if (count_args(e) != calls[i].args)
			return diag_set(c->d, -EINVAL, e->span, "it is %s", calls[i].usage);
		if (calls[i].check)
			return calls[i].check(c, e, out);
		err = check_expr(c, e->args, &v);
		return err ? err : check_path(c, v, e->args->span, out);
	}
	return diag_set(c->d, -ENOENT, e->span, "there is no function '%s'; there are str(x), path(x) and list(HEAD, struct T, MEMBER)",
			e->text);
}
