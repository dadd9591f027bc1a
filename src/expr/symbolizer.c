/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "expr/ir.h"
#include "expr/symbolizer.h"
#include "kernel/symbols.h"
#include "kernel/targets.h"

enum { FILES_MOST = 256, PROCESSES_MOST = 512, NAME_LEN = 128, STACKS_KEPT = 2, MAPS_BUFFER = 1 << 16 };

struct mapping { uint64_t start, end, off; int file; };
struct file { char *path; bool read; ufuncs_t funcs; };
struct process { uint32_t pid; VEC(struct mapping) maps; };

struct frames { struct stack stack; const char *name[STACK_DEPTH]; uint64_t addr[STACK_DEPTH]; char text[STACK_DEPTH][NAME_LEN]; };

struct range { uint64_t start, end; };

struct symbolizer {
	struct ksym_table *kernel;
	VEC(struct range) modules;
	bool asked;
	VEC(struct file) files;
	VEC(struct process) processes;
	unsigned int turn;
	struct frames kept[STACKS_KEPT];
};

struct symbolizer *symbolizer_new(void)
{
	return calloc(1, sizeof(struct symbolizer));
}

static void processes_forget(struct symbolizer *s)
{
	for (size_t i = 0; i < s->processes.n; i++)
		vec_free(&s->processes.v[i].maps);
	vec_free(&s->processes);
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	ksym_table_free(s->kernel);
	vec_free(&s->modules);
	for (size_t i = 0; i < s->files.n; i++) {
		free(s->files.v[i].path);
		ufuncs_free(&s->files.v[i].funcs);
	}
	vec_free(&s->files);
	processes_forget(s);
	free(s);
}

void symbolizer_prepare(struct symbolizer *s)
{
	uint64_t off;

	symbol_kernel(s, 0, &off);
}

/* Name, size, uses, users, state, address. */
static void modules_read(struct symbolizer *s)
{
	FILE *f = fopen("/proc/modules", "re");
	uint64_t size, start;
	char line[4096];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %" SCNu64 " %*s %*s %*s %" SCNx64, &size, &start) == 2 && start)
			(void)!vec_push(&s->modules, (struct range){ start, start + size });
	if (f)
		fclose(f);
}

/* Behind a module there may be a BPF program or a trampoline, which kallsyms need not list: its last function is not meant. */
static bool behind_module(const struct symbolizer *s, uint64_t symbol, uint64_t addr)
{
	for (size_t i = 0; i < s->modules.n; i++)
		if (symbol >= s->modules.v[i].start && symbol < s->modules.v[i].end)
			return addr >= s->modules.v[i].end;
	return false;
}

const char *symbol_kernel(struct symbolizer *s, uint64_t addr, uint64_t *off)
{
	const char *name;

	if (!s->asked) {
		s->kernel = ksym_table_load();
		modules_read(s);
		s->asked = true;
	}
	name = s->kernel ? ksym_table_find(s->kernel, addr, off) : NULL;
	return name && behind_module(s, addr - *off, addr) ? NULL : name;
}

/* ---- processes ---- */

static int by_offset(const void *a, const void *b)
{
	const struct ufunc *x = a, *y = b;

	return (x->file_off > y->file_off) - (x->file_off < y->file_off);
}

/* Number of the file, -1: none, or too many. */
static int file_of(struct symbolizer *s, const char *path)
{
	struct file f = { 0 };

	for (size_t i = 0; i < s->files.n; i++)
		if (!strcmp(s->files.v[i].path, path))
			return (int)i;
	if (s->files.n >= FILES_MOST)
		return -1;
	f.path = strdup(path);
	if (!f.path || vec_push(&s->files, f)) {
		free(f.path);
		return -1;
	}
	return (int)s->files.n - 1;
}

static void maps_read(struct symbolizer *s, struct process *p)
{
	char line[4352], perm[8], path[4097];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/maps", p->pid);
	f = fopen(path, "re");
	if (f)
		setvbuf(f, NULL, _IOFBF, MAPS_BUFFER);
	while (f && fgets(line, sizeof(line), f)) {
		struct mapping m = { 0 };

		path[0] = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %4096s", &m.start, &m.end, perm, &m.off, path) < 4 ||
		    perm[2] != 'x' || path[0] != '/')
			continue;
		m.file = file_of(s, path);
		if (m.file >= 0 && vec_push(&p->maps, m))
			break;
	}
	if (f)
		fclose(f);
}

static struct process *process_of(struct symbolizer *s, uint32_t pid)
{
	struct process p = { .pid = pid };

	for (size_t i = 0; i < s->processes.n; i++)
		if (s->processes.v[i].pid == pid)
			return &s->processes.v[i];
	if (s->processes.n >= PROCESSES_MOST)
		processes_forget(s);
	maps_read(s, &p);
	if (vec_push(&s->processes, p)) {
		vec_free(&p.maps);
		return NULL;
	}
	return &s->processes.v[s->processes.n - 1];
}

static const char *name_in_file(struct file *f, uint64_t off, uint64_t *rest)
{
	size_t lo = 0, hi;

	if (!f->read) { /* not before: the process' maps may be gone meanwhile */
		f->read = true;
		ufuncs_find(f->path, "*", &f->funcs);
		if (f->funcs.n)
			qsort(f->funcs.v, f->funcs.n, sizeof(struct ufunc), by_offset);
	}
	hi = f->funcs.n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (f->funcs.v[mid].file_off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	*rest = off - f->funcs.v[lo - 1].file_off;
	return f->funcs.v[lo - 1].size && *rest >= f->funcs.v[lo - 1].size ? NULL : f->funcs.v[lo - 1].name;
}

static void name_user(struct symbolizer *s, uint32_t pid, uint64_t addr, char *text)
{
	const struct process *p = process_of(s, pid);
	const char *name, *base;
	uint64_t rest;

	snprintf(text, NAME_LEN, "0x%" PRIx64, addr);
	for (size_t i = 0; p && i < p->maps.n; i++) {
		const struct mapping *m = &p->maps.v[i];

		if (addr < m->start || addr >= m->end)
			continue;
		name = name_in_file(&s->files.v[m->file], addr - m->start + m->off, &rest);
		base = strrchr(s->files.v[m->file].path, '/') + 1;
		if (name)
			snprintf(text, NAME_LEN, "%s", name);
		else
			snprintf(text, NAME_LEN, "%s+0x%" PRIx64, base, addr - m->start + m->off);
		return;
	}
}

/* How the kernel came to our program is not what was asked. An address without a name is a trampoline's or the program's:
 * some kernels list those under no name, or under that of the memory that they are made in (6.1). */
static bool is_ours(const char *name)
{
	static const char *const prefixes[] = { "bpf_", "__bpf_", "trace_call_bpf", "perf_trace_", "perf_call_bpf", "kprobe_",
						"kretprobe_", "rethook_", "arch_rethook_", "fprobe_", "__fprobe_", "__bpf_trampoline", "ftrace_trampoline", "0x" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

const struct stack *symbol_stack(struct symbolizer *s, const uint64_t *addr, unsigned int n, uint32_t pid, bool user)
{
	struct frames *f = &s->kept[s->turn++ % STACKS_KEPT];
	unsigned int first = 0;

	n = n < STACK_DEPTH ? n : STACK_DEPTH;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t off;
		const char *name = user ? NULL : symbol_kernel(s, addr[i], &off);

		f->addr[i] = addr[i];
		f->name[i] = name ? name : f->text[i];
		if (user)
			name_user(s, pid, addr[i], f->text[i]);
		else if (!name)
			snprintf(f->text[i], NAME_LEN, "0x%" PRIx64, addr[i]);
	}
	for (unsigned int i = 0; !user && i + 1 < n && is_ours(f->name[i]); i++)
		first = i + 1;
	f->stack = (struct stack){ .n = n - first, .name = f->name + first, .addr = f->addr + first };
	return &f->stack;
}
