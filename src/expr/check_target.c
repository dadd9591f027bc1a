/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What a probe is put on. */
#include <errno.h>
#include <string.h>

#include "expr/check.h"
#include "kernel/probe.h"

enum { NEAR_MOST = 5 };

static int types_refuse(struct check *c)
{
	return diag_set(c->d, errno ? -errno : -ENODATA, c->ast->target_span, "the kernel's types cannot be read: %s",
			strerror(errno));
}

/* ---- functions of the kernel ---- */

static void note_variants(struct check *c, const kfuncs_t *found)
{
	for (size_t i = 0; i < found->n && i < NEAR_MOST; i++)
		diag_note(c->d, "there is %s%s%s%s", found->v[i].name, found->v[i].module[0] ? " [" : "", found->v[i].module,
			  found->v[i].module[0] ? "]" : "");
}

/* Not in the types: is it in the kernel all the same, in another form, or what is near? */
static int function_unknown(struct check *c)
{
	char *near[NEAR_MOST] = { NULL };
	kfuncs_t found = { 0 };
	unsigned int n = 0;
	bool ftrace, itself = false;
	int err = kfuncs_find(c->ast->func, &found, &ftrace);

	for (size_t i = 0; i < found.n; i++)
		itself |= !strcmp(found.v[i].name, c->ast->func);
	if (!err && itself) { /* no prototype: numbers only */
		kfuncs_free(&found);
		return 0;
	}
	if (!found.n)
		n = kfuncs_near(c->ast->func, near, NEAR_MOST);
	diag_set(c->d, -ENOENT, c->ast->func_span, "the kernel has no function '%s'%s%s%s", c->ast->func,
		 n ? "; did you mean '" : found.n ? ": the compiler made others of it, or it was inlined" : "", n ? near[0] : "",
		 n ? "'?" : "");
	note_variants(c, &found);
	for (unsigned int i = 0; i < n; i++) {
		if (i)
			diag_note(c->d, "there is %s", near[i]);
		free(near[i]);
	}
	kfuncs_free(&found);
	return -ENOENT;
}

static int target_function(struct check *c)
{
	struct plan *p = c->plan;

	p->point = c->ast->letter == 'r' ? POINT_RETURN : POINT_FUNC;
	c->types = env_kernel(c->env);
	if (!c->types)
		return types_refuse(c);
	if (c->ast->glob)
		return 0;
	p->needs_regs = c->ast->off != 0;
	p->proto = types_function(c->types, c->ast->func, NULL);
	return p->proto ? 0 : function_unknown(c);
}

/* ---- tracepoints ---- */

struct nearest { const char *want; char name[128]; size_t best; };

static int nearer(void *ctx, const char *system, const char *name)
{
	struct nearest *n = ctx;
	size_t same = 0;

	while (name[same] && name[same] == n->want[same])
		same++;
	if (strstr(name, n->want))
		same += strlen(n->want);
	if (same > n->best && same >= 3) {
		n->best = same;
		snprintf(n->name, sizeof(n->name), "%s/%s", system, name);
	}
	return 0;
}

static int target_event(struct check *c)
{
	struct nearest near = { .want = c->ast->func };
	int fs = env_tracefs(c->env), err;

	c->plan->point = POINT_TRACEPOINT;
	if (fs < 0)
		return diag_set(c->d, fs, c->ast->target_span, "tracefs cannot be opened: %s", strerror(-fs));
	err = tp_event_read(fs, c->ast->provider, c->ast->func, &c->plan->event);
	if (err != -ENOENT)
		return err ? diag_set(c->d, err, c->ast->target_span, "its format cannot be read: %s", strerror(-err)) : 0;
	tp_events_each(fs, NULL, NULL, nearer, &near);
	return diag_set(c->d, err, c->ast->target_span, "the kernel has no tracepoint '%s%s%s'%s%s%s", c->ast->provider ?
			c->ast->provider : "", c->ast->provider ? "/" : "", c->ast->func, near.best ? "; did you mean '" : "",
			near.name, near.best ? "'?" : "");
}

static int raw_near(void *ctx, const char *name)
{
	return nearer(ctx, "", name);
}

static int target_raw(struct check *c)
{
	struct nearest near = { .want = c->ast->func };

	c->plan->point = POINT_RAW;
	c->types = env_kernel(c->env);
	if (!c->types)
		return types_refuse(c);
	c->plan->proto = types_tracepoint(c->types, c->ast->func);
	if (c->plan->proto)
		return 0;
	types_each(c->types, TYPE_VOID, "*", raw_near, &near);
	return diag_set(c->d, -ENOENT, c->ast->target_span, "the kernel has no tracepoint '%s'%s%s%s", c->ast->func, near.best ?
			"; did you mean '" : "", near.best ? near.name + 1 : "", near.best ? "'?" : "");
}

static int field_type(struct check *c, const struct tp_field *f, struct value *out)
{
	const char *star = strrchr(f->type, '*');
	struct type_name name = { 0 };
	struct diag d = { 0 };
	struct type *t;

	out->type = type_of_number(f->size, f->is_signed);
	if (!star || f->count || strncmp(f->type, "struct ", 7) || !env_kernel(c->env))
		return 0;
	if (type_name_parse(f->type, &name, &d))
		return 0;
	c->types = env_kernel(c->env);
	t = types_find(c->types, TYPE_STRUCT, name.name);
	for (unsigned int i = 0; t && i < name.stars; i++)
		t = types_pointer(c->types, t);
	free((void *)name.name);
	if (t)
		out->type = t;
	return 0;
}

static struct type *text_type(struct check *c, const struct tp_field *f)
{
	static struct type letter = { .kind = TYPE_CHAR, .name = "char", .size = 1, .complete = true };
	struct type *t = plan_alloc(c->plan, sizeof(*t));

	if (t)
		*t = (struct type){ .kind = TYPE_ARRAY, .name = "", .size = f->count, .count = f->count, .complete = true,
				    .to = f->is_string ? &letter : type_of_number(f->count ? f->size / f->count : 1, f->is_signed) };
	return t;
}

/* Data whose place is told in the record: offset and length in one word. */
static struct ir *field_data(struct check *c, const struct tp_field *f)
{
	struct ir *base = ir_new(c, IR_CTX_AT, NULL, NULL), *where = ir_load(c, base, f->off, 4, false, SPACE_KERNEL), *off;

	off = where ? ir_new(c, IR_BAND, where, ir_num(c, 0xffff)) : NULL;
	if (off && f->rel_loc)
		off = ir_new(c, IR_ADD, off, ir_num(c, f->off + 4));
	return off ? ir_new(c, IR_ADD, base, off) : NULL;
}

static int field_common(struct check *c, const struct tp_field *f, struct value *out)
{
	struct span at = c->ast->filter ? c->ast->filter->span : c->ast->target_span;

	out->type = type_of_number(4, false);
	if (!strcmp(f->name, "common_type"))
		out->ir = ir_num(c, c->plan->event.id);
	else if (!strcmp(f->name, "common_pid"))
		out->ir = ir_new(c, IR_IDS, NULL, NULL);
	else if (c->env->ftrace)
		out->ir = ir_load(c, ir_new(c, IR_CTX_AT, NULL, NULL), f->off, f->size, f->is_signed, SPACE_KERNEL);
	else
		return diag_set(c->d, -EOPNOTSUPP, at, "%s is not shown to BPF programs; --backend ftrace can use it", f->name);
	return out->ir ? 0 : check_oom(c);
}

int check_fields(struct check *c, const char *name, struct value *out)
{
	const struct tp_field *f = c->plan->event.fields.v, *end = f + c->plan->event.fields.n;

	for (; f < end && strcmp(f->name, name); f++)
		;
	if (f == end)
		return -ENOENT;
	*out = (struct value){ .param = -1 };
	if (f->common)
		return field_common(c, f, out);
	if (f->data_loc || f->rel_loc) {
		out->ir = field_data(c, f);
		out->place = true;
		out->type = text_type(c, f);
		if (!f->is_string)
			out->type = NULL;
	} else if (f->count || (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8)) {
		out->ir = ir_add(c, ir_new(c, IR_CTX_AT, NULL, NULL), f->off);
		out->place = true;
		out->type = text_type(c, f);
	} else {
		out->ir = ir_load(c, ir_new(c, IR_CTX_AT, NULL, NULL), f->off, f->size, f->is_signed, SPACE_KERNEL);
		field_type(c, f, out);
	}
	return out->ir ? 0 : check_oom(c);
}

/* ---- programs ---- */

static int target_usdt(struct check *c)
{
	struct plan *p = c->plan;
	int err = usdts_find(p->path, c->ast->provider, c->ast->func, &p->usdts);

	p->point = POINT_USDT;
	p->usdt_place = c->env->usdt_place;
	if (err)
		return diag_set(c->d, err, c->ast->target_span, "%s: %s", p->path, strerror(-err));
	if (p->usdts.n <= p->usdt_place)
		return diag_set(c->d, -ENOENT, c->ast->target_span, "%s has no probe %s:%s", p->path, c->ast->provider, c->ast->func);
	if (c->ast->letter == 'R')
		return diag_set(c->d, -EINVAL, c->ast->target_span, "a USDT probe has no return: use 'P'");
	return 0;
}

static int user_function(struct check *c)
{
	struct plan *p = c->plan;
	ufuncs_t all = { 0 };
	struct nearest near = { .want = c->ast->func };
	int err = ufuncs_find(p->path, c->ast->func, &p->ufuncs);

	if (err)
		return diag_set(c->d, err, c->ast->target_span, "%s: %s", p->path, err == -ENOEXEC ? "it is no ELF file" : strerror(-err));
	if (p->ufuncs.n) {
		const struct ufunc *f = &p->ufuncs.v[0];

		if (c->ast->off && f->size && c->ast->off >= f->size)
			return diag_set(c->d, -EINVAL, c->ast->target_span, "'%s' has %llu bytes", f->name, (unsigned long long)f->size);
		return 0;
	}
	ufuncs_find(p->path, "*", &all);
	for (size_t i = 0; i < all.n; i++)
		nearer(&near, "", all.v[i].name);
	diag_set(c->d, -ENOENT, c->ast->func_span, "%s has no function '%s'%s%s%s", p->path, c->ast->func, near.best ?
		 "; did you mean '" : "", near.best ? near.name + 1 : "", near.best ? "'?" : "");
	ufuncs_free(&all);
	return -ENOENT;
}

static int target_user(struct check *c)
{
	struct plan *p = c->plan;
	int err = binary_find(c->ast->bin, &p->path);

	if (err)
		return diag_set(c->d, err, c->ast->target_span, "'%s' is no program, library or process here: %s", c->ast->bin, strerror(-err));
	p->point = c->ast->letter == 'R' ? POINT_USER_RETURN : POINT_USER;
	c->types = env_binary(c->env, p->path);
	if (c->ast->provider)
		return target_usdt(c);
	err = user_function(c);
	if (!err && c->types && !c->ast->glob)
		p->proto = types_function(c->types, c->ast->func, NULL);
	return err;
}

int check_target(struct check *c)
{
	const struct probe_ast *a = c->ast;
	unsigned int count;
	int err;

	c->plan->title = plan_text(c->plan, "%.*s", (int)(a->target_span.at + a->target_span.len), a->text);
	if (!c->plan->title)
		return check_oom(c);
	switch (a->letter) {
	case 'p': case 'r': err = target_function(c); break;
	case 'e': err = target_event(c); break;
	case 't': err = target_raw(c); break;
	case 'P': case 'R': err = target_user(c); break;
	default:
		c->plan->point = POINT_SAMPLE; /* types are opened when they are asked for */
		err = 0;
	}
	if (!err && c->plan->proto && type_complete(c->types, c->plan->proto)) /* its parameters */
		return diag_set(c->d, -EINVAL, a->target_span, "the type of '%s' cannot be read", a->func);
	if (!err && c->plan->proto)
		c->plan->slots = param_slot(c->plan->proto, c->plan->proto->n, &count);
	return err;
}
