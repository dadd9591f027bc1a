/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Functions of the kernel, and whether they can be probed. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/glob.h"
#include "kernel/probe.h"
#include "kernel/symbols.h"
#include "kernel/targets.h"

/* Code that runs where no probe may: entries, what the entry code calls, and what is gone after the start. The linker
 * script puts symbols around it (include/asm-generic/vmlinux.lds.h); all that begin with __ and end with _start. */
static const char *const ranges[][2] = {
	{ "__noinstr_text_start", "__noinstr_text_end" }, { "__entry_text_start", "__entry_text_end" },
	{ "__cpuidle_text_start", "__cpuidle_text_end" }, { "__kprobes_text_start", "__kprobes_text_end" },
	{ "_sinittext", "_einittext" },
};
enum { RANGES = sizeof(ranges) / sizeof(ranges[0]) };

struct find {
	const char *glob;
	size_t len;               /* of a plain name, else 0 */
	kfuncs_t *out;
	uint64_t from[RANGES], to[RANGES];
	int err;
};

static bool is_text(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

/* What compilers and build tools put before functions: padding, types of calls. */
static bool is_padding(const char *name)
{
	return !strncmp(name, "__pfx_", 6) || !strncmp(name, "__cfi_", 6) || strchr(name, '$');
}

static bool wanted(const struct find *f, const char *name)
{
	if (!f->len)
		return glob_match(f->glob, name);
	return !strncmp(name, f->glob, f->len) && (!name[f->len] || name[f->len] == '.');
}

static void range_note(struct find *f, const struct ksym *sym)
{
	if (sym->name[0] != '_' || sym->module[0])
		return;
	for (int i = 0; i < RANGES; i++) {
		if (!strcmp(sym->name, ranges[i][0]))
			f->from[i] = sym->addr;
		else if (!strcmp(sym->name, ranges[i][1]))
			f->to[i] = sym->addr;
	}
}

static int find_symbol(void *ctx, const struct ksym *sym)
{
	struct find *f = ctx;
	struct kfunc fn = { .addr = sym->addr };

	range_note(f, sym);
	if (!is_text(sym->type) || !wanted(f, sym->name) || is_padding(sym->name) || !strcmp(sym->module, "bpf") ||
	    !strncmp(sym->module, "__builtin__", 11))
		return 0;
	fn.name = strdup(sym->name);
	fn.module = fn.name ? strdup(sym->module) : NULL;
	if (ksym_base_length(sym->name) < strlen(sym->name))
		fn.flags |= FUNC_VARIANT;
	f->err = fn.module ? vec_push(f->out, fn) : -ENOMEM;
	if (f->err) {
		free((void *)fn.name);
		free((void *)fn.module);
	}
	return f->err;
}

static int name_compare(const void *a, const void *b)
{
	const struct kfunc *x = a, *y = b;
	int by_name = strcmp(x->name, y->name);

	return by_name ? by_name : x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* --- what the kernel says of them --- */

typedef void (*line_fn)(kfuncs_t *f, char *line);

/* 0, or -errno when the file could not be read to its end. */
static int lines_each(int dir, const char *path, kfuncs_t *f, line_fn fn)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), err;
	char line[1024];
	FILE *in;

	if (fd < 0)
		return -errno;
	in = fdopen(fd, "re");
	if (!in) {
		close(fd);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		fn(f, line);
	}
	err = ferror(in) ? -errno : 0;
	fclose(in);
	return err;
}

static size_t first_named(const kfuncs_t *f, const char *name)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(f->v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* "vfs_read" or "ext4_sync_file [ext4]" */
static void traceable_line(kfuncs_t *f, char *line)
{
	char *module = strchr(line, '[');
	size_t i;

	line[strcspn(line, " \t")] = '\0';
	if (module)
		module[strcspn(module, "]")] = '\0';
	for (i = first_named(f, line); i < f->n && !strcmp(f->v[i].name, line); i++)
		if (!strcmp(f->v[i].module, module ? module + 1 : ""))
			f->v[i].flags |= FUNC_FTRACE;
}

/* "0xffffffff81000000-0xffffffff81000010\tname" */
static void blacklist_line(kfuncs_t *f, char *line)
{
	char *name = strchr(line, '\t');
	uint64_t from = strtoull(line, NULL, 16);

	for (size_t i = name ? first_named(f, name + 1) : f->n; i < f->n && !strcmp(f->v[i].name, name + 1); i++)
		if (f->v[i].addr == from || !from)
			f->v[i].flags |= FUNC_NOPROBE;
}

static bool in_ranges(const struct find *f, uint64_t addr)
{
	for (int i = 0; i < RANGES; i++)
		if (addr && f->from[i] <= addr && addr < f->to[i])
			return true;
	return false;
}

static void probeable_set(const struct find *f, kfuncs_t *out, bool *ftrace_known)
{
	int tracefs = tracefs_open(), debugfs = debugfs_open();

	*ftrace_known = tracefs >= 0 && !lines_each(tracefs, "available_filter_functions", out, traceable_line);
	if (debugfs >= 0)
		(void)!lines_each(debugfs, "kprobes/blacklist", out, blacklist_line);
	for (size_t i = 0; i < out->n; i++) {
		struct kfunc *fn = &out->v[i];

		/* within_notrace_func() in kernel/trace/trace_kprobe.c: no probe where the tracer may not be, but for the parts that
		 * the compiler split off, which have no call of it */
		if (in_ranges(f, fn->addr) || (*ftrace_known && !(fn->flags & (FUNC_FTRACE | FUNC_VARIANT))))
			fn->flags |= FUNC_NOPROBE;
		else if (!*ftrace_known && !strstr(fn->name, ".cold"))
			fn->flags |= FUNC_FTRACE;
	}
	if (tracefs >= 0)
		close(tracefs);
	if (debugfs >= 0)
		close(debugfs);
}

int kfuncs_find(const char *glob, kfuncs_t *out, bool *ftrace_known)
{
	struct find f = { .glob = glob, .len = glob_is(glob) ? 0 : strlen(glob), .out = out };
	int err;

	*out = (kfuncs_t){ 0 };
	*ftrace_known = false;
	err = ksyms_walk(NULL, find_symbol, &f);
	if (err == -EPERM && out->n)
		err = 0; /* the kernel hides addresses, not names */
	err = f.err ? f.err : err;
	if (err) {
		kfuncs_free(out);
		return err;
	}
	if (!out->n)
		return 0;
	qsort(out->v, out->n, sizeof(*out->v), name_compare);
	probeable_set(&f, out, ftrace_known);
	return 0;
}

void kfuncs_free(kfuncs_t *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free((void *)f->v[i].name);
		free((void *)f->v[i].module);
	}
	vec_free(f);
}

/* --- names near to one --- */

enum { NEAR_LONGEST = 96, NEAR_MOST = 3 };

/* Letters to change, insert or leave out; more than `most` counts as most + 1. Two rows, in bands around the diagonal. */
static unsigned int distance(const char *a, size_t na, const char *b, size_t nb, unsigned int most)
{
	unsigned char row[2][NEAR_LONGEST + 1];
	unsigned int now = 0;

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned char)(j > most ? most + 1 : j);
	for (size_t i = 1; i <= na; i++) {
		unsigned char *up = row[now], *r = row[!now], best = (unsigned char)(most + 1);

		now = !now;
		r[0] = (unsigned char)(i > most ? most + 1 : i);
		for (size_t j = 1; j <= nb; j++) {
			unsigned int d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = d < up[j] + 1u ? d : up[j] + 1u;
			d = d < r[j - 1] + 1u ? d : r[j - 1] + 1u;
			r[j] = (unsigned char)(d > most ? most + 1 : d);
			best = best < r[j] ? best : r[j];
		}
		if (best > most && r[0] > most)
			return most + 1;
	}
	return row[now][nb];
}

struct near { const char *name; size_t len; char **names; unsigned int *far, n, cap, most; };

static int near_symbol(void *ctx, const struct ksym *sym)
{
	struct near *near = ctx;
	size_t len = strlen(sym->name);
	unsigned int d, at;
	char *copy;

	if (!is_text(sym->type) || len > NEAR_LONGEST || len + near->most < near->len || near->len + near->most < len ||
	    is_padding(sym->name))
		return 0;
	d = distance(near->name, near->len, sym->name, len, near->most);
	if (d > near->most)
		return 0;
	for (unsigned int i = 0; i < near->n; i++)
		if (!strcmp(near->names[i], sym->name))
			return 0;
	for (at = near->n; at > 0 && near->far[at - 1] > d; at--)
		;
	if (at == near->cap)
		return 0;
	copy = strdup(sym->name);
	if (!copy)
		return -ENOMEM;
	if (near->n == near->cap)
		free(near->names[--near->n]);
	memmove(&near->names[at + 1], &near->names[at], (near->n - at) * sizeof(*near->names));
	memmove(&near->far[at + 1], &near->far[at], (near->n - at) * sizeof(*near->far));
	near->names[at] = copy;
	near->far[at] = d;
	near->n++;
	return 0;
}

unsigned int kfuncs_near(const char *name, char *names[], unsigned int n)
{
	struct near near = { .name = name, .len = strlen(name), .names = names, .cap = n };

	if (!n || near.len > NEAR_LONGEST || near.len < 2)
		return 0;
	near.most = near.len < 6 ? 1 : near.len < 12 ? 2 : NEAR_MOST;
	near.far = calloc(n, sizeof(*near.far));
	if (near.far)
		(void)!ksyms_walk(NULL, near_symbol, &near);
	free(near.far);
	return near.n;
}
