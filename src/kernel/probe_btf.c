/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What tracepoints and functions there are. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>
#include <bpf/btf.h>
#include "kernel/probe_internal.h"

/* Every tracepoint has a typedef btf_trace_NAME in include/trace/bpf_probe.h. */
#define TRACEPOINT_TYPE "btf_trace_"

static void tracepoints_list(struct probe *p)
{
	for (unsigned int id = 1; id < btf__type_cnt(p->btf); id++) {
		const struct btf_type *t = btf__type_by_id(p->btf, id);

		if (btf_is_typedef(t) && !strncmp(btf__name_by_offset(p->btf, t->name_off), TRACEPOINT_TYPE, strlen(TRACEPOINT_TYPE)))
			(void)!vec_push(&p->tracepoints, (int)id);
	}
}

struct btf *probe_btf(struct probe *p)
{
	if (!p->btf && !p->btf_err) {
		p->btf = btf__load_vmlinux_btf();
		if (p->btf)
			tracepoints_list(p);
		else
			p->btf_err = errno ? errno : EINVAL;
	}
	errno = p->btf_err;
	return p->btf;
}

int probe_tracepoint_type(struct probe *p, const char *name)
{
	const struct btf *btf = probe_btf(p);

	for (size_t i = 0; btf && i < p->tracepoints.n; i++) {
		int id = p->tracepoints.v[i];

		if (!strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, (unsigned int)id)->name_off) + strlen(TRACEPOINT_TYPE), name))
			return id;
	}
	return -ENOENT;
}

void probe_btf_drop(struct probe *p)
{
	btf__free(p->btf);
	p->btf = NULL;
	p->tracepoints.n = 0;
	malloc_trim(0);
}

static int tracepoint_type_name(const char *name, char *buf, size_t size)
{
	int n = snprintf(buf, size, TRACEPOINT_TYPE "%s", name);

	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static const struct known_name *name_known(struct probe *p, const char *name, unsigned int kind)
{
	for (size_t i = 0; i < p->known.n; i++)
		if (p->known.v[i].kind == kind && !strcmp(p->known.v[i].name, name))
			return &p->known.v[i];
	return NULL;
}

static bool name_remember(struct probe *p, const char *name, unsigned int kind, bool found)
{
	struct known_name k = { .kind = kind, .found = found };

	if (strlen(name) < sizeof(k.name)) {
		snprintf(k.name, sizeof(k.name), "%s", name);
		(void)!vec_push(&p->known, k);
	}
	return found;
}

static bool module_has(struct btf *base, const char *module, const char *name, unsigned int kind)
{
	struct btf *btf = btf__load_module_btf(module, base);
	unsigned int n = btf ? btf__type_cnt(btf) : 0;
	bool found = false;

	for (unsigned int id = btf__type_cnt(base); id < n && !found; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		found = btf_kind(t) == kind && !strcmp(btf__name_by_offset(btf, t->name_off), name);
	}
	btf__free(btf);
	return found;
}

/* /sys/kernel/btf has one file for each loaded module. */
static bool modules_have(struct btf *base, const char *name, unsigned int kind)
{
	DIR *d = opendir("/sys/kernel/btf");
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, "vmlinux"))
			found = module_has(base, e->d_name, name, kind);
	if (d)
		closedir(d);
	return found;
}

static bool btf_has(struct probe *p, const char *name, unsigned int kind)
{
	const struct known_name *k;
	struct btf *btf = probe_btf(p);

	if (!btf)
		return false;
	if (btf__find_by_name_kind(btf, name, kind) > 0)
		return true;
	k = name_known(p, name, kind);
	return k ? k->found : name_remember(p, name, kind, modules_have(btf, name, kind));
}

/* 1, 0, or -errno when tracefs cannot say. */
static int tracefs_has(struct probe *p, const char *name)
{
	int dir = probe_tracefs(p), fd, found = 0;
	struct dirent *e;
	char path[512];
	DIR *d;

	if (dir < 0)
		return dir;
	fd = openat(dir, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while (!found && (e = readdir(d))) {
		int n = snprintf(path, sizeof(path), "%s/%s/format", e->d_name, name);

		found = e->d_name[0] != '.' && n < (int)sizeof(path) && !faccessat(fd, path, F_OK, 0);
	}
	closedir(d);
	return found;
}

bool probe_tracepoint(struct probe *p, const char *name)
{
	const struct known_name *k;
	char type[128];
	int found;

	if (!name[0] || strchr(name, '/') || tracepoint_type_name(name, type, sizeof(type)))
		return false;
	if (probe_tracepoint_type(p, name) > 0)
		return true;
	k = name_known(p, type, BTF_KIND_TYPEDEF);
	if (k)
		return k->found;
	found = tracefs_has(p, name);
	if (found < 0)
		return btf_has(p, type, BTF_KIND_TYPEDEF);
	return name_remember(p, type, BTF_KIND_TYPEDEF, found);
}

bool probe_function(struct probe *p, const char *name)
{
	return btf_has(p, name, BTF_KIND_FUNC);
}

/* typedef btf_trace_X -> pointer -> function prototype, whose first parameter is void *__data. */
static const struct btf_type *tracepoint_proto(struct probe *p, const char *name)
{
	const struct btf *btf = probe_btf(p);
	int id = probe_tracepoint_type(p, name);
	const struct btf_type *t;

	t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	t = t ? btf__type_by_id(btf, t->type) : NULL;
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) && btf_vlen(t) ? t : NULL;
}

int probe_tracepoint_args(struct probe *p, const char *name)
{
	const struct btf_type *t = tracepoint_proto(p, name);

	return t ? btf_vlen(t) - 1 : -ENOENT;
}

const char *probe_tracepoint_arg(struct probe *p, const char *name, unsigned int n)
{
	const struct btf_type *t = tracepoint_proto(p, name);

	if (!t || n + 1 >= btf_vlen(t) + 0u)
		return "";
	t = btf__type_by_id(p->btf, btf_params(t)[n + 1].type);
	while (t && (btf_is_mod(t) || btf_is_ptr(t)))
		t = btf__type_by_id(p->btf, t->type);
	return t && t->name_off ? btf__name_by_offset(p->btf, t->name_off) : "";
}

void probe_try_btf(struct probe *p, struct probe_result *r)
{
	if (probe_btf(p))
		probe_say(r, PROBE_YES, "/sys/kernel/btf/vmlinux, %u types", btf__type_cnt(p->btf));
	else if (p->btf_err == ENOENT || p->btf_err == ESRCH)
		probe_say(r, PROBE_NO, "this kernel was built without BTF: no /sys/kernel/btf/vmlinux");
	else
		probe_say(r, PROBE_NO, "the kernel's BTF cannot be loaded: %s", strerror(p->btf_err));
}

void probe_try_module_btf(struct probe *p, struct probe_result *r)
{
	DIR *d = opendir("/sys/kernel/btf");
	unsigned int n = 0;
	struct dirent *e;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.' && strcmp(e->d_name, "vmlinux");
	if (d)
		closedir(d);
	if (n)
		probe_say(r, PROBE_YES, "%u modules have it", n);
	else if (access("/proc/modules", F_OK))
		probe_say(r, PROBE_NO, "this kernel has no modules");
	else
		probe_say(r, PROBE_NO, "no module has type information");
}
