/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor find`: functions of the kernel and tracepoints. */
#include <errno.h>

#include "cmd/cmd.h"
#include "cmd/find.h"
#include "kernel/symbols.h"
#include "kernel/targets.h"

enum { WAYS = 3, WAYS_WIDTH = 26, TEXT_LEN = 2048 };

/* --- functions --- */

/* How a function can be probed here, best first; why not, when there is none. */
struct ways { const char *way[WAYS + 1]; unsigned int n; const char *why; };

static bool allowed(const struct find *f, enum probe_id id)
{
	return f->probe && probe_can(f->probe, id);
}

static struct ways ways_find(struct find *f, const struct kfunc *fn)
{
	bool trace = fn->flags & FUNC_FTRACE, variant = fn->flags & FUNC_VARIANT;
	struct ways w = { .why = "" };
	int fd;

	if (trace && !variant && allowed(f, PROBE_FENTRY) && f->types && types_btf_id(f->types, TYPE_FUNC, fn->name, &fd) > 0)
		w.way[w.n++] = "fentry";
	if (trace && allowed(f, PROBE_KPROBE_MULTI))
		w.way[w.n++] = "kprobe.multi";
	if (!(fn->flags & FUNC_NOPROBE) && allowed(f, PROBE_KPROBE))
		w.way[w.n++] = "kprobe";
	if (w.n)
		return w;
	if (fn->flags & FUNC_NOPROBE) {
		w.why = "the kernel forbids it: a probe might recurse there (notrace, noinstr), or the code is gone";
	} else if (!allowed(f, PROBE_FENTRY) && !allowed(f, PROBE_KPROBE)) {
		w.why = "this kernel allows no probes on functions";
		f->refused = true;
	} else {
		w.why = "the function tracer's call is not in it, and this kernel has no kprobes";
	}
	return w;
}

/* Its own prototype; of a variant that of what it was made from, which need not hold. */
static struct type *prototype(struct find *f, const struct kfunc *fn, char *name, size_t cap)
{
	struct type *ty;

	snprintf(name, cap, "%s", fn->name);
	ty = f->types ? types_function(f->types, name, NULL) : NULL;
	if (!ty && fn->flags & FUNC_VARIANT && f->types) {
		name[ksym_base_length(name)] = '\0';
		ty = types_function(f->types, name, NULL);
	}
	return ty;
}

static void function_print(struct find *f, const struct kfunc *fn)
{
	struct ways w = ways_find(f, fn);
	char how[64] = "", name[256], text[TEXT_LEN] = "", module[80] = "";
	struct type *ty = prototype(f, fn, name, sizeof(name));

	for (unsigned int i = 0; i < w.n; i++)
		snprintf(how + strlen(how), sizeof(how) - strlen(how), "%s%s", i ? " " : "", w.way[i]);
	if (fn->module[0])
		snprintf(module, sizeof(module), " [%.64s]", fn->module);
	if (ty)
		type_print_function(f->types, ty, name, text, sizeof(text));
	if (fn->flags & FUNC_VARIANT)
		find_line("  %-*s%s%s  (variant made by the compiler%s%s)", WAYS_WIDTH, w.n ? how : "-", fn->name, module,
			  ty ? "; in the source " : "", text);
	else
		find_line("  %-*s%s%s%s", WAYS_WIDTH, w.n ? how : "-", ty ? text : fn->name, module, ty ? "" : "  (prototype unknown)");
	if (fn->flags & FUNC_NOPROBE)
		find_line("  %*s%s", WAYS_WIDTH, "", w.why);
}

static void function_json(struct find *f, const struct kfunc *fn)
{
	struct ways w = ways_find(f, fn);
	char name[256];
	struct type *ty = prototype(f, fn, name, sizeof(name));

	json_object_begin(f->json);
	json_put_str(f->json, "type", "function");
	json_put_str(f->json, "name", fn->name);
	json_put_str(f->json, "module", fn->module);
	json_put_bool(f->json, "variant", fn->flags & FUNC_VARIANT);
	json_put_array(f->json, "ways");
	for (unsigned int i = 0; i < w.n; i++)
		json_str(f->json, w.way[i]);
	json_array_end(f->json);
	json_put_str(f->json, "why", w.why);
	json_put_params(f->json, f->types, ty);
	json_object_end(f->json);
	json_line(f->json);
}

int find_functions(struct find *f, const char *glob)
{
	kfuncs_t all;
	bool known;
	int err = kfuncs_find(glob, &all, &known);

	if (err) {
		cmd_error("/proc/kallsyms: %s", strerror(-err));
		return err;
	}
	f->guessed |= all.n && !known;
	if (all.n && !f->json)
		find_line("functions of the kernel");
	for (size_t i = 0; i < all.n; i++) {
		if (f->json)
			function_json(f, &all.v[i]);
		else
			function_print(f, &all.v[i]);
	}
	f->found += (unsigned int)all.n;
	kfuncs_free(&all);
	return 0;
}

/* --- tracepoints --- */

/* As C declares it, and without what only says where the bytes lie. */
static int field_print(const struct tp_field *field, bool first, char *to, size_t cap)
{
	const char *type = field->type;
	size_t len;

	if (field->data_loc || field->rel_loc)
		type += strcspn(type, " ") + 1;
	len = strcspn(type, "[");
	while (len && type[len - 1] == ' ')
		len--;
	return snprintf(to, cap, "%s%.*s%s%s%s", first ? "" : ", ", (int)len, type, len && type[len - 1] == '*' ? "" : " ", field->name,
			strchr(type, '[') ? strchr(type, '[') : "");
}

static void fields_print(struct find *f, const struct tp_event *e)
{
	char text[8192] = "";
	size_t at = 0;

	for (size_t i = 0; i < e->fields.n && at < sizeof(text); i++) {
		const struct tp_field *field = &e->fields.v[i];

		if (!field->common)
			at += (size_t)field_print(field, !at, text + at, sizeof(text) - at);
	}
	find_wrapped(f, 6, at ? text : "no fields");
}

static void event_print(struct find *f, const struct tp_event *e, struct type *args)
{
	char text[TEXT_LEN];

	find_line("  %s/%s", e->system, e->name);
	fields_print(f, e);
	if (args) {
		/* without what it would return and the name, which say nothing here */
		type_print_function(f->types, args, "t", text, sizeof(text));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " as typed arguments");
		find_wrapped(f, 6, strchr(text, '('));
	}
}

static void event_json(struct find *f, const struct tp_event *e, struct type *args)
{
	json_object_begin(f->json);
	json_put_str(f->json, "type", "tracepoint");
	json_put_str(f->json, "system", e->system);
	json_put_str(f->json, "name", e->name);
	json_put_array(f->json, "fields");
	for (size_t i = 0; i < e->fields.n; i++) {
		const struct tp_field *field = &e->fields.v[i];

		json_object_begin(f->json);
		json_put_str(f->json, "name", field->name);
		json_put_str(f->json, "of", field->type);
		json_put_u64(f->json, "offset", field->off);
		json_put_u64(f->json, "size", field->size);
		json_put_bool(f->json, "signed", field->is_signed);
		json_put_bool(f->json, "common", field->common);
		json_object_end(f->json);
	}
	json_array_end(f->json);
	json_put_params(f->json, f->types, args);
	json_object_end(f->json);
	json_line(f->json);
}

struct events { struct find *f; unsigned int n; };

static int one_event(void *ctx, const char *system, const char *name)
{
	struct events *all = ctx;
	struct find *f = all->f;
	struct tp_event e;
	struct type *args;

	if (tp_event_read(f->tracefs, system, name, &e))
		return 0; /* it went away, or is none: ftrace's own have other files */
	args = f->types ? types_tracepoint(f->types, name) : NULL;
	if (!f->json && !all->n++)
		find_line("tracepoints");
	if (f->json)
		event_json(f, &e, args);
	else
		event_print(f, &e, args);
	f->found++;
	tp_event_free(&e);
	return 0;
}

int find_tracepoints(struct find *f, const char *system, const char *glob)
{
	struct events all = { .f = f };
	int err;

	if (f->tracefs < 0)
		return 0; /* said once, at the end */
	err = tp_events_each(f->tracefs, system, glob, one_event, &all);
	if (err)
		cmd_error("tracefs: %s", strerror(-err));
	return err;
}
