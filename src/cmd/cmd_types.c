/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor types`: layouts of the kernel's types, of a program's, and where a member is. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "base/fmt.h"
#include "base/glob.h"
#include "cmd/cmd.h"
#include "cmd/types_json.h"
#include "expr/types.h"

struct types_cmdline {
	const char *member, *btf, *binary;
	struct opt_list add;
	bool json;
};

static const struct opt types_table[] = {
	{ 'm', "member", OPT_STRING, "NAME", "Print where the member NAME is: in the given types, or in all that have it.",
	  offsetof(struct types_cmdline, member) },
	{ 0, "btf", OPT_STRING, "FILE", "Take the kernel's types from FILE (BTF, or an ELF file with it), not from the running kernel.",
	  offsetof(struct types_cmdline, btf) },
	{ 0, "types", OPT_LIST, "FILES", "Look in these modules too (.ko, with DWARF or BTF), whether they are loaded or not.",
	  offsetof(struct types_cmdline, add) },
	{ 0, "binary", OPT_STRING, "FILE", "Take the types of this program or library, from its DWARF, instead of the kernel's.",
	  offsetof(struct types_cmdline, binary) },
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, one object a line (docs/format.md).", offsetof(struct types_cmdline, json) },
	{ 0 },
};

const struct opt_command types_command = {
	.program = "spoor types",
	.usage = "[options] [TYPE...]",
	.about = "Prints the layout of structures, unions, enums and typedefs: offsets, sizes, bit fields and holes; and which "
		 "structures have a member of some name.",
	.notes = "TYPE is 'struct sk_buff', 'enum pid_type', u32, or a name alone; 'tcp_*' lists the structures of such names.\n"
		 "Exit status: 0, 1 when nothing was found, 2 for a wrong command line.\n",
	.opts = types_table,
	.takes_operands = true,
};

/* One run: what was asked for, from where, and how much was found. */
struct run {
	const struct types_cmdline *c;
	struct types *types;
	struct json *json;      /* NULL: text */
	unsigned int found;
	const char *last;       /* of a list, for names come several times */
	int err;
};

/* --- text --- */

/* Names are the file's, and a file may be anybody's: nothing in them reaches the terminal but text. */
static void lines_print(char *text)
{
	char safe[2048];

	for (char *line = text, *next; line && *line; line = next) {
		size_t tabs = strspn(line, "\t");

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		printf("%.*s%s\n", (int)tabs, line, fmt_escape(safe, sizeof(safe), line + tabs));
	}
}

static int layout_print(struct types *t, struct type *ty)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int err;

	if (!out)
		return -ENOMEM;
	err = type_print_layout(t, ty, out);
	if (fclose(out) && !err)
		err = -ENOMEM;
	if (text)
		lines_print(text);
	free(text);
	return err;
}

static void line_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void line_print(const char *fmt, ...)
{
	char line[1024], safe[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	puts(fmt_escape(safe, sizeof(safe), line));
}

static void member_print(struct types *t, const struct type *ty, const struct member *m)
{
	char in[256], decl[512], at[64];

	if (m->type->kind == TYPE_PTR && m->type->to->kind == TYPE_FUNC)
		(void)type_complete(t, m->type->to); /* so that its parameters are shown */
	if (m->bit_size)
		snprintf(at, sizeof(at), "%" PRIu64 ":%" PRIu64 ", %" PRIu32 " bits", m->bit_off / 8, m->bit_off % 8, m->bit_size);
	else
		snprintf(at, sizeof(at), "%" PRIu64 ", %" PRIu64 " byte%s", m->bit_off / 8, m->type->size, m->type->size == 1 ? "" : "s");
	line_print("%s: %s;  /* %s */", type_print(ty, in, sizeof(in)), type_print_named(m->type, m->name, decl, sizeof(decl)), at);
}

/* --- what was found --- */

static int show_type(struct run *r, struct type *ty, const char *name)
{
	bool layout;
	char text[512];
	struct type plain;
	int err = type_complete(r->types, ty);

	if (err)
		return err;
	layout = ty->kind == TYPE_STRUCT || ty->kind == TYPE_UNION || ty->kind == TYPE_ENUM;
	if (layout)
		return r->json ? json_layout(r->json, r->types, ty) : layout_print(r->types, ty);
	if (r->json) {
		json_type(r->json, ty, name);
		return 0;
	}
	plain = *ty;
	plain.alias = NULL;
	if (ty->alias && !strcmp(ty->alias, name))
		line_print("typedef %s;  /* size: %" PRIu64 " */", type_print_named(&plain, name, text, sizeof(text)), ty->size);
	else
		line_print("%s;  /* size: %" PRIu64 " */", type_print(&plain, text, sizeof(text)), ty->size);
	return 0;
}

/* 0: it has such a member; -ENOENT: not. */
static int show_member(struct run *r, struct type *ty)
{
	struct member m;
	int err = type_member(r->types, ty, r->c->member, &m);

	if (err)
		return err;
	if (r->json)
		json_member(r->json, ty, &m);
	else
		member_print(r->types, ty, &m);
	return 0;
}

static struct type *find_any(struct types *t, const char *name)
{
	struct type *ty = types_find(t, TYPE_STRUCT, name);

	if (!ty)
		ty = types_find(t, TYPE_ENUM, name);
	return ty ? ty : types_find(t, TYPE_VOID, name);
}

/* Listed only: there may be thousands. */
static int list_one(void *ctx, const char *name)
{
	struct run *r = ctx;
	char text[512];
	struct type *ty = types_find(r->types, TYPE_STRUCT, name);
	int err = 0;

	ty = ty ? ty : types_find(r->types, TYPE_ENUM, name);
	if (!ty || (r->last && !strcmp(r->last, name)))
		return 0;
	r->last = name;
	if (r->c->member) {
		err = show_member(r, ty);
		if (err)
			return err == -ENOENT || err == -EINVAL ? 0 : err; /* one that is broken does not hide the others */
	} else if (r->json) {
		err = json_layout(r->json, r->types, ty);
	} else {
		line_print("%-48s  /* size: %" PRIu64 " */", type_print(ty, text, sizeof(text)), ty->size);
	}
	r->found++;
	return err;
}

/* --- what was asked for --- */

static struct type *find_typed(struct types *t, const char *text)
{
	static const struct { const char *word; enum type_kind kind; } tags[] = {
		{ "struct ", TYPE_STRUCT }, { "union ", TYPE_UNION }, { "enum ", TYPE_ENUM }, { "typedef ", TYPE_VOID },
	};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t len = strlen(tags[i].word);

		if (!strncmp(text, tags[i].word, len))
			return types_find(t, tags[i].kind, text + len + strspn(text + len, " "));
	}
	return find_any(t, text);
}

static int member_missing(struct run *r, struct type *ty)
{
	const char *near = type_member_nearest(r->types, ty, r->c->member);
	char text[256];

	cmd_error("%s has no member '%.60s'%s%.60s%s", type_print(ty, text, sizeof(text)), r->c->member,
		  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return 0;
}

static int one_type(struct run *r, const char *text)
{
	struct type *ty = glob_is(text) ? NULL : find_typed(r->types, text);
	unsigned int before = r->found;
	int err;

	if (glob_is(text)) {
		const char *space = strrchr(text, ' ');

		r->last = NULL;
		err = types_each(r->types, TYPE_STRUCT, space ? space + 1 : text, list_one, r);
		if (!err && r->found == before)
			cmd_error("no type matches '%.100s'", text);
		return err;
	}
	if (!ty) {
		if (errno != ENOENT)
			return -errno;
		cmd_error("there is no type '%.100s'", text);
		return 0;
	}
	err = r->c->member ? show_member(r, ty) : show_type(r, ty, text);
	if (err == -ENOENT && r->c->member)
		return member_missing(r, ty);
	r->found += !err;
	return err;
}

static int types_show(struct run *r, int n, char **names)
{
	static struct json json; /* its buffer is large for a stack */
	int err = 0;

	if (r->c->json) {
		json_init(&json, stdout);
		r->json = &json;
		json_put_format(&json);
	}
	for (int i = 0; i < n && !err; i++) {
		if (i && !r->json && !r->c->member)
			putchar('\n');
		err = one_type(r, names[i]);
	}
	if (!n)
		err = types_each(r->types, TYPE_STRUCT, "*", list_one, r);
	if (!n && !err && !r->found)
		cmd_error("nothing has a member '%.100s'", r->c->member);
	return err;
}

/* --- the command --- */

/* Opens what the command line names, and says what is wrong with it. */
static struct types *types_open(const struct types_cmdline *c)
{
	const char *from = c->binary ? c->binary : c->btf ? c->btf : "/sys/kernel/btf/vmlinux";
	struct types *t = c->binary ? types_of_binary(c->binary) : types_of_kernel(c->btf);

	if (!t && errno == ENODATA)
		cmd_error("%s: no %s in it%s", from, c->binary ? "debug information" : "BTF",
			  c->binary ? ", and no separate debug file for it: compile it with -g" : "");
	else if (!t && (errno == EINVAL || (errno == ENOEXEC && !c->binary)))
		cmd_error("%s: broken, or no BTF", from);
	else if (!t)
		cmd_error("%s: %s", from, errno == ENOEXEC ? "no ELF file of this machine's kind" : strerror(errno));
	for (size_t i = 0; t && i < c->add.item.n; i++) {
		int err = types_add(t, c->add.item.v[i]);

		if (!err)
			continue;
		cmd_error("%s: %s", c->add.item.v[i], err == -ENODATA ? "neither DWARF nor BTF in it" :
			  err == -ENOEXEC ? "no ELF file of this machine's kind" : strerror(-err));
		types_free(t);
		t = NULL;
	}
	return t;
}

static int types_run(const struct types_cmdline *c, int n, char **names)
{
	struct run r = { .c = c, .types = types_open(c) };
	int err;

	if (!r.types)
		return EXIT_FAILURE;
	err = types_show(&r, n, names);
	types_free(r.types);
	if (err)
		cmd_error("%s", err == -EINVAL ? "the types are broken" : strerror(-err));
	return cmd_flush(err || !r.found ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int usage(struct opts_parsed *p, const char *message)
{
	snprintf(p->message, sizeof(p->message), "%s", message);
	return -EINVAL;
}

int cmd_types(int argc, char **argv)
{
	struct types_cmdline c = { 0 };
	struct opts_parsed parsed;
	int err = opts_parse(&types_command, argc, argv, &c, &parsed);

	if (!err && !parsed.operands && !c.member)
		err = usage(&parsed, "which type? spoor types 'struct sk_buff', or -m MEMBER");
	if (!err && c.binary && c.btf)
		err = usage(&parsed, "--binary and --btf contradict each other");
	cmd_log(LOG_LEVEL_WARN);
	err = err ? cmd_options_end(&types_command, err, parsed.message) : types_run(&c, parsed.operands, argv + 1);
	opts_free(&types_command, &c);
	return err;
}
