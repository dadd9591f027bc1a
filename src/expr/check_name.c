/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What a name or %N stands for: arguments, parameters, fields, builtins, variables of the kernel. */
#include <errno.h>
#include <string.h>

#include "base/opts.h"
#include "expr/check.h"
#include "expr/gen.h"
#include "kernel/symbols.h"

enum { NAMES_MOST = 256 };

void check_note_prototype(struct check *c)
{
	char text[512];

	if (c->plan->proto && c->types)
		diag_note(c->d, "%s", type_print_function(c->types, c->plan->proto, c->ast->func, text, sizeof(text)));
}

unsigned int param_slot(const struct type *proto, unsigned int n, unsigned int *count)
{
	unsigned int slot = 0;

	for (unsigned int i = 0;; i++) {
		const struct type *t = i < proto->n ? proto->params[i].type : NULL;
		bool record = t && (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION);

		*count = record && t->size > 16 ? 0 : record && t->size > 8 ? 2 : 1;
		if (i == n)
			return slot;
		slot += *count;
	}
}

static struct ir *ir_arg(struct check *c, unsigned int slot, const struct type *t)
{
	struct ir *ir = ir_new(c, IR_ARG, NULL, NULL);

	if (!ir)
		return NULL;
	ir->number = slot;
	if (t && type_is_scalar(t)) {
		ir->size = (uint8_t)t->size;
		ir->is_signed = t->is_signed;
	}
	ir->pointer = !t || t->kind == TYPE_PTR || !type_is_scalar(t);
	if (ir->pointer)
		c->plan->pointer_slots |= 1U << slot;
	if (plan_is_return(c->plan))
		c->plan->entry_slots |= 1U << slot;
	return ir;
}

/* A USDT probe's argument is where its note says. */
static int usdt_value(struct check *c, uint64_t n, struct span at, struct value *out)
{
	const struct usdt *u = &c->plan->usdts.v[c->plan->usdt_place];
	const struct usdt_arg *a;
	struct ir *ir, *index = NULL;
	unsigned int width;
	int off;

	if (n >= u->n)
		return diag_set(c->d, -ENOENT, at, "the probe %s:%s has %u arguments", u->provider, u->name, u->n);
	a = &u->arg[n];
	width = (unsigned int)(a->size < 0 ? -a->size : a->size);
	out->type = type_of_number(width, a->size < 0);
	ir = ir_new(c, a->kind == USDT_CONST ? IR_NUM : IR_REG, NULL, NULL);
	if (!ir)
		return check_oom(c);
	off = a->kind == USDT_CONST ? 0 : regs_find(a->reg, &width);
	if (off < 0)
		return diag_set(c->d, -EINVAL, at, "this argument is in the register %s, which is not known", a->reg);
	ir->number = a->kind == USDT_CONST ? (uint64_t)a->value : (uint64_t)off;
	if (a->kind == USDT_SIB) {
		index = ir_new(c, IR_REG, NULL, NULL);
		off = regs_find(a->index, &width);
		if (!index || off < 0)
			return diag_set(c->d, -EINVAL, at, "this argument's place is not understood");
		index->number = (uint64_t)off;
		index = ir_new(c, IR_MUL, index, ir_num(c, a->scale));
		ir = index ? ir_new(c, IR_ADD, ir, index) : NULL;
	}
	if (a->kind == USDT_MEM || a->kind == USDT_SIB)
		ir = ir_load(c, ir, (uint64_t)a->value, (unsigned int)out->type->size, out->type->is_signed, SPACE_USER);
	else if (a->kind == USDT_REG && ir && out->type->size < 8) {
		ir = ir_new(c, IR_EXT, ir, NULL);
		if (ir) {
			ir->size = (uint8_t)out->type->size;
			ir->is_signed = out->type->is_signed;
		}
	}
	out->ir = ir;
	return ir ? 0 : check_oom(c);
}

static int param_untyped(struct check *c, uint64_t n, struct span at, struct value *out)
{
	if (n >= 6)
		return diag_set(c->d, -EINVAL, at, "without a prototype only %%0 to %%5 are known");
	out->ir = ir_arg(c, (unsigned int)n, NULL);
	return out->ir ? 0 : check_oom(c);
}

int check_param(struct check *c, uint64_t n, struct span at, struct value *out)
{
	const struct type *proto = c->plan->proto;
	unsigned int slot, count;

	*out = (struct value){ .param = -1 };
	if (c->plan->point == POINT_TRACEPOINT || c->plan->point == POINT_SAMPLE)
		return diag_set(c->d, -EINVAL, at, c->plan->point == POINT_SAMPLE ? "a sample has no arguments" :
				"the fields of an 'e' probe have names; its typed arguments are those of 't %s'", c->ast->func);
	if (c->plan->point == POINT_USDT)
		return usdt_value(c, n, at, out);
	if (!proto)
		return param_untyped(c, n, at, out);
	if (n >= proto->n) {
		diag_set(c->d, -ENOENT, at, "'%s' has %u parameter%s%s", c->ast->func, proto->n, proto->n == 1 ? "" : "s",
			 proto->n ? ", from %0" : "");
		check_note_prototype(c);
		return -ENOENT;
	}
	slot = param_slot(proto, (unsigned int)n, &count);
	out->type = proto->params[n].type;
	out->param = (int)n;
	if (!count || count > 1 || slot + count > PLAN_SLOTS)
		return diag_set(c->d, -EOPNOTSUPP, at, "this parameter is passed as a whole structure on the stack, or too far back");
	out->ir = ir_arg(c, slot, out->type);
	return out->ir ? 0 : check_oom(c);
}

int check_retval(struct check *c, struct span at, struct value *out)
{
	struct type *t = c->plan->proto ? c->plan->proto->to : NULL;
	struct ir *ir;

	if (!plan_is_return(c->plan))
		return diag_set(c->d, -EINVAL, at, "what it returns is known at its return: use '%c'",
				plan_is_user(c->plan) ? 'R' : 'r');
	if (t && t->kind == TYPE_VOID) {
		diag_set(c->d, -EINVAL, at, "'%s' returns nothing", c->ast->func);
		check_note_prototype(c);
		return -EINVAL;
	}
	ir = ir_new(c, IR_RET, NULL, NULL);
	if (!ir)
		return check_oom(c);
	if (t && type_is_scalar(t)) {
		ir->size = (uint8_t)t->size;
		ir->is_signed = t->is_signed;
	}
	ir->pointer = !t || t->kind == TYPE_PTR || !type_is_scalar(t);
	c->plan->pointer_ret |= ir->pointer;
	*out = (struct value){ .ir = ir, .type = t, .param = -1 };
	return 0;
}

/* ---- builtins ---- */

static const struct builtin {
	const char *name;
	enum ir_op op;
	uint64_t number;
	unsigned int bytes;
	enum value_kind kind;
} builtins[] = {
	{ "pid", IR_IDS, 1, 4, V_PLAIN }, { "tid", IR_IDS, 0, 4, V_PLAIN }, { "uid", IR_UID, 0, 4, V_PLAIN },
	{ "gid", IR_GID, 0, 4, V_PLAIN }, { "cpu", IR_CPU, 0, 4, V_PLAIN }, { "cgroup", IR_CGROUP, 0, 8, V_PLAIN },
	{ "ns", IR_NS, 0, 8, V_PLAIN }, { "nsecs", IR_NS, 0, 8, V_PLAIN }, { "time", IR_NS, 0, 8, V_PLAIN },
	{ "lat", IR_LAT, 0, 8, V_PLAIN }, { "comm", IR_COMM, 0, 0, V_COMM }, { "kstack", IR_KSTACK, 0, 8, V_KSTACK },
	{ "stack", IR_KSTACK, 0, 8, V_KSTACK }, { "ustack", IR_USTACK, 0, 8, V_USTACK }, { "func", IR_FUNC, 0, 8, V_FUNC },
	{ "common_pid", IR_IDS, 0, 4, V_PLAIN },
};
enum { BUILTINS = sizeof(builtins) / sizeof(builtins[0]) };

static int check_builtin(struct check *c, const char *name, struct span at, struct value *out)
{
	const struct builtin *b = builtins;
	struct type *task;

	for (; b < builtins + BUILTINS && strcmp(b->name, name); b++)
		;
	if (b == builtins + BUILTINS && !strcmp(name, "task")) {
		if (!c->types && !plan_is_user(c->plan))
			c->types = env_kernel(c->env);
		task = env_kernel(c->env) ? types_find(c->env->kernel, TYPE_STRUCT, "task_struct") : NULL;
		if (!c->types)
			c->types = c->env->kernel;
		out->ir = ir_new(c, IR_TASK, NULL, NULL);
		out->type = task && c->types == c->env->kernel ? types_pointer(c->types, task) : NULL;
		return out->ir ? 0 : check_oom(c);
	}
	if (b == builtins + BUILTINS)
		return -ENOENT;
	if (b->op == IR_LAT && !plan_is_return(c->plan))
		return diag_set(c->d, -EINVAL, at, "lat is the time since the entry: it is there on returns, 'r' and 'R'");
	if (b->op == IR_FUNC && c->plan->point != POINT_FUNC && c->plan->point != POINT_RETURN)
		return diag_set(c->d, -EINVAL, at, "func is the kernel's function that was called: it is there with 'p' and 'r'");
	c->plan->needs_lat |= b->op == IR_LAT;
	c->plan->needs_func |= b->op == IR_FUNC;
	out->kind = b->kind;
	out->ir = ir_new(c, b->op, NULL, NULL);
	out->is_time = b->op == IR_LAT;
	if (!out->ir)
		return check_oom(c);
	out->ir->number = b->number;
	out->type = b->bytes ? type_of_number(b->bytes, b->op == IR_LAT) : NULL;
	return 0;
}

/* ---- names ---- */

/* b16_port and the like are compared as they are shown. */
static int swapped_arg(struct check *c, const struct arg *a, struct value *v)
{
	struct ir *ir;
	int err = check_number(c, v, a->span, &ir);

	if (err)
		return err;
	ir = ir_new(c, IR_SWAP, ir, NULL);
	if (!ir)
		return check_oom(c);
	ir->size = a->bits / 8;
	*v = (struct value){ .ir = ir, .type = type_of_number(ir->size, false), .param = -1 };
	return 0;
}

static int name_of_args(struct check *c, const char *name, struct value *out)
{
	const struct arg *a = c->ast->args;

	for (unsigned int i = 0; i < c->nargs && a; i++, a = a->next)
		if (!strcmp(a->name, name) && a->named) {
			*out = c->args[i];
			return a->show == SHOW_SWAP_HEX || a->show == SHOW_SWAP_DEC ? swapped_arg(c, a, out) : 0;
		}
	return -ENOENT;
}

static int name_of_params(struct check *c, const char *name, struct span at, struct value *out)
{
	const struct type *proto = c->plan->proto;

	for (unsigned int i = 0; proto && i < proto->n; i++)
		if (!strcmp(proto->params[i].name, name))
			return check_param(c, i, at, out);
	return -ENOENT;
}

static int name_unknown(struct check *c, const char *name, struct span at)
{
	const char *names[NAMES_MOST + 1] = { NULL }, *near;
	unsigned int n = 0;

	for (const struct arg *a = c->ast->args; a && c->in_filter && n < NAMES_MOST; a = a->next)
		if (a->named)
			names[n++] = a->name;
	for (unsigned int i = 0; c->plan->proto && i < c->plan->proto->n && n < NAMES_MOST; i++)
		names[n++] = c->plan->proto->params[i].name;
	for (size_t i = 0; i < c->plan->event.fields.n && n < NAMES_MOST; i++)
		names[n++] = c->plan->event.fields.v[i].name;
	for (unsigned int i = 0; i < BUILTINS && n < NAMES_MOST; i++)
		names[n++] = builtins[i].name;
	names[n] = NULL;
	near = name_nearest(name, names);
	diag_set(c->d, -ENOENT, at, "nothing here is called '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
		 near ? "'?" : "");
	check_note_prototype(c);
	if (c->plan->point == POINT_TRACEPOINT) {
		char text[DIAG_NOTE / 2] = "fields:";
		size_t at_text = strlen(text);

		for (size_t i = 0; i < c->plan->event.fields.n && at_text < sizeof(text) - 80; i++)
			if (!c->plan->event.fields.v[i].common)
				at_text += (size_t)snprintf(text + at_text, sizeof(text) - at_text, " %s", c->plan->event.fields.v[i].name);
		diag_note(c->d, "%s", text);
	}
	return -ENOENT;
}

int check_name(struct check *c, const char *name, struct span at, bool only_builtin, struct value *out)
{
	int err = -ENOENT;

	if (!only_builtin && c->in_filter)
		err = name_of_args(c, name, out);
	if (err == -ENOENT && !only_builtin && c->plan->point == POINT_TRACEPOINT)
		err = check_fields(c, name, out);
	if (err == -ENOENT && !only_builtin && !c->d->err)
		err = name_of_params(c, name, at, out);
	if (err == -ENOENT && !c->d->err && !strcmp(name, "retval"))
		err = check_retval(c, at, out);
	if (err == -ENOENT && !c->d->err)
		err = check_builtin(c, name, at, out);
	return err == -ENOENT && !c->d->err ? name_unknown(c, name, at) : err;
}

/* ---- variables of the kernel ---- */

/* A per-CPU variable's address is an offset in older kernels' tables: below this nothing else lies. */
enum { PERCPU_MOST = 1 << 24 };

static int symbol_address(struct check *c, const struct expr *e, struct ir **at)
{
	const char *names[] = { e->text, "__per_cpu_offset" };
	uint64_t addr[2];
	struct ir *cpu, *off;
	int n = ksyms_lookup(names, addr, 2);

	if (n < 0 || !addr[0])
		return diag_set(c->d, n < 0 ? n : -ENOENT, e->span, n < 0 ? "the kernel hides its addresses (kernel.kptr_restrict)" :
				"the kernel has no variable '%s'", e->text);
	*at = ir_num(c, addr[0]);
	if (addr[0] >= PERCPU_MOST || !addr[1] || !*at)
		return *at ? 0 : check_oom(c);
	cpu = ir_new(c, IR_CPU, NULL, NULL);
	cpu = cpu ? ir_new(c, IR_SHL, cpu, ir_num(c, 3)) : NULL;
	off = cpu ? ir_new(c, IR_ADD, cpu, ir_num(c, addr[1])) : NULL;
	off = ir_load(c, off, 0, 8, false, SPACE_KERNEL);
	*at = off ? ir_new(c, IR_ADD, off, ir_num(c, addr[0])) : NULL;
	return *at ? 0 : check_oom(c);
}

int check_symbol(struct check *c, const struct expr *e, struct value *out)
{
	struct ir *at = NULL;
	int err = 0;

	if (plan_is_user(c->plan))
		return diag_set(c->d, -EOPNOTSUPP, e->span, "variables are those of the kernel; this probe is in a program");
	if (e->kind == EXPR_AT)
		at = ir_num(c, e->number);
	else
		err = symbol_address(c, e, &at);
	if (err)
		return err;
	*out = (struct value){ .ir = at, .place = true, .param = -1 };
	if (e->kind == EXPR_SYMBOL && env_kernel(c->env))
		out->type = types_variable(c->env->kernel, e->text);
	return at ? 0 : check_oom(c);
}
