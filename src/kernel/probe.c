/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The table of probes, the ones that only read files, and the words for a refusal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "base/log.h"
#include "kernel/probe_internal.h"
#include "kernel/symbols.h"

void probe_say(struct probe_result *r, enum probe_state state, const char *fmt, ...)
{
	va_list ap;

	r->state = state;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

/* First line of a small file, without its newline. 0 or -errno. */
static int file_read_at(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static int file_read(const char *path, char *buf, size_t size)
{
	return file_read_at(AT_FDCWD, path, buf, size);
}

/* --- privilege and lockdown: asked by every refusal, so they stand on their own --- */

static bool caps_effective(uint64_t *caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data))
		return false;
	*caps = data[0].effective | (uint64_t)data[1].effective << 32;
	return true;
}

static void probe_try_privilege(struct probe *p, struct probe_result *r)
{
	static const struct { unsigned int cap; const char *name; } need[] = {
		{ CAP_BPF, "CAP_BPF" }, { CAP_PERFMON, "CAP_PERFMON" }, { CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	};
	char missing[64] = "";
	uint64_t caps = 0;

	if (!caps_effective(&caps)) {
		probe_say(r, PROBE_UNKNOWN, "capabilities cannot be read");
		return;
	}
	for (size_t i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		size_t n = strlen(missing);

		if (!(caps & 1ull << need[i].cap))
			snprintf(missing + n, sizeof(missing) - n, "%s%s", n ? ", " : "", need[i].name);
	}
	if (missing[0])
		probe_say(r, PROBE_NO, "missing: %s", missing);
	else
		probe_say(r, PROBE_YES, "CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN are effective");
}

static bool probe_privileged(struct probe *p)
{
	return probe_get(p, PROBE_PRIVILEGE)->state != PROBE_NO;
}

/* securityfs need not be mounted: a detached mount that nobody sees will do. */
static int lockdown_read(char *buf, size_t size)
{
	int err = file_read("/sys/kernel/security/lockdown", buf, size);
	int ctx, fd;

	if (err != -ENOENT)
		return err;
	ctx = fsopen("securityfs", FSOPEN_CLOEXEC);
	if (ctx < 0)
		return -errno;
	fd = fsconfig(ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ? -1 : fsmount(ctx, FSMOUNT_CLOEXEC, 0);
	err = fd < 0 ? -errno : file_read_at(fd, "lockdown", buf, size);
	if (fd >= 0)
		close(fd);
	close(ctx);
	return err;
}

const char *probe_lockdown(struct probe *p)
{
	char buf[80], *from, *to;
	int err;

	if (p->lockdown[0])
		return p->lockdown;
	err = lockdown_read(buf, sizeof(buf));
	/* securityfs without the file, or no securityfs at all: this kernel has no lockdown. */
	snprintf(p->lockdown, sizeof(p->lockdown), "%s", err == -ENOENT || err == -ENODEV ? "none" : "unknown");
	from = err ? NULL : strchr(buf, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to)
		snprintf(p->lockdown, sizeof(p->lockdown), "%.*s", (int)(to - from - 1), from + 1);
	return p->lockdown;
}

static bool locked_down(struct probe *p)
{
	const char *mode = probe_lockdown(p);

	return !strcmp(mode, "integrity") || !strcmp(mode, "confidentiality");
}

static void probe_try_unlocked(struct probe *p, struct probe_result *r)
{
	const char *mode = probe_lockdown(p);

	if (!strcmp(mode, "none"))
		probe_say(r, PROBE_YES, "the kernel is not locked down");
	else if (locked_down(p))
		probe_say(r, PROBE_NO, "kernel is locked down (%s): it may refuse programs on functions%s", mode,
			  mode[0] == 'c' ? " and the reading of its memory" : "");
	else
		probe_say(r, PROBE_UNKNOWN, "the lockdown state cannot be read%s",
			  probe_privileged(p) ? "" : " without root");
}

void probe_refused(struct probe *p, struct probe_result *r, const char *what, int err)
{
	r->err = err;
	if ((err == -EPERM || err == -EACCES) && !probe_privileged(p))
		probe_say(r, PROBE_NO, "not root: %s need CAP_BPF and CAP_PERFMON", what);
	else if (err == -EPERM && locked_down(p))
		probe_say(r, PROBE_NO, "kernel is locked down (%s): %s are refused with EPERM",
			  probe_lockdown(p), what);
	else if (err == -EPERM || err == -EACCES)
		probe_say(r, PROBE_NO, "%s are refused with %s although root: a security module or a container's "
			  "system-call filter?", what, err == -EPERM ? "EPERM" : "EACCES");
	else if (err == -ENOMEM || err == -EMFILE || err == -ENFILE)
		probe_say(r, PROBE_UNKNOWN, "could not be tried: %s", strerror(-err));
	else
		probe_say(r, PROBE_NO, "this kernel has no %s (%s)", what, strerror(-err));
}

/* --- files --- */

static void probe_try_kallsyms(struct probe *p, struct probe_result *r)
{
	static const char *const name[] = { "_stext" };
	uint64_t addr;
	int n = ksyms_lookup(name, &addr, 1);

	if (n == -EPERM)
		probe_say(r, PROBE_NO, "/proc/kallsyms shows only zeros (%s)",
			  probe_privileged(p) ? "kernel.kptr_restrict" : "not root");
	else if (n < 0)
		probe_say(r, PROBE_NO, "/proc/kallsyms: %s", strerror(-n));
	else
		probe_say(r, PROBE_YES, "/proc/kallsyms shows addresses");
}

int probe_tracefs(struct probe *p)
{
	if (p->tracefs == TRACEFS_UNTRIED)
		p->tracefs = tracefs_open();
	return p->tracefs;
}

static void probe_try_tracefs(struct probe *p, struct probe_result *r)
{
	struct statfs fs;
	int fd = probe_tracefs(p);

	if (fd < 0 && (fd == -EPERM || fd == -EACCES))
		probe_say(r, PROBE_NO, "%s", probe_privileged(p) ? "tracefs is refused with EPERM" :
			  "not root: tracefs cannot be read");
	else if (fd < 0)
		probe_say(r, PROBE_NO, "tracefs: %s", strerror(-fd));
	else if (!statfs("/sys/kernel/tracing", &fs) && fs.f_type == TRACEFS_MAGIC)
		probe_say(r, PROBE_YES, "mounted at /sys/kernel/tracing");
	else if (!statfs("/sys/kernel/debug/tracing", &fs) && fs.f_type == TRACEFS_MAGIC)
		probe_say(r, PROBE_YES, "mounted at /sys/kernel/debug/tracing");
	else
		probe_say(r, PROBE_YES, "not mounted; spoor mounts it for itself alone where it needs it");
}

/* One line of mountinfo: its type and mount point, "" and "" for another type. */
static bool mountinfo_is(char *line, const char *type, char **dir)
{
	char *sep = strstr(line, " - "), *save = NULL, *field;
	size_t n = strlen(type);

	if (!sep || strncmp(sep + 3, type, n) || sep[3 + n] != ' ')
		return false;
	field = strtok_r(line, " ", &save);
	for (int i = 0; i < 4 && field; i++)
		field = strtok_r(NULL, " ", &save);
	*dir = field;
	return field != NULL;
}

static void cgroup_mounts(const char *type, struct probe_result *r)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *dir;
	size_t cap = 0, n = 0;

	if (!f) {
		probe_say(r, PROBE_UNKNOWN, "/proc/self/mountinfo: %s", strerror(errno));
		return;
	}
	while (getline(&line, &cap, f) > 0) {
		if (!mountinfo_is(line, type, &dir))
			continue;
		/* v1 has a mount for each controller: their names say enough */
		if (!strcmp(type, "cgroup") && strrchr(dir, '/'))
			dir = strrchr(dir, '/') + 1;
		n = strlen(r->why);
		snprintf(r->why + n, sizeof(r->why) - n, "%s%s", n ? ", " : "mounted: ", dir);
		r->state = PROBE_YES;
	}
	free(line);
	fclose(f);
	if (r->state != PROBE_YES)
		probe_say(r, PROBE_NO, "not mounted");
}

static void probe_try_cgroup_v1(struct probe *p, struct probe_result *r)
{
	cgroup_mounts("cgroup", r);
}

static void probe_try_cgroup_v2(struct probe *p, struct probe_result *r)
{
	cgroup_mounts("cgroup2", r);
}

static void probe_try_stats(struct probe *p, struct probe_result *r)
{
	char buf[16];
	int err = file_read("/proc/sys/kernel/bpf_stats_enabled", buf, sizeof(buf));

	if (err)
		probe_say(r, PROBE_NO, "/proc/sys/kernel/bpf_stats_enabled: %s", strerror(-err));
	else if (strtoul(buf, NULL, 10))
		probe_say(r, PROBE_YES, "kernel.bpf_stats_enabled is on (about 60 ns more for each program run)");
	else
		probe_say(r, PROBE_NO, "kernel.bpf_stats_enabled is off");
}

/* --- the table --- */

static const struct {
	const char *name, *title;
	probe_fn fn;
	const char *help;
} probe_table[PROBE_N] = {
	[PROBE_PRIVILEGE]    = { "privilege", "root or its capabilities", probe_try_privilege,
				 "run it with sudo" },
	[PROBE_UNLOCKED]     = { "unlocked", "a kernel that is not locked down", probe_try_unlocked,
				 "lockdown comes with Secure Boot or lockdown= on the kernel's command line" },
	[PROBE_BTF]          = { "btf", "kernel type information (BTF)", probe_try_btf,
				 "needs a kernel with CONFIG_DEBUG_INFO_BTF (Debian's have it from 5.10 on)" },
	[PROBE_MODULE_BTF]   = { "module_btf", "type information of modules", probe_try_module_btf,
				 "needs Linux 5.11 and CONFIG_DEBUG_INFO_BTF_MODULES" },
	[PROBE_RAW_TP]       = { "raw_tp", "raw tracepoints", probe_try_raw_tp, "needs Linux 4.17" },
	[PROBE_TP_BTF]       = { "tp_btf", "typed raw tracepoints (tp_btf)", probe_try_tp_btf,
				 "needs Linux 5.5 with BTF" },
	[PROBE_TRACEPOINT]   = { "tracepoint", "classic tracepoints", probe_try_tracepoint, "" },
	[PROBE_FENTRY]       = { "fentry", "function entry and exit (fentry, fexit)", probe_try_fentry,
				 "needs Linux 5.5, BTF, ftrace and no lockdown" },
	[PROBE_KPROBE]       = { "kprobe", "kprobes", probe_try_kprobe, "needs CONFIG_KPROBE_EVENTS" },
	[PROBE_KPROBE_MULTI] = { "kprobe_multi", "many functions at once (kprobe.multi)", probe_try_kprobe_multi,
				 "needs Linux 5.18 with CONFIG_FPROBE" },
	[PROBE_UPROBE]       = { "uprobe", "functions of programs (uprobes)", probe_try_uprobe,
				 "needs CONFIG_UPROBE_EVENTS" },
	[PROBE_PERF_EVENT]   = { "perf_event", "perf software clock", probe_try_perf_event,
				 "kernel.perf_event_paranoid may forbid it" },
	[PROBE_RINGBUF]      = { "ringbuf", "ring buffer", probe_try_ringbuf, "needs Linux 5.8" },
	[PROBE_TASK_STORAGE] = { "task_storage", "storage on tasks", probe_try_task_storage,
				 "needs Linux 5.13; without it spoor keeps its own table of threads" },
	[PROBE_STACK_MAP]    = { "stack_map", "map of kernel stacks", probe_try_stack_map, "" },
	[PROBE_TASK_STACK]   = { "task_stack", "stack of another task (bpf_get_task_stack)", probe_try_task_stack,
				 "needs Linux 5.9" },
	[PROBE_LOOP]         = { "loop", "bounded loops (bpf_loop)", probe_try_loop,
				 "needs Linux 5.17; without it spoor unrolls" },
	[PROBE_KALLSYMS]     = { "kallsyms", "kernel symbols", probe_try_kallsyms,
				 "sysctl kernel.kptr_restrict=1, as root" },
	[PROBE_TRACEFS]      = { "tracefs", "tracefs", probe_try_tracefs,
				 "mount -t tracefs tracefs /sys/kernel/tracing" },
	[PROBE_CGROUP_V1]    = { "cgroup_v1", "control groups, version 1", probe_try_cgroup_v1, "" },
	[PROBE_CGROUP_V2]    = { "cgroup_v2", "control groups, version 2", probe_try_cgroup_v2, "" },
	[PROBE_STATS]        = { "bpf_stats", "run time of BPF programs", probe_try_stats,
				 "sysctl kernel.bpf_stats_enabled=1 shows spoor's own cost in the kernel" },
};

const char *probe_id_name(enum probe_id id)
{
	return probe_table[id].name;
}

const char *probe_id_title(enum probe_id id)
{
	return probe_table[id].title;
}

const char *probe_help(struct probe *p, enum probe_id id)
{
	const struct probe_result *r = probe_get(p, id);

	if (r->state == PROBE_YES)
		return "";
	/* When the privilege is what is missing, nothing else would help. */
	if (id != PROBE_PRIVILEGE && (r->err == -EPERM || r->err == -EACCES) && !probe_privileged(p))
		return probe_table[PROBE_PRIVILEGE].help;
	if (r->err == -EPERM && locked_down(p))
		return probe_table[PROBE_UNLOCKED].help;
	return probe_table[id].help;
}

const struct probe_result *probe_get(struct probe *p, enum probe_id id)
{
	struct probe_result *r = &p->result[id];

	if (!p->done[id]) {
		p->done[id] = true;
		probe_table[id].fn(p, r);
		log_debug("probe %s: %s", probe_table[id].name, r->why);
	}
	return r;
}

/* --- life --- */

/* The program that could last not be loaded: of an object with several libbpf tells it here only. */
static char refused[64];

const char *probe_program_refused(void)
{
	return refused;
}

void probe_program_forget(void)
{
	refused[0] = '\0';
}

/* libbpf warns of what is only tried here. A verifier's log comes as one text of any length; its last lines say what was
 * wrong. */
static int libbpf_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	enum log_level as = level == LIBBPF_WARN ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	char *text, *line, *rest;

	if ((!log_wanted(as) && level != LIBBPF_WARN) || vasprintf(&text, fmt, ap) < 0)
		return 0;
	if (level == LIBBPF_WARN && strstr(text, "failed to"))
		(void)sscanf(text, "libbpf: prog '%63[^']'", refused);
	rest = text;
	while (log_wanted(as) && (line = strsep(&rest, "\n")))
		if (*line && !strstr(line, "ulimit -l")) /* what it says of every EPERM */
			log_write(as, "%s", line);
	free(text);
	return 0;
}

struct probe *probe_new(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->tracefs = TRACEFS_UNTRIED;
	uname(&p->uts);
	libbpf_set_print(libbpf_log);
	if (setrlimit(RLIMIT_MEMLOCK, &all))
		log_debug("RLIMIT_MEMLOCK stays: %s", strerror(errno));
	return p;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	probe_btf_drop(p);
	if (p->tracefs >= 0 && p->tracefs != TRACEFS_UNTRIED)
		close(p->tracefs);
	vec_free(&p->known);
	vec_free(&p->tracepoints);
	free(p);
}

const char *probe_release(struct probe *p)
{
	return p->uts.release;
}

const char *probe_arch(struct probe *p)
{
	return p->uts.machine;
}
