/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>

#include "expr/complete.h"
#include "expr/lex.h"

enum { TEXT_CAP = 1024, NAME_CAP = 256, NESTED = 4 };

struct completion {
	struct env *env;
	const char *text;
	size_t keep;              /* bytes of it that stay */
	const char *begun;        /* what a candidate begins with: the rest */
	int (*fn)(void *ctx, const char *whole);
	void *ctx;
};

static int offer(struct completion *c, const char *name)
{
	char whole[TEXT_CAP + NAME_CAP];

	if (strncmp(name, c->begun, strlen(c->begun)) != 0)
		return 0;
	snprintf(whole, sizeof(whole), "%.*s%s", (int)c->keep, c->text, name);
	return c->fn(c->ctx, whole);
}

static int offer_all(struct completion *c, const char *const names[])
{
	int r = 0;

	for (size_t i = 0; names[i] && !r; i++)
		r = offer(c, names[i]);
	return r;
}

/* ---- targets ---- */

static int functions(struct completion *c)
{
	char glob[NAME_CAP];
	kfuncs_t all = { 0 };
	bool known;
	int r = 0;

	snprintf(glob, sizeof(glob), "%s*", c->begun);
	if (kfuncs_find(glob, &all, &known))
		return 0;
	for (size_t i = 0; i < all.n && !r; i++)
		if (!(all.v[i].flags & (FUNC_NOPROBE | FUNC_VARIANT)) && lex_word(all.v[i].name))
			r = offer(c, all.v[i].name);
	kfuncs_free(&all);
	return r;
}

static int event(void *ctx, const char *system, const char *name)
{
	char whole[NAME_CAP];

	snprintf(whole, sizeof(whole), "%s/%s", system, name);
	return offer(ctx, whole);
}

static int raw_event(void *ctx, const char *name)
{
	return offer(ctx, name);
}

static int events(struct completion *c, bool raw)
{
	char glob[NAME_CAP];
	int fs;

	if (raw) {
		snprintf(glob, sizeof(glob), "%s*", c->begun);
		return env_kernel(c->env) ? types_each(c->env->kernel, TYPE_VOID, glob, raw_event, c) : 0;
	}
	fs = env_tracefs(c->env);
	return fs < 0 ? 0 : tp_events_each(fs, NULL, NULL, event, c);
}

/* Behind BINARY: the shell knows files itself. */
static int user_functions(struct completion *c)
{
	const char *colon = strrchr(c->begun, ':');
	char bin[NAME_CAP], glob[NAME_CAP], *path = NULL;
	ufuncs_t all = { 0 };
	int r = 0;

	if (!colon)
		return 0;
	snprintf(bin, sizeof(bin), "%.*s", (int)(colon - c->begun), c->begun);
	snprintf(glob, sizeof(glob), "%s*", colon + 1);
	c->keep += (size_t)(colon + 1 - c->begun);
	c->begun = colon + 1;
	if (binary_find(bin, &path))
		return 0;
	if (!ufuncs_find(path, glob, &all))
		for (size_t i = 0; i < all.n && !r; i++)
			r = offer(c, all.v[i].name);
	ufuncs_free(&all);
	free(path);
	return r;
}

/* ---- names ---- */

/* The plan of the text's target with one argument (""): NULL if it makes no sense. *tree is to be freed after it. */
static struct plan *plan_of(struct completion *c, size_t target, const char *argument, struct probe_ast **tree)
{
	char text[TEXT_CAP];
	struct diag d = { 0 };
	struct plan *p;

	snprintf(text, sizeof(text), "%.*s %s", (int)target, c->text, argument);
	*tree = probe_parse(text, NULL);
	p = *tree ? plan_make(*tree, c->env, &d) : NULL;
	if (!p) {
		probe_ast_free(*tree);
		*tree = NULL;
	}
	return p;
}

static int members_offer(struct completion *c, struct types *types, struct type *t, unsigned int nested)
{
	int r = 0;

	if ((t->kind != TYPE_STRUCT && t->kind != TYPE_UNION) || nested > NESTED || type_complete(types, t))
		return 0;
	for (unsigned int i = 0; i < t->n && !r; i++) {
		if (t->members[i].name[0])
			r = offer(c, t->members[i].name);
		else
			r = members_offer(c, types, t->members[i].type, nested + 1);
	}
	return r;
}

static int members(struct completion *c, size_t target, const char *base, size_t n)
{
	char argument[TEXT_CAP];
	struct probe_ast *tree;
	struct plan *p;
	struct types *types;
	struct type *t;
	int r = 0;

	snprintf(argument, sizeof(argument), "X_=(%.*s)", (int)n, base);
	p = plan_of(c, target, argument, &tree);
	if (!p)
		return 0;
	t = p->outs.n ? p->outs.v[0].type : NULL;
	t = t && t->kind == TYPE_PTR ? t->to : t;
	types = p->types ? p->types : c->env->kernel;
	if (t && types && t->kind == TYPE_FORWARD)
		t = types_find(types, TYPE_STRUCT, t->name);
	if (t && types)
		r = members_offer(c, types, t, 0);
	plan_free(p);
	probe_ast_free(tree);
	return r;
}

static int names(struct completion *c, size_t target)
{
	static const char *const builtins[] = { "comm", "pid", "tid", "uid", "gid", "cpu", "cgroup", "ns", "kstack", "ustack", "task", NULL };
	static const char *const at_return[] = { "retval", "lat", NULL };
	struct probe_ast *tree;
	struct plan *p = plan_of(c, target, "cpu", &tree);
	int r = 0;

	for (unsigned int i = 0; p && p->proto && i < p->proto->n && !r; i++)
		r = offer(c, p->proto->params[i].name);
	for (size_t i = 0; p && i < p->event.fields.n && !r; i++)
		if (!p->event.fields.v[i].common || c->begun[0])
			r = offer(c, p->event.fields.v[i].name);
	if (p && !r)
		r = offer_all(c, builtins);
	if (p && plan_is_return(p) && !r)
		r = offer_all(c, at_return);
	plan_free(p);
	probe_ast_free(tree);
	return r;
}

/* Where the expression begins that ends before text[end]: what can be in one, parentheses as a whole. */
static size_t expression_begin(const char *text, size_t end)
{
	unsigned int depth = 0;
	size_t at = end;

	for (; at; at--) {
		char ch = text[at - 1];
		bool arrow = ch == '>' && at > 1 && text[at - 2] == '-';

		if (ch == ')' || ch == ']')
			depth++;
		else if (((ch == '(' || ch == '[') && !depth--) ||
			 (!depth && !arrow && !lex_is_word(ch) && !strchr(".%$@!([", ch)))
			return at;
		at -= arrow;
	}
	return at;
}

static int arguments(struct completion *c, size_t target)
{
	const char *text = c->text;
	size_t end = strlen(text), begin = end, from;

	while (begin > target && lex_is_word(text[begin - 1]))
		begin--;
	c->keep = begin;
	c->begun = text + begin;
	end = begin;
	if (end > target + 1 && text[end - 1] == '>' && text[end - 2] == '-')
		end -= 2;
	else if (end > target && text[end - 1] == '.')
		end--;
	else
		return text[end - 1] == '%' || text[end - 1] == '@' ? 0 : names(c, target);
	from = expression_begin(text, end);
	if (from < end && strchr("SUX", text[from]) && strchr("%@$!(", text[from + 1]))
		from++; /* how it is to be shown */
	return from > target && from < end ? members(c, target, text + from, end - from) : 0;
}

static int aggregations(struct completion *c, size_t target, size_t bar)
{
	static const char *const fns[] = { "count", "sum", "avg", "min", "max", "hist", "quantize", "linear", "stats", NULL };
	static const char *const words[] = { "by", "top", NULL };
	const char *s = c->text + bar + 1;
	size_t n = strspn(s, " "), word = lex_word(s + n);
	int r;

	if (!s[n + word]) {
		c->keep = bar + 1 + n;
		c->begun = s + n;
		return offer_all(c, fns);
	}
	r = arguments(c, target);
	return r || !c->keep || c->text[c->keep - 1] != ' ' ? r : offer_all(c, words);
}

int complete_probe(struct env *env, const char *text, int (*fn)(void *ctx, const char *whole), void *ctx)
{
	static const char *const letters[] = { "p ", "r ", "e ", "t ", "P ", "R ", "s ", NULL };
	struct completion c = { .env = env, .text = text, .begun = text, .fn = fn, .ctx = ctx };
	const char *bar = strrchr(text, '|');
	size_t start, end;

	if (strlen(text) >= TEXT_CAP)
		return 0;
	if (!text[0] || !text[1])
		return offer_all(&c, letters);
	start = 1 + strspn(text + 1, " ");
	end = start + strcspn(text + start, " |");
	if (start == 1)
		return 0;
	if (!text[end]) { /* the target is being typed */
		c.keep = start;
		c.begun = text + start;
		if (text[0] == 'e' || text[0] == 't')
			return events(&c, text[0] == 't');
		if (text[0] == 'P' || text[0] == 'R')
			return user_functions(&c);
		return text[0] == 'p' || text[0] == 'r' ? functions(&c) : 0;
	}
	if (bar && bar > text && bar[-1] == ' ')
		return aggregations(&c, end, (size_t)(bar - text));
	return arguments(&c, end);
}
