/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Types as C writes them. A declaration is built from the inside out, around the name. */
#include "expr/types_priv.h"

enum { DECL_LEN = 1024 };

static const char *tag(const struct type *ty)
{
	switch (ty->kind) {
	case TYPE_STRUCT: return "struct ";
	case TYPE_UNION: return "union ";
	case TYPE_ENUM: return "enum ";
	case TYPE_FORWARD: return "struct ";
	default: return "";
	}
}

/* cap bytes at buf hold what fits, ended by NUL. */
static void put(char *buf, size_t cap, size_t *at, const char *s)
{
	int n;

	if (*at + 1 >= cap)
		return;
	n = snprintf(buf + *at, cap - *at, "%s", s);
	*at = n < (int)(cap - *at) ? *at + (size_t)n : cap - 1;
}

static void declare(const struct type *ty, const char *inner, char *buf, size_t cap, unsigned int depth);

/* "(int a, char *b)"; without names when a declaration is only part of another. */
static void put_params(const struct type *fn, bool names, char *buf, size_t cap, size_t *at, unsigned int depth)
{
	char one[DECL_LEN];

	put(buf, cap, at, "(");
	if (!fn->complete)
		put(buf, cap, at, "...");
	for (unsigned int i = 0; fn->complete && i < fn->n; i++) {
		put(buf, cap, at, i ? ", " : "");
		declare(fn->params[i].type, names ? fn->params[i].name : "", one, sizeof(one), depth + 1);
		put(buf, cap, at, one);
	}
	if (fn->complete && fn->variadic)
		put(buf, cap, at, fn->n ? ", ..." : "...");
	else if (fn->complete && !fn->n)
		put(buf, cap, at, "void");
	put(buf, cap, at, ")");
}

static void declare_function(const struct type *ty, bool names, const char *inner, char *buf, size_t cap, unsigned int depth)
{
	char next[DECL_LEN] = "";
	size_t at = 0;

	put(next, sizeof(next), &at, inner);
	put_params(ty, names, next, sizeof(next), &at, depth);
	declare(ty->to, next, buf, cap, depth + 1);
}

static void declare_plain(const struct type *ty, const char *inner, char *buf, size_t cap)
{
	size_t at = 0;

	buf[0] = '\0';
	if (ty->alias) {
		put(buf, cap, &at, ty->alias);
	} else {
		put(buf, cap, &at, tag(ty));
		put(buf, cap, &at, ty->name[0] ? ty->name : "{...}");
	}
	put(buf, cap, &at, inner[0] ? " " : "");
	put(buf, cap, &at, inner);
}

static void declare(const struct type *ty, const char *inner, char *buf, size_t cap, unsigned int depth)
{
	char next[DECL_LEN];

	if (ty->alias || depth > 6 || (ty->kind != TYPE_PTR && ty->kind != TYPE_ARRAY && ty->kind != TYPE_FUNC)) {
		declare_plain(ty, inner, buf, cap);
		return;
	}
	if (ty->kind == TYPE_FUNC) {
		declare_function(ty, false, inner, buf, cap, depth);
		return;
	}
	if (ty->kind == TYPE_ARRAY) {
		if (ty->count)
			snprintf(next, sizeof(next), "%.900s[%llu]", inner, (unsigned long long)ty->count);
		else
			snprintf(next, sizeof(next), "%.900s[]", inner);
	} else {
		bool around = !ty->to->alias && (ty->to->kind == TYPE_ARRAY || ty->to->kind == TYPE_FUNC);

		snprintf(next, sizeof(next), around ? "(*%.900s)" : "*%.900s", inner);
	}
	declare(ty->to, next, buf, cap, depth + (ty->kind == TYPE_PTR));
}

char *type_print(const struct type *ty, char *buf, size_t cap)
{
	if (cap)
		declare(ty, "", buf, cap, 0);
	return buf;
}

char *type_print_named(const struct type *ty, const char *name, char *buf, size_t cap)
{
	if (cap)
		declare(ty, name, buf, cap, 0);
	return buf;
}

char *type_print_function(struct types *t, struct type *fn, const char *name, char *buf, size_t cap)
{
	if (!cap)
		return buf;
	(void)type_complete(t, fn);
	for (unsigned int i = 0; fn->complete && i < fn->n; i++) { /* parameters that are functions themselves */
		struct type *p = fn->params[i].type;

		if (p->kind == TYPE_PTR && p->to->kind == TYPE_FUNC)
			(void)type_complete(t, p->to);
	}
	if (fn->kind == TYPE_FUNC)
		declare_function(fn, true, name, buf, cap, 0);
	else
		declare(fn, name, buf, cap, 0);
	return buf;
}
