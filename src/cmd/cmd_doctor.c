/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor doctor`: what this kernel allows and refuses, and what each command therefore sees. */
#include <errno.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "kernel/layers.h"
#include "kernel/probe.h"

struct doctor_cmdline { bool json, verbose; };

static const struct opt doctor_table[] = {
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, one object.", offsetof(struct doctor_cmdline, json) },
	{ 'v', "verbose", OPT_FLAG, NULL, "Print what the kernel answered to each attempt.",
	  offsetof(struct doctor_cmdline, verbose) },
	{ 0 },
};

const struct opt_command doctor_command = {
	.program = "spoor doctor",
	.usage = "[options]",
	.about = "Says what this kernel allows and refuses, by trying it, which layers each command sees, and what would "
		 "help.",
	.notes = "Exit status: 0 when 'spoor io' can do its main job here, 1 when it cannot.\n",
	.opts = doctor_table,
};

static const char *const commands[] = { "io", "sched", "why", "probe" };
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const char *const probe_words[] = { [PROBE_UNKNOWN] = "?", [PROBE_NO] = "no", [PROBE_YES] = "yes" };
static const char *const layer_words[] = { [LAYER_NO] = "no", [LAYER_PART] = "part", [LAYER_YES] = "yes" };
static const char *const layer_json[] = { [LAYER_NO] = "no", [LAYER_PART] = "partly", [LAYER_YES] = "yes" };
static const char *const probe_json[] = { [PROBE_UNKNOWN] = "unknown", [PROBE_NO] = "no", [PROBE_YES] = "yes" };

/* --- for people --- */

static void state_print(const char *word, bool color)
{
	const char *paint = !strcmp(word, "yes") ? "\033[32m" : !strcmp(word, "no") ? "\033[31m" : "\033[33m";

	printf("  %s%-5s%s", color ? paint : "", word, color ? "\033[0m" : "");
}

static void probes_print(struct probe *p, bool color)
{
	for (int i = 0; i < PROBE_N; i++) {
		const struct probe_result *r = probe_get(p, i);
		const char *help = probe_help(p, i);

		state_print(probe_words[r->state], color);
		printf("%-46s  %s\n", probe_id_title(i), r->why);
		if (help[0])
			printf("%55s-> %s\n", "", help);
	}
}

static void layer_print(const struct layer *l, const struct layer_view *v, bool color)
{
	state_print(layer_words[v->state], color);
	printf("%-30s", l->name);
	if (v->state == LAYER_NO) {
		printf("  %s\n%39s-> lost: %s\n", v->why, "", l->lost);
		return;
	}
	printf("  ");
	if (v->way->kind == HOOK_KALLSYMS)
		printf("/proc/kallsyms");
	for (size_t i = 0; i < LAYER_HOOKS && v->way->name[i]; i++)
		printf("%s%s", i ? ", " : v->way->kind == HOOK_FUNCTION ? "function " : "", v->way->name[i]);
	putchar('\n');
	if (v->state == LAYER_PART)
		printf("%39s-> lost: %s (%s)\n", "", v->way->lost, v->why);
}

static void doctor_print(struct probe *p)
{
	bool color = cmd_color(stdout);
	char why[LAYER_TEXT];
	size_t n;
	const struct layer *l = layers_all(&n);
	struct layer_view v;

	printf("Linux %s on %s, lockdown: %s\n\nThis kernel allows\n", probe_release(p), probe_arch(p),
	       probe_lockdown(p));
	probes_print(p, color);
	if (!probe_can(p, PROBE_PRIVILEGE) && !layers_suffice(p, "io", why)) {
		printf("\nWithout these rights nothing can be traced: sudo spoor doctor\n");
		return;
	}
	for (size_t c = 0; c < COMMANDS; c++) {
		printf("\n'spoor %s' sees\n", commands[c]);
		for (size_t i = 0; i < n; i++) {
			if (strcmp(l[i].command, commands[c]))
				continue;
			layer_look(p, &l[i], &v);
			layer_print(&l[i], &v, color);
		}
	}
	putchar('\n');
	for (size_t c = 0; c < COMMANDS; c++) {
		if (layers_suffice(p, commands[c], why))
			printf("'spoor %s' can do its main job here.\n", commands[c]);
		else
			printf("'spoor %s' cannot work here: %s\n", commands[c], why);
	}
}

/* --- for programs --- */

static void probes_json(struct json *j, struct probe *p)
{
	json_put_array(j, "probes");
	for (int i = 0; i < PROBE_N; i++) {
		const struct probe_result *r = probe_get(p, i);

		json_object_begin(j);
		json_put_str(j, "name", probe_id_name(i));
		json_put_str(j, "title", probe_id_title(i));
		json_put_str(j, "state", probe_json[r->state]);
		json_put_str(j, "why", r->why);
		json_put_str(j, "help", probe_help(p, i));
		json_object_end(j);
	}
	json_array_end(j);
}

static void layer_to_json(struct json *j, const struct layer *l, const struct layer_view *v)
{
	json_object_begin(j);
	json_put_str(j, "name", l->name);
	json_put_str(j, "state", layer_json[v->state]);
	json_put_bool(j, "needed", l->must);
	json_put_str(j, "by", !v->way ? "" : v->way->kind == HOOK_FUNCTION ? "fentry" :
		  v->way->kind == HOOK_KALLSYMS ? "kallsyms" : v->way->kind == HOOK_ATTACH ? "attach" : "tracepoint");
	json_put_array(j, "hooks");
	for (size_t i = 0; v->way && i < LAYER_HOOKS && v->way->name[i]; i++)
		json_str(j, v->way->name[i]);
	json_array_end(j);
	json_put_str(j, "why", v->why);
	json_put_str(j, "lost", v->state == LAYER_NO ? l->lost : v->state == LAYER_PART && v->way ? v->way->lost : "");
	json_object_end(j);
}

static void command_to_json(struct json *j, struct probe *p, const char *command)
{
	char why[LAYER_TEXT];
	size_t n;
	const struct layer *l = layers_all(&n);
	struct layer_view v;

	json_object_begin(j);
	json_put_str(j, "name", command);
	json_put_bool(j, "works", layers_suffice(p, command, why));
	json_put_str(j, "why", why);
	json_put_array(j, "layers");
	for (size_t i = 0; i < n; i++) {
		if (strcmp(l[i].command, command))
			continue;
		layer_look(p, &l[i], &v);
		layer_to_json(j, &l[i], &v);
	}
	json_array_end(j);
	json_object_end(j);
}

static int doctor_json(struct probe *p)
{
	static struct json j; /* its buffer is large for a stack */

	json_init(&j, stdout);
	json_object_begin(&j);
	json_put_str(&j, "type", "doctor");
	json_key(&j, "version");
	json_u64(&j, 1);
	json_put_str(&j, "kernel", probe_release(p));
	json_put_str(&j, "arch", probe_arch(p));
	json_put_str(&j, "lockdown", probe_lockdown(p));
	probes_json(&j, p);
	json_put_array(&j, "commands");
	for (size_t c = 0; c < COMMANDS; c++)
		command_to_json(&j, p, commands[c]);
	json_array_end(&j);
	json_object_end(&j);
	return json_line(&j);
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_cmdline c = { 0 };
	struct opts_parsed parsed;
	char why[LAYER_TEXT];
	struct probe *p;
	int err = opts_parse(&doctor_command, argc, argv, &c, &parsed);

	if (err)
		return cmd_options_end(&doctor_command, err, parsed.message);
	cmd_log(c.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
	p = probe_new();
	if (!p) {
		cmd_error("%s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (c.json)
		doctor_json(p);
	else
		doctor_print(p);
	err = layers_suffice(p, "io", why) ? EXIT_SUCCESS : EXIT_FAILURE;
	probe_free(p);
	return cmd_flush(err);
}
