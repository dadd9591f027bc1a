/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdarg.h>

#include "base/opts.h"
#include "base/parse.h"

/* --- the nearest name --- */

enum { WORD_MAX = 32 };

/* Edits (insert, drop, replace, swap neighbours) from a to b; WORD_MAX when either is too long to care. */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[3][WORD_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > WORD_MAX || nb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned int *cur = row[i % 3], *prev = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned int best = prev[j - 1] + (a[i - 1] != b[j - 1]);

			best = prev[j] + 1 < best ? prev[j] + 1 : best;
			best = cur[j - 1] + 1 < best ? cur[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			cur[j] = best;
		}
	}
	return row[na % 3][nb];
}

const char *name_nearest(const char *word, const char *const names[])
{
	unsigned int best = (unsigned int)strlen(word) / 3 + 1;
	const char *found = NULL;

	for (size_t i = 0; names[i]; i++) {
		unsigned int d = edit_distance(word, names[i]);

		/* The beginning of a name is nearer than any slip. */
		if (strlen(word) > 1 && !strncmp(word, names[i], strlen(word)))
			d = 0;
		if (d < best || (d == best && !found)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

/* --- parsing --- */

__attribute__((format(printf, 2, 3)))
static int opts_fail(struct opts_parsed *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->message, sizeof(p->message), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void *opt_field(const struct opt *o, void *to)
{
	return (char *)to + o->off;
}

static int list_add(struct opt_list *list, const char *from, size_t len)
{
	char *one = strndup(from, len);

	if (!one || vec_push(&list->item, one)) {
		free(one);
		return -ENOMEM;
	}
	return 0;
}

static int list_split(const struct opt *o, struct opt_list *list, const char *value, struct opts_parsed *p)
{
	for (;;) {
		size_t n = strcspn(value, ",");
		int err;

		if (!n)
			return opts_fail(p, "--%s: an empty name in the list", o->name);
		err = list_add(list, value, n);
		if (err || !value[n])
			return err;
		value += n + 1;
	}
}

static int number_set(const struct opt *o, uint64_t *field, const char *value, struct opts_parsed *p)
{
	static const char *const like[] = {
		[OPT_U64] = "a number", [OPT_DURATION] = "a time such as 5ms, 1.5s or 10", [OPT_SIZE] = "a size such as 64k",
	};
	int err = o->type == OPT_U64 ? parse_u64(value, field) :
		  o->type == OPT_DURATION ? parse_duration(value, field) : parse_size(value, field);

	if (err == -ERANGE)
		return opts_fail(p, "--%s: '%.60s' is too large", o->name, value);
	if (err)
		return opts_fail(p, "--%s: '%.60s' is not %s", o->name, value, like[o->type]);
	if (!*field)
		return opts_fail(p, "--%s must be %s", o->name, o->type == OPT_U64 ? "at least 1" :
				 o->type == OPT_DURATION ? "longer than 0" : "larger than 0");
	return 0;
}

static int opt_set(const struct opt *o, const char *value, void *to, struct opts_parsed *p)
{
	if (o->type == OPT_FLAG) {
		*(bool *)opt_field(o, to) = true;
		return 0;
	}
	if (!value[0])
		return opts_fail(p, "--%s: the value is empty", o->name);
	if (o->type == OPT_STRING) {
		*(const char **)opt_field(o, to) = value;
		return 0;
	}
	if (o->type == OPT_LIST)
		return list_split(o, opt_field(o, to), value, p);
	return number_set(o, opt_field(o, to), value, p);
}

static int long_unknown(const struct opt_command *c, const char *name, size_t len, struct opts_parsed *p)
{
	const char *names[66], *near;
	size_t n = 0;
	char word[64];

	for (; c->opts[n].name; n++)
		names[n] = c->opts[n].name;
	names[n++] = "help";
	names[n] = NULL;
	snprintf(word, sizeof(word), "%.*s", (int)(len < 63 ? len : 63), name);
	near = name_nearest(word, names);
	return near ? opts_fail(p, "unknown option --%s; did you mean --%s?", word, near) :
		      opts_fail(p, "unknown option --%s", word);
}

/* The value of an option in the next argument; what looks like an option is not one. */
static const char *value_next(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc || (argv[*i + 1][0] == '-' && argv[*i + 1][1]))
		return NULL;
	return argv[++*i];
}

static int long_parse(const struct opt_command *c, int argc, char **argv, int *i, void *to, struct opts_parsed *p)
{
	const char *name = argv[*i] + 2, *value;
	size_t len = strcspn(name, "=");
	const struct opt *o = c->opts;

	if (!strcmp(name, "help"))
		return OPTS_HELP;
	if (!strcmp(name, "help-man"))
		return OPTS_HELP_MAN;
	while (o->name && (strlen(o->name) != len || strncmp(o->name, name, len)))
		o++;
	if (!o->name)
		return long_unknown(c, name, len, p);
	if (o->type == OPT_FLAG)
		return name[len] ? opts_fail(p, "--%s takes no value", o->name) : opt_set(o, NULL, to, p);
	value = name[len] ? name + len + 1 : value_next(argc, argv, i);
	if (!value)
		return opts_fail(p, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
	return opt_set(o, value, to, p);
}

/* "-qv", "-p123", "-p 123", "-qp123" */
static int short_parse(const struct opt_command *c, int argc, char **argv, int *i, void *to, struct opts_parsed *p)
{
	for (const char *at = argv[*i] + 1; *at; at++) {
		const struct opt *o = c->opts;
		const char *value = NULL;
		int err;

		if (*at == 'h')
			return OPTS_HELP;
		while (o->name && o->letter != *at)
			o++;
		if (!o->name)
			return *at > ' ' && *at < 0x7f ? opts_fail(p, "unknown option -%c", *at) :
							 opts_fail(p, "unknown option -\\x%02x", (unsigned char)*at);
		if (o->type != OPT_FLAG) {
			value = at[1] ? at + 1 : value_next(argc, argv, i);
			if (!value)
				return opts_fail(p, "-%c needs a value: -%c %s", *at, *at, o->arg);
			if (value[0] == '=' && value == at + 1)
				value++;
		}
		err = opt_set(o, value, to, p);
		if (err || o->type != OPT_FLAG)
			return err;
	}
	return 0;
}

int opts_parse(const struct opt_command *c, int argc, char **argv, void *to, struct opts_parsed *p)
{
	int err = 0;

	*p = (struct opts_parsed){ .rest = argc };
	for (int i = 1; i < argc && !err; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--")) {
			p->dashes = true;
			p->rest = i + 1;
			while (c->takes_operands && !c->takes_command && p->rest < argc)
				argv[++p->operands] = argv[p->rest++];
			if (!c->takes_command && p->rest < argc)
				return opts_fail(p, "unexpected argument '%.60s'", argv[p->rest]);
			return 0;
		}
		if (a[0] == '-' && a[1] == '-')
			err = long_parse(c, argc, argv, &i, to, p);
		else if (a[0] == '-' && a[1])
			err = short_parse(c, argc, argv, &i, to, p);
		else if (c->stops_at_word)
			return p->rest = i, 0;
		else if (c->takes_operands)
			argv[++p->operands] = argv[i];
		else
			err = opts_fail(p, "unexpected argument '%.60s'%s", a,
					c->takes_command ? "; a command to run goes after --" : "");
	}
	return err;
}

void opts_free(const struct opt_command *c, void *to)
{
	for (const struct opt *o = c->opts; o->name; o++) {
		struct opt_list *list = opt_field(o, to);

		if (o->type != OPT_LIST)
			continue;
		for (size_t i = 0; i < list->item.n; i++)
			free(list->item.v[i]);
		vec_free(&list->item);
	}
}

/* --- what is made from the table --- */

enum { HELP_COLUMN = 28, HELP_LEAST = 60 };

/* Words from column `from` on, within `width`; the first line has begun. */
static void words_wrap(FILE *out, const char *text, unsigned int from, unsigned int width)
{
	unsigned int at = from;

	while (*text) {
		unsigned int n = (unsigned int)strcspn(text, " ");

		if (at > from && at + 1 + n > width) {
			fprintf(out, "\n%*s", (int)from, "");
			at = from;
		} else if (at > from) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", (int)n, text);
		at += n;
		text += n + strspn(text + n, " ");
	}
	fputc('\n', out);
}

static void help_line(FILE *out, char letter, const char *name, const char *arg, const char *help,
		      unsigned int width)
{
	char left[64];
	int n = letter ? snprintf(left, sizeof(left), "  -%c, --%s%s%s", letter, name, arg ? " " : "", arg ? arg : "") :
			 snprintf(left, sizeof(left), "      --%s%s%s", name, arg ? " " : "", arg ? arg : "");

	if (n + 2 > HELP_COLUMN)
		fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
	else
		fprintf(out, "%-*s", HELP_COLUMN, left);
	words_wrap(out, help, HELP_COLUMN, width < HELP_LEAST ? HELP_LEAST : width);
}

void opts_help(const struct opt_command *c, FILE *out, unsigned int width)
{
	width = width > 100 ? 100 : width ? width : 80;
	fprintf(out, "Usage: %s %s\n", c->program, c->usage);
	words_wrap(out, c->about, 0, width);
	fputs("\nOptions:\n", out);
	for (const struct opt *o = c->opts; o->name; o++)
		help_line(out, o->letter, o->name, o->arg, o->help, width);
	help_line(out, 'h', "help", NULL, "Print this and exit.", width);
	if (c->notes)
		fprintf(out, "\n%s", c->notes);
}

/* A line of mdoc: what looks like a request at its start, and backslashes, are made harmless. */
static void man_text(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++)
		if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
	fputc('\n', out);
}

static void man_item(FILE *out, char letter, const char *name, const char *arg, const char *help)
{
	fputs(".It ", out);
	if (letter)
		fprintf(out, "Fl %c , ", letter);
	fprintf(out, "Fl -%s%s%s\n", name, arg ? " Ar " : "", arg ? arg : "");
	man_text(out, help);
}

void opts_man(const struct opt_command *c, FILE *out)
{
	fputs(".Sh OPTIONS\n.Bl -tag -width Ds\n", out);
	for (const struct opt *o = c->opts; o->name; o++)
		man_item(out, o->letter, o->name, o->arg, o->help);
	man_item(out, 'h', "help", NULL, "Print this and exit.");
	fputs(".El\n", out);
}

static void bash_words(const struct opt_command *c, FILE *out)
{
	for (const struct opt *o = c->opts; o->name; o++) {
		if (o->letter)
			fprintf(out, "-%c ", o->letter);
		fprintf(out, "--%s ", o->name);
	}
	fputs("-h --help", out);
}

/* Options whose value is a file or a device are left to the shell's file names. */
static void bash_values(const struct opt_command *c, FILE *out)
{
	for (const struct opt *o = c->opts; o->name; o++)
		if (o->type != OPT_FLAG) {
			if (o->letter)
				fprintf(out, "-%c|", o->letter);
			fprintf(out, "--%s|", o->name);
		}
}

void opts_bash(const char *program, const char *const names[], const struct opt_command *const c[], size_t n,
	       FILE *out)
{
	fprintf(out, "# bash completion for %s: source it, or put it into bash_completion.d\n_%s()\n{\n", program,
		program);
	fputs("\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=${COMP_WORDS[1]} i\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s ", names[i]);
	fputs("help version --help --version' -- \"$cur\"))\n\t\treturn\n\tfi\n"
	      "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	      "\t\tif [ \"${COMP_WORDS[i]}\" = -- ]; then COMPREPLY=($(compgen -c -- \"$cur\")); return; fi\n"
	      "\tdone\n\tcase $cmd in\n", out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "\t%s)\n\t\tcase $prev in ", names[i]);
		bash_values(c[i], out);
		fputs("'') COMPREPLY=($(compgen -f -- \"$cur\")); return;; esac\n\t\tCOMPREPLY=($(compgen -W '", out);
		bash_words(c[i], out);
		fputs("' -- \"$cur\"));;\n", out);
	}
	fprintf(out, "\tesac\n}\ncomplete -o filenames -F _%s %s\n", program, program);
}
