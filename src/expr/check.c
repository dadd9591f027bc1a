/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* From a tree to a plan: what it is put on, what it shows. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "expr/check.h"
#include "expr/gen.h"
#include "kernel/probe.h"

/* ---- plan and environment ---- */

void *plan_alloc(struct plan *p, size_t size)
{
	void *at = calloc(1, size ? size : 1);

	if (at && vec_push(&p->arena, at)) {
		free(at);
		return NULL;
	}
	return at;
}

char *plan_text(struct plan *p, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text && vec_push(&p->arena, (void *)text)) {
		free(text);
		return NULL;
	}
	return text;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->arena.n; i++)
		free(p->arena.v[i]);
	vec_free(&p->arena);
	vec_free(&p->outs);
	vec_free(&p->keys);
	vec_free(&p->globs);
	tp_event_free(&p->event);
	ufuncs_free(&p->ufuncs);
	usdts_free(&p->usdts);
	free(p->path);
	free(p);
}

struct types *env_kernel(struct env *e)
{
	if (e->kernel)
		return e->kernel;
	e->kernel = types_of_kernel(e->btf_path);
	for (size_t i = 0; e->kernel && e->more && e->more[i]; i++) {
		int err = types_add(e->kernel, e->more[i]);

		if (err)
			errno = -err;
	}
	return e->kernel;
}

struct types *env_binary(struct env *e, const char *path)
{
	struct env_binary b = { 0 };

	for (size_t i = 0; i < e->binaries.n; i++)
		if (!strcmp(e->binaries.v[i].path, path))
			return e->binaries.v[i].types;
	b.path = strdup(path);
	b.types = b.path ? types_of_binary(path) : NULL;
	if (!b.path || vec_push(&e->binaries, b)) {
		types_free(b.types);
		free(b.path);
		errno = ENOMEM;
		return NULL;
	}
	return b.types;
}

int env_tracefs(struct env *e)
{
	if (e->tracefs < 0)
		e->tracefs = tracefs_open();
	return e->tracefs;
}

void env_free(struct env *e)
{
	types_free(e->kernel);
	for (size_t i = 0; i < e->binaries.n; i++) {
		types_free(e->binaries.v[i].types);
		free(e->binaries.v[i].path);
	}
	vec_free(&e->binaries);
	if (e->tracefs >= 0)
		close(e->tracefs);
	*e = (struct env){ .tracefs = -1 };
}

/* ---- outputs ---- */

static int out_add(struct check *c, outs_t *outs, const char *name, enum show show, uint8_t bits, const struct value *v,
		   struct span at)
{
	struct out o = { .name = name, .show = show, .bits = bits };
	int err;

	for (size_t i = 0; name && i < outs->n; i++)
		if (outs->v[i].name && !strcmp(outs->v[i].name, name))
			return diag_set(c->d, -EEXIST, at, "'%s' is there already; give it another name: NAME=...", name);
	err = check_out(c, v, at, outs == &c->plan->keys, &o);

	if (err)
		return err;
	return vec_push(outs, o) ? check_oom(c) : 0;
}

static int args_check(struct check *c)
{
	unsigned int n = 0;
	int err = 0;

	for (const struct arg *a = c->ast->args; a; a = a->next)
		n++;
	c->args = plan_alloc(c->plan, (n + 1) * sizeof(*c->args));
	if (!c->args)
		return check_oom(c);
	for (const struct arg *a = c->ast->args; a && !err; a = a->next) {
		struct value *v = &c->args[c->nargs];

		err = check_expr(c, a->expr, v);
		if (!err && c->ast->agg.fn == AGG_NONE)
			err = out_add(c, &c->plan->outs, a->name, a->show, a->bits, v, a->span);
		c->nargs++;
	}
	return err;
}

/* No arguments given: all parameters, or all fields; at a return, what it returns. What cannot be shown is left out. */
static int args_all(struct check *c)
{
	struct plan *p = c->plan;
	struct span at = c->ast->func_span;
	struct value v;
	unsigned int n = p->proto ? p->proto->n : 0;
	bool returns = plan_is_return(p);

	if (p->point == POINT_USDT)
		n = p->usdts.v[p->usdt_place].n;
	for (size_t i = 0; i < p->event.fields.n; i++)
		if (!p->event.fields.v[i].common && !check_fields(c, p->event.fields.v[i].name, &v))
			out_add(c, &p->outs, p->event.fields.v[i].name, SHOW_AUTO, 0, &v, at);
	for (unsigned int i = 0; i < n && !returns; i++) {
		const char *name = p->proto ? p->proto->params[i].name : "";

		if (!check_param(c, i, at, &v))
			out_add(c, &p->outs, *name ? name : plan_text(p, "arg%u", i), SHOW_AUTO, 0, &v, at);
	}
	if (returns && (!p->proto || p->proto->to->kind != TYPE_VOID) && !check_retval(c, at, &v))
		out_add(c, &p->outs, "retval", SHOW_AUTO, 0, &v, at);
	if (c->d->err == -ENOMEM)
		return -ENOMEM;
	*c->d = (struct diag){ 0 };
	return 0;
}

static int filter_check(struct check *c)
{
	struct value v;
	int err;

	if (!c->ast->filter)
		return 0;
	c->in_filter = true;
	err = check_expr(c, c->ast->filter, &v);
	return err ? err : check_number(c, &v, c->ast->filter->span, &c->plan->filter);
}

static int agg_check(struct check *c)
{
	const struct agg *a = &c->ast->agg;
	struct plan *p = c->plan;
	struct value v;
	int err = 0;

	if (a->fn == AGG_NONE)
		return 0;
	c->in_filter = true; /* names of arguments count here, too */
	if (a->value) {
		err = check_expr(c, a->value, &v);
		err = err ? err : check_number(c, &v, a->value->span, &p->value);
		p->value_time = !err && v.is_time;
	}
	for (const struct expr *k = a->by; k && !err; k = k->next) {
		const char *name = plan_text(p, "%.*s", (int)k->span.len, c->ast->text + k->span.at);

		err = check_expr(c, k, &v);
		err = err ? err : out_add(c, &p->keys, name, SHOW_AUTO, 0, &v, k->span);
	}
	if (!err && a->fn == AGG_LINEAR && (a->step == 0 || (int64_t)a->high <= (int64_t)a->low ||
	    (a->high - a->low) / a->step > LINEAR_MOST))
		return diag_set(c->d, -EINVAL, a->span, "linear(X, low, high, step): low below high, at most %d steps", LINEAR_MOST);
	return err;
}

/* With every hit: -s, -u, and of which function, when there are several. */
static int outs_more(struct check *c)
{
	struct span at = c->ast->func_span;
	struct value v = { .param = -1 };
	int err = 0;

	if (c->ast->agg.fn != AGG_NONE)
		return 0;
	if (c->ast->glob && (c->plan->point == POINT_FUNC || c->plan->point == POINT_RETURN)) {
		err = check_name(c, "func", at, true, &v);
		err = err ? err : out_add(c, &c->plan->outs, "func", SHOW_AUTO, 0, &v, at);
	}
	if (!err && c->env->kstack)
		err = out_add(c, &c->plan->outs, NULL, SHOW_AUTO, 0, &(struct value){ .kind = V_KSTACK, .param = -1 }, at);
	if (!err && c->env->ustack)
		err = out_add(c, &c->plan->outs, NULL, SHOW_AUTO, 0, &(struct value){ .kind = V_USTACK, .param = -1 }, at);
	return err;
}

static int plan_fill(struct check *c)
{
	int err = check_target(c);

	if (err)
		return err;
	err = c->ast->args ? args_check(c) : c->ast->agg.fn == AGG_NONE ? args_all(c) : 0;
	err = err ? err : filter_check(c);
	err = err ? err : agg_check(c);
	err = err ? err : outs_more(c);
	if (err)
		return err;
	plan_layout(c->plan);
	return 0;
}

struct plan *plan_make(const struct probe_ast *ast, struct env *env, struct diag *d)
{
	struct check c = { .ast = ast, .env = env, .d = d };
	int err;

	c.plan = calloc(1, sizeof(*c.plan));
	if (!c.plan) {
		diag_set(d, -ENOMEM, (struct span){ 0 }, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	c.plan->ast = ast;
	err = plan_fill(&c);
	if (err) {
		if (!d->err)
			diag_set(d, err, ast->target_span, "%s", strerror(-err));
		plan_free(c.plan);
		errno = -err;
		return NULL;
	}
	c.plan->types = c.types;
	return c.plan;
}
