/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "kernel/symbols.h"

#define KALLSYMS "/proc/kallsyms"

/* Beyond this an address is not in the function or the object that precedes it, but in a hole or in freed memory. */
enum { FUNCTION_MAX = 1 << 20, OBJECT_MAX = 1 << 14 };
/* So few variables are told where CONFIG_KALLSYMS_ALL is not set: between them lie others, which have no name. */
enum { FEW_OBJECTS = 1000 };

/* "ffffffff816b8230 T vfs_read\t[module]", taken apart in place. */
static bool ksym_parse(char *line, struct ksym *sym)
{
	char *end, *p;

	errno = 0;
	sym->addr = strtoull(line, &end, 16);
	if (errno || end == line || end[0] != ' ' || !end[1] || end[2] != ' ')
		return false;
	sym->type = end[1];
	sym->name = p = end + 3;
	p += strcspn(p, " \t");
	sym->module = "";
	if (*p) {
		*p++ = '\0';
		p += strspn(p, " \t[");
		sym->module = p;
		p[strcspn(p, "]")] = '\0';
	}
	return sym->name[0] != '\0';
}

/* Calls fn for each whole line in buf[0..n); returns how many bytes were used. */
static size_t ksym_lines(char *buf, size_t n, ksym_fn fn, void *ctx, bool *nonzero, int *stop)
{
	size_t used = 0;
	struct ksym sym;
	char *nl;

	while (!*stop && (nl = memchr(buf + used, '\n', n - used))) {
		*nl = '\0';
		if (ksym_parse(buf + used, &sym)) {
			*nonzero |= sym.addr != 0;
			*stop = fn(ctx, &sym);
		}
		used = (size_t)(nl - buf) + 1;
	}
	return used;
}

/* The file is produced line by line as it is read: nothing is kept but one buffer. */
int ksyms_walk(const char *file, ksym_fn fn, void *ctx)
{
	char buf[16384];
	size_t have = 0;
	bool nonzero = false;
	int stop = 0, err = 0;
	int fd = open(file ? file : KALLSYMS, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (!stop) {
		ssize_t n = read(fd, buf + have, sizeof(buf) - have);
		size_t used;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : 0;
			break;
		}
		have += (size_t)n;
		used = ksym_lines(buf, have, fn, ctx, &nonzero, &stop);
		if (!used && have == sizeof(buf))
			used = have; /* no such line exists; drop it rather than hang */
		have -= used;
		memmove(buf, buf + used, have);
	}
	close(fd);
	return err ? err : nonzero ? 0 : -EPERM;
}

/* --- address to name --- */

/* slot[i] holds the highest symbol not above addr[i] among those above addr[i - 1]: kallsyms is not sorted
 * (modules come in load order), and one pass with a binary search a line needs no table. */
struct slot { uint64_t addr; unsigned int rank; };
struct resolve {
	const uint64_t *addr; size_t n; struct slot *slot; struct ksym_name *out;
	const char *types;      /* of symbols, as nm calls them */
	uint64_t most;          /* bytes into one */
	size_t few, seen;       /* when no more than so many were seen, only where one begins */
};

/* Of several names for one address: global before local, then the fewest leading underscores, then the first. */
static unsigned int ksym_rank(const struct ksym *sym)
{
	size_t under = strspn(sym->name, "_");

	return 1 + (under < 8 ? 8 - (unsigned int)under : 0) + (sym->type == 'T' ? 16 : 0);
}

size_t ksym_base_length(const char *name)
{
	static const char *const suffix[] = {
		".isra.", ".constprop.", ".part.", ".cold", ".llvm.", ".lto_priv.", ".localalias",
	};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		const char *at = strstr(name, suffix[i]);

		if (at && at != name && (size_t)(at - name) < len)
			len = (size_t)(at - name);
	}
	return len;
}

static int resolve_line(void *ctx, const struct ksym *sym)
{
	struct resolve *r = ctx;
	size_t lo = 0, hi = r->n;
	unsigned int rank;
	struct slot *s;

	if (!strchr(r->types, sym->type))
		return 0;
	r->seen++;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->addr[mid] < sym->addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == r->n)
		return 0;
	s = &r->slot[lo];
	rank = ksym_rank(sym);
	if (s->rank && (s->addr > sym->addr || (s->addr == sym->addr && s->rank >= rank)))
		return 0;
	*s = (struct slot){ sym->addr, rank };
	snprintf(r->out[lo].name, KSYM_NAME, "%.*s", (int)ksym_base_length(sym->name), sym->name);
	snprintf(r->out[lo].module, KSYM_MODULE, "%s", sym->module);
	return 0;
}

static void ksym_unknown(struct ksym_name *out)
{
	*out = (struct ksym_name){ .name = "?" };
}

/* A slot without a symbol of its own lies in the one below it. */
static void resolve_finish(struct resolve *r)
{
	struct ksym_name last = { .name = "?" };
	uint64_t last_addr = 0;

	if (r->seen < r->few)
		r->most = 1;
	for (size_t i = 0; i < r->n; i++) {
		if (r->slot[i].rank) {
			last = r->out[i];
			last_addr = r->slot[i].addr;
		}
		r->out[i] = last;
		r->out[i].offset = r->addr[i] - last_addr;
		if (last.name[0] == '?' || r->out[i].offset >= r->most || !strcmp(last.name, "_etext") ||
		    !strcmp(last.name, "_einittext"))
			ksym_unknown(&r->out[i]);
	}
}

static int resolve_in(const char *file, const uint64_t *addr, size_t n, struct ksym_name *out, const char *types, uint64_t most,
		      size_t few)
{
	struct resolve r = { addr, n, NULL, out, types, most, few, 0 };
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		ksym_unknown(&out[i]);
		if (i && addr[i] < addr[i - 1])
			err = -EINVAL;
	}
	if (err || !n)
		return err;
	r.slot = calloc(n, sizeof(*r.slot));
	if (!r.slot)
		return -ENOMEM;
	err = ksyms_walk(file, resolve_line, &r);
	if (err)
		for (size_t i = 0; i < n; i++)
			ksym_unknown(&out[i]);
	else
		resolve_finish(&r);
	free(r.slot);
	return err;
}

int ksyms_resolve_in(const char *file, const uint64_t *addr, size_t n, struct ksym_name *out)
{
	return resolve_in(file, addr, n, out, "tTwW", FUNCTION_MAX, 0);
}

int ksyms_resolve_data_in(const char *file, const uint64_t *addr, size_t n, struct ksym_name *out)
{
	return resolve_in(file, addr, n, out, "dDbB", OBJECT_MAX, FEW_OBJECTS);
}

int ksyms_resolve_data(const uint64_t *addr, size_t n, struct ksym_name *out)
{
	return ksyms_resolve_data_in(KALLSYMS, addr, n, out);
}

int ksyms_resolve(const uint64_t *addr, size_t n, struct ksym_name *out)
{
	return ksyms_resolve_in(KALLSYMS, addr, n, out);
}

/* --- name to address --- */

/* order: indices sorted by name, so that a line costs a binary search. */
struct lookup { const char *const *name; uint64_t *addr; size_t *order; size_t n; size_t found; };

static int order_compare(const void *a, const void *b, void *names)
{
	const char *const *name = names;

	return strcmp(name[*(const size_t *)a], name[*(const size_t *)b]);
}

static int lookup_line(void *ctx, const struct ksym *sym)
{
	struct lookup *l = ctx;
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(l->name[l->order[mid]], sym->name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < l->n && !strcmp(l->name[l->order[lo]], sym->name); lo++) {
		uint64_t *addr = &l->addr[l->order[lo]];

		if (!*addr) {
			*addr = sym->addr;
			l->found += sym->addr != 0;
		}
	}
	return l->found == l->n;
}

int ksyms_lookup_in(const char *file, const char *const name[], uint64_t addr[], size_t n)
{
	struct lookup l = { name, addr, NULL, n, 0 };
	int err;

	memset(addr, 0, n * sizeof(*addr));
	if (!n)
		return 0;
	l.order = calloc(n, sizeof(*l.order));
	if (!l.order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		l.order[i] = i;
	qsort_r(l.order, n, sizeof(*l.order), order_compare, (void *)name);
	err = ksyms_walk(file, lookup_line, &l);
	free(l.order);
	return err ? err : (int)l.found;
}

int ksyms_lookup(const char *const name[], uint64_t addr[], size_t n)
{
	return ksyms_lookup_in(KALLSYMS, name, addr, n);
}

uint64_t ksym_address(const char *name)
{
	uint64_t addr = 0;
	int n = ksyms_lookup(&name, &addr, 1);

	errno = n < 0 ? -n : n ? 0 : ENOENT;
	return addr;
}

/* --- where code lies --- */

/* Length of the kernel's text: /proc/iomem gives where it lies in physical memory. 0: not told. */
static uint64_t text_length(void)
{
	unsigned long long from, to, len = 0;
	char line[128];
	FILE *f = fopen("/proc/iomem", "re");

	if (!f)
		return 0;
	while (!len && fgets(line, sizeof(line), f))
		if (strstr(line, "Kernel code") && sscanf(line, "%llx-%llx", &from, &to) == 2 && to > from)
			len = to - from;
	fclose(f);
	return len;
}

/* Only the first lines of kallsyms are read, for a pass over all of it takes longer than the rest of a start. */
bool ksym_text_find(struct ksym_text *t)
{
	t->start = ksym_address("_stext");
	if (!t->start)
		return false;
	t->len = text_length();
	if (!t->len)
		t->len = 64 << 20;
#if defined(__x86_64__)
	t->module_start = 0xffffffffa0000000ull; /* Documentation/arch/x86/x86_64/mm.rst; c0000000 with KASLR */
	t->module_len = 0x5f000000;
#else
	t->module_start = t->start - (2ull << 30); /* within reach of a branch, below the kernel */
	t->module_len = 2ull << 30;
#endif
	return true;
}
