/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Events and their arguments, out of plans. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "expr/ftrace_priv.h"
#include "expr/lex.h"

/* ---- leaves ---- */

struct leaf *leaf_find(const struct ftprobe *fp, enum leaf_kind kind, const struct ir *ir)
{
	for (size_t i = 0; i < fp->leaves.n; i++) {
		struct leaf *l = &fp->leaves.v[i];

		if (l->kind == kind && (kind == LEAF_COMM || ir_same(l->ir, ir)))
			return l;
	}
	return NULL;
}

static bool name_taken(const struct ftprobe *fp, const char *name)
{
	for (size_t i = 0; i < fp->leaves.n; i++)
		if (!strcmp(fp->leaves.v[i].name, name))
			return true;
	return false;
}

/* A name that the kernel takes: a C identifier of 31 characters, none of its own. */
static void name_make(const struct ftprobe *fp, const char *want, char name[48])
{
	enum { NAME_MOST = 24 };
	size_t n = 0;

	if (!want || (*want >= '0' && *want <= '9') || !strncmp(want, "common_", 7) || !strncmp(want, "__probe", 7))
		name[n++] = '_';
	for (; want && *want && n < NAME_MOST; want++) {
		if (lex_is_word(*want))
			name[n++] = *want;
		else if (n && name[n - 1] != '_')
			name[n++] = '_';
	}
	while (n && name[n - 1] == '_')
		n--;
	name[n] = '\0';
	if (!n || name_taken(fp, name))
		snprintf(name + n, 48 - n, "_%zu", fp->leaves.n);
}

static int leaf_add(struct ftprobe *fp, const struct leaf *from, const char *name)
{
	struct leaf l = *from;

	if (fp->leaves.n >= ARGS_MOST)
		return -E2BIG;
	name_make(fp, name, l.name);
	return vec_push(&fp->leaves, l) ? -ENOMEM : 0;
}

static int need_number(struct ftprobe *fp, const struct ir *ir, const char *name)
{
	struct leaf l = { .kind = LEAF_NUMBER, .ir = ir, .shown = name };
	int err;

	if (ir_here(ir) || (ir->op == IR_LOAD && ir_in_record(fp->p, ir->a)) || leaf_find(fp, LEAF_NUMBER, ir))
		return 0;
	if (fp->p->point == POINT_TRACEPOINT && (ir->op == IR_CTX || ir->op == IR_CTX_AT))
		return 0;
	if (fetch_number(fp->p, ir, l.fetch))
		return leaf_add(fp, &l, name);
	if (ir->op < IR_EXT || ir->op > IR_COND || ir->op == IR_COMM)
		return -EOPNOTSUPP;
	err = ir->a ? leaves_need(fp, ir->a, NULL) : 0;
	err = err || !ir->b ? err : leaves_need(fp, ir->b, NULL);
	return err || !ir->c ? err : leaves_need(fp, ir->c, NULL);
}

static int need_string(struct ftprobe *fp, const struct ir *at, enum space space, const char *name)
{
	struct leaf l = { .kind = LEAF_STRING, .ir = at, .shown = name };

	if (ir_in_record(fp->p, at) || leaf_find(fp, LEAF_STRING, at))
		return 0;
	return fetch_at(fp->p, at, space, "string", l.fetch) ? leaf_add(fp, &l, name) : -EOPNOTSUPP;
}

static int need_bytes(struct ftprobe *fp, const struct ir *at, uint32_t bytes, enum space space, const char *name)
{
	struct leaf l = { .kind = LEAF_BYTES, .ir = at, .bytes = bytes, .shown = name };
	unsigned int width = bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : bytes % 2 == 0 ? 2 : 1;
	char type[24];

	if (ir_in_record(fp->p, at))
		return 0;
	while (width > 1 && bytes == width) /* an array of one is none */
		width /= 2;
	if (bytes / width > BYTES_WORDS)
		return -E2BIG;
	snprintf(type, sizeof(type), "x%u[%u]", width * 8, bytes / width);
	return fetch_at(fp->p, at, space, type, l.fetch) ? leaf_add(fp, &l, name) : -EOPNOTSUPP;
}

int leaves_need(struct ftprobe *fp, const struct ir *ir, const char *name)
{
	switch (ir->op) {
	case IR_STREQ: case IR_GLOB:
		return ir->a->op == IR_COMM ? 0 : need_string(fp, ir->a, ir->space, name);
	case IR_BYTESEQ:
		return need_bytes(fp, ir->a, (uint32_t)ir->number, ir->space, name);
	default:
		return need_number(fp, ir, name);
	}
}

/* ---- fields ---- */

static struct span span_of(const struct plan *p, const char *name)
{
	for (const struct arg *a = p->ast->args; a && name; a = a->next)
		if (!strcmp(a->name, name))
			return a->span;
	return p->ast->target_span;
}

static int out_refuse(const struct plan *p, const struct out *o, int err, struct diag *d)
{
	const char *name = o->name ? o->name : "it", *why = "only registers and what pointers lead to, at constant offsets";

	if (err == -ENOMEM)
		return diag_set(d, err, (struct span){ 0 }, "out of memory");
	if (o->kind == OUT_PATH)
		why = "it cannot walk up a path; the last name is X.dentry->d_name.name";
	else if (o->kind == OUT_LIST)
		why = "it cannot walk a list";
	else if (o->kind == OUT_STACK)
		why = "it has no stack of user space for one event";
	else if (o->ir && o->ir->op == IR_LAT)
		why = "it does not know when the function was entered";
	else if (o->ir && (o->ir->op == IR_UID || o->ir->op == IR_GID || o->ir->op == IR_CGROUP || o->ir->op == IR_TASK))
		why = "its events do not tell that";
	else if (plan_is_return(p) && o->ir && o->kind == OUT_NUMBER && err == -EOPNOTSUPP)
		why = "at a return, only what the function returns";
	else if (err == -E2BIG)
		why = "too much for one event; name members";
	diag_set(d, err, span_of(p, o->name), "ftrace cannot show '%s': %s", name, why);
	diag_note(d, "--backend bpf can");
	return err;
}

static int out_plan(struct ftprobe *fp, const struct out *o)
{
	switch (o->kind) {
	case OUT_NUMBER: return o->is_stack ? -EOPNOTSUPP : leaves_need(fp, o->ir, o->name);
	case OUT_STRING: return need_string(fp, o->ir, o->space, o->name);
	case OUT_BYTES: return need_bytes(fp, o->ir, o->size, o->space, o->name);
	case OUT_COMM: return 0;
	case OUT_STACK:
		fp->wants_stack = !o->user_stack;
		return o->user_stack ? -EOPNOTSUPP : 0;
	default: return -EOPNOTSUPP;
	}
}

static bool out_computed(const struct ftprobe *fp, const struct out *o)
{
	return o->kind == OUT_NUMBER && !ir_here(o->ir) && !leaf_find(fp, LEAF_NUMBER, o->ir) && fp->p->point != POINT_TRACEPOINT;
}

/* ---- places ---- */

static int event_add(struct ftprobe *fp, const char *name, const char *system, char *place, uint64_t func)
{
	struct event e = { .place = place, .func = func };

	snprintf(e.name, sizeof(e.name), "%s", name);
	snprintf(e.system, sizeof(e.system), "%s", system);
	if (place && !vec_push(&fp->events, e))
		return 0;
	free(place);
	return -ENOMEM;
}

static char *text_new(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *text_new(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

static char *with_offset(const char *name, uint64_t off)
{
	return off ? text_new("%s+%" PRIu64, name, off) : text_new("%s", name);
}

/* Each function that matches the pattern and can have a probe. */
static int events_of_pattern(struct ftprobe *fp, unsigned int index, struct diag *d)
{
	const struct probe_ast *ast = fp->p->ast;
	kfuncs_t all = { 0 };
	char name[64];
	bool known;
	int err = kfuncs_find(ast->func, &all, &known);
	size_t n = 0;

	for (size_t i = 0; i < all.n && !err; i++) {
		const struct kfunc *k = &all.v[i];

		if ((k->flags & FUNC_NOPROBE) || !(k->flags & FUNC_FTRACE) || (i && !strcmp(k->name, all.v[i - 1].name)))
			continue;
		snprintf(name, sizeof(name), "p%u_%zu", index, n++);
		err = n > FUNCS_MOST ? -E2BIG : event_add(fp, name, "", with_offset(k->name, 0), k->addr);
	}
	if (err == -E2BIG)
		diag_set(d, err, ast->func_span, "'%s' is more than %d functions: too many for ftrace", ast->func, FUNCS_MOST);
	else if (err || !n)
		err = diag_set(d, err ? err : -ENOENT, ast->func_span, "no function that can have a probe matches '%s'", ast->func);
	kfuncs_free(&all);
	return err;
}

/* One place a plan: each has its arguments elsewhere. */
static int event_of_usdt(struct ftprobe *fp, const char *name)
{
	const struct usdt *u = &fp->p->usdts.v[fp->p->usdt_place];

	return event_add(fp, name, "", u->semaphore ? text_new("%s:0x%" PRIx64 "(0x%" PRIx64 ")", fp->p->path, u->file_off, u->semaphore) :
					 text_new("%s:0x%" PRIx64, fp->p->path, u->file_off), 0);
}

static int events_plan(struct ftprobe *fp, unsigned int index, struct diag *d)
{
	const struct plan *p = fp->p;
	char name[64];
	int err = 0;

	snprintf(name, sizeof(name), "p%u", index);
	switch (p->point) {
	case POINT_FUNC: case POINT_RETURN:
		if (p->ast->glob)
			return events_of_pattern(fp, index, d);
		return event_add(fp, name, "", with_offset(p->ast->func, p->ast->off), 0);
	case POINT_USER: case POINT_USER_RETURN:
		for (size_t i = 0; i < p->ufuncs.n && !err; i++) {
			if (i)
				snprintf(name, sizeof(name), "p%u_%zu", index, i);
			err = event_add(fp, name, "", text_new("%s:0x%" PRIx64, p->path, p->ufuncs.v[i].file_off + p->ast->off), 0);
		}
		return err;
	case POINT_USDT: return event_of_usdt(fp, name);
	case POINT_TRACEPOINT: return event_add(fp, p->event.name, p->event.system, text_new("%s/%s", p->event.system, p->event.name), 0);
	case POINT_RAW:
		return diag_set(d, -EOPNOTSUPP, p->ast->target_span, "ftrace has the fields of tracepoints, not their arguments: e SYS/%s",
				p->ast->func);
	default:
		return diag_set(d, -EOPNOTSUPP, p->ast->target_span, "ftrace takes no samples: --backend bpf does");
	}
}

int ftprobe_plan(struct ftrace *f, struct ftprobe *fp, unsigned int index, struct diag *d)
{
	const struct plan *p = fp->p;
	struct leaf comm = { .kind = LEAF_COMM, .fetch = "$comm:string" };
	int err = 0;

	if (p->ast->agg.fn != AGG_NONE)
		return diag_set(d, -EOPNOTSUPP, p->ast->agg.span, "ftrace prints hits; --backend bpf adds them up");
	err = events_plan(fp, index, d);
	if (err)
		return err == -ENOMEM ? diag_set(d, err, (struct span){ 0 }, "out of memory") : err;
	for (size_t i = 0; i < p->outs.n; i++) {
		err = out_plan(fp, &p->outs.v[i]);
		if (err)
			return out_refuse(p, &p->outs.v[i], err, d);
		fp->computes |= out_computed(fp, &p->outs.v[i]);
	}
	err = p->filter ? filter_plan(fp, d) : 0;
	if (!err && p->point != POINT_TRACEPOINT)
		err = leaf_add(fp, &comm, "comm_now") ? diag_set(d, -E2BIG, p->ast->target_span, "too many arguments for ftrace") : 0;
	f->stacks |= fp->wants_stack;
	return err;
}

/* A tracepoint has one filter in an instance: what several probes want of it is told apart here. */
static void filters_share(struct ftrace *f)
{
	for (unsigned int i = 0; i < f->n; i++)
		for (unsigned int k = 0; k < f->n; k++) {
			struct ftprobe *a = &f->probes[i], *b = &f->probes[k];

			if (i == k || a->p->point != POINT_TRACEPOINT || b->p->point != POINT_TRACEPOINT || a->p->event.id != b->p->event.id)
				continue;
			a->filtered_here = a->p->filter;
			free(a->filter);
			a->filter = NULL;
		}
}

struct ftrace *ftrace_new(const struct plan *const *plans, unsigned int n, struct diag *d, unsigned int *which)
{
	struct ftrace *f = calloc(1, sizeof(*f));
	int err = 0;

	if (f)
		f->probes = calloc(n + 1, sizeof(*f->probes));
	if (!f || !f->probes) {
		free(f);
		errno = ENOMEM;
		return NULL;
	}
	f->n = n;
	*which = 0;
	f->tracefs = f->instance = -1;
	snprintf(f->group, sizeof(f->group), "spoor_%d", (int)getpid());
	for (unsigned int i = 0; i < n && !err; i++) {
		f->probes[i].p = plans[i];
		*which = i;
		err = ftprobe_plan(f, &f->probes[i], i, d);
	}
	if (!err) {
		filters_share(f);
		return f;
	}
	ftrace_free(f);
	errno = -err;
	return NULL;
}

void ftrace_print(const struct ftrace *f, FILE *out)
{
	for (unsigned int i = 0; i < f->n; i++) {
		const struct ftprobe *fp = &f->probes[i];

		for (size_t k = 0; k < fp->leaves.n; k++)
			fprintf(out, "%s=%s\n", fp->leaves.v[k].name, fp->leaves.v[k].fetch);
		if (fp->filter)
			fprintf(out, "f:%s%s\n", fp->filter, fp->filtered_here ? " and more here" : "");
		else if (fp->filtered_here)
			fprintf(out, "f: here\n");
	}
}
