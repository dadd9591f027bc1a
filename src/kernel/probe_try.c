/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Probes that load and attach something. Whatever they make is gone when they return. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "kernel/probe_internal.h"

/* r0 = 0; exit */
static const struct bpf_insn nothing[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* Rarely hit, so the moment of being attached costs nobody anything. All since before 5.10. */
static const char quiet_tracepoint[] = "sched_process_exec";
static const char *const quiet_functions[] = { "bpf_fentry_test1", "vfs_statfs", "vfs_read" };

static int prog_load(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach, .attach_btf_id = (__u32)btf_id);
	int fd = bpf_prog_load(type, "spoor_probe", "GPL", nothing, 2, &opts);

	return fd < 0 ? -errno : fd;
}

static int perf_open(struct perf_event_attr *attr, int pid, int cpu)
{
	long fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

/* Puts the program on a perf event that is never switched on. Closes prog. 0 or -errno. */
static int perf_attach(struct perf_event_attr *attr, int pid, int cpu, int prog)
{
	int fd = perf_open(attr, pid, cpu), err = fd < 0 ? fd : 0;

	if (!err && ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog))
		err = -errno;
	if (fd >= 0)
		close(fd);
	close(prog);
	return err;
}

/* Attaches a loaded tracing or raw tracepoint program and lets go of it. Closes prog. */
static int raw_attach(const char *name, int prog)
{
	int fd = bpf_raw_tracepoint_open(name, prog), err = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	close(prog);
	return err;
}

void probe_try_raw_tp(struct probe *p, struct probe_result *r)
{
	int prog = prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0);
	int err = prog < 0 ? prog : raw_attach(quiet_tracepoint, prog);

	if (err)
		probe_refused(p, r, "raw tracepoint programs", err);
	else
		probe_say(r, PROBE_YES, "loaded and attached");
}

static bool probe_needs_btf(struct probe *p, struct probe_result *r)
{
	if (probe_btf(p))
		return true;
	probe_say(r, PROBE_NO, "needs the kernel's BTF: %s", probe_get(p, PROBE_BTF)->why);
	return false;
}

void probe_try_tp_btf(struct probe *p, struct probe_result *r)
{
	int id, prog, err;

	if (!probe_needs_btf(p, r))
		return;
	id = probe_tracepoint_type(p, quiet_tracepoint);
	prog = id < 0 ? id : prog_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, id);
	err = prog < 0 ? prog : raw_attach(NULL, prog);
	if (err)
		probe_refused(p, r, "typed tracepoint programs", err);
	else
		probe_say(r, PROBE_YES, "loaded and attached");
}

/* Is this accepted as a typed tracepoint program? 0 or -errno. */
static int tp_btf_load(struct probe *p, const struct bpf_insn *insns, size_t n)
{
	int id = probe_tracepoint_type(p, quiet_tracepoint), fd;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP, .attach_btf_id = (__u32)id);

	if (id < 0)
		return id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "spoor_probe", "GPL", insns, n, &opts);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* A call with the wrong argument is refused with EACCES, that of a helper which such programs do not have with EINVAL. */
bool probe_helper(struct probe *p, int helper)
{
	const struct bpf_insn call[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = helper },
		nothing[0], nothing[1],
	};
	int err = tp_btf_load(p, call, sizeof(call) / sizeof(call[0]));

	return !err || err == -EACCES;
}

/* The verifier wants the id of a structure as second argument, and a kernel without JIT refuses the call. */
bool probe_rdonly_cast(struct probe *p)
{
	struct btf *btf = probe_btf(p);
	int fn = btf ? btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC) : -ENOENT;
	int type = fn > 0 ? btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT) : -ENOENT;
	const struct bpf_insn call[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = type },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = fn },
		nothing[0], nothing[1],
	};

	return type > 0 && !tp_btf_load(p, call, sizeof(call) / sizeof(call[0]));
}

void probe_try_fentry(struct probe *p, struct probe_result *r)
{
	int id = -ENOENT, prog, err;

	if (!probe_needs_btf(p, r))
		return;
	for (size_t i = 0; id < 0 && i < sizeof(quiet_functions) / sizeof(quiet_functions[0]); i++)
		id = btf__find_by_name_kind(p->btf, quiet_functions[i], BTF_KIND_FUNC);
	prog = id < 0 ? id : prog_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id);
	err = prog < 0 ? prog : raw_attach(NULL, prog);
	if (err == -EBUSY)
		probe_say(r, PROBE_YES, "loaded; the function tried was in use by another tracer");
	else if (err)
		probe_refused(p, r, "fentry programs", err);
	else
		probe_say(r, PROBE_YES, "loaded and attached");
}

/* Number in a small sysfs or tracefs file. -errno. */
static int number_read(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	char buf[32] = "";
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	return n > 0 ? (int)strtol(buf, NULL, 10) : -EIO;
}

void probe_try_tracepoint(struct probe *p, struct probe_result *r)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .disabled = 1,
					.sample_period = 1 };
	int dir = probe_tracefs(p), id, prog, err;
	char path[96];

	if (dir < 0) {
		probe_say(r, PROBE_NO, "needs tracefs: %s", probe_get(p, PROBE_TRACEFS)->why);
		return;
	}
	snprintf(path, sizeof(path), "events/sched/%s/id", quiet_tracepoint);
	id = number_read(dir, path);
	attr.config = id < 0 ? 0 : (uint64_t)id;
	prog = id < 0 ? id : prog_load(BPF_PROG_TYPE_TRACEPOINT, 0, 0);
	err = prog < 0 ? prog : perf_attach(&attr, -1, 0, prog);
	if (err)
		probe_refused(p, r, "tracepoint programs", err);
	else
		probe_say(r, PROBE_YES, "loaded and attached");
}

/* Type number of a perf device, -ENOENT when the kernel was built without it. */
static int pmu_type(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", name);
	return number_read(AT_FDCWD, path);
}

void probe_try_kprobe(struct probe *p, struct probe_result *r)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .disabled = 1 };
	int type = pmu_type("kprobe"), prog, err;

	if (type < 0) {
		r->err = type;
		probe_say(r, PROBE_NO, "this kernel was built without kprobes");
		return;
	}
	attr.type = (uint32_t)type;
	attr.config1 = (uintptr_t)quiet_functions[1];
	prog = prog_load(BPF_PROG_TYPE_KPROBE, 0, 0);
	err = prog < 0 ? prog : perf_attach(&attr, -1, 0, prog);
	if (err)
		probe_refused(p, r, "kprobe programs", err);
	else
		probe_say(r, PROBE_YES, "loaded and attached");
}

void probe_try_kprobe_multi(struct probe *p, struct probe_result *r)
{
	const char *syms[] = { quiet_functions[1] };
	LIBBPF_OPTS(bpf_link_create_opts, opts, .kprobe_multi.syms = syms, .kprobe_multi.cnt = 1);
	int prog = prog_load(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, 0);
	int link = prog < 0 ? prog : bpf_link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &opts);
	int err = link < 0 ? (prog < 0 ? prog : -errno) : 0;

	if (link >= 0)
		close(link);
	if (prog >= 0)
		close(prog);
	/* Kernels that do not know it complain of the attach type in their own ways. */
	if (err && pmu_type("kprobe") < 0) {
		r->err = -ENOENT;
		probe_say(r, PROBE_NO, "this kernel was built without kprobes");
	} else if (err == -EINVAL || err == -EOPNOTSUPP || err == -EBADF) {
		r->err = err;
		probe_say(r, PROBE_NO, "this kernel has no kprobe.multi");
	} else if (err) {
		probe_refused(p, r, "kprobe.multi programs", err);
	} else {
		probe_say(r, PROBE_YES, "loaded and attached");
	}
}

/* The function whose entry the uprobe is put on; nobody calls it. */
__attribute__((noinline, used)) static int uprobe_target(int x)
{
	asm volatile("" : "+r"(x));
	return x;
}

/* Position in its file of a function of this program, and the file. 0 or -errno. */
static int function_file_offset(uintptr_t addr, char *path, size_t size, uint64_t *offset)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long start, end, off;
	char line[4352];
	int at, err = -ENOENT;

	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %n", &start, &end, &off, &at) < 3)
			continue;
		if (addr < start || addr >= end)
			continue;
		line[strcspn(line, "\n")] = '\0';
		*offset = addr - start + off;
		err = (size_t)snprintf(path, size, "%s", line + at) < size ? 0 : -ENAMETOOLONG;
	}
	fclose(f);
	return err;
}

void probe_try_uprobe(struct probe *p, struct probe_result *r)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .disabled = 1 };
	int type = pmu_type("uprobe"), prog, err;
	char path[4096] = "";
	uint64_t offset = 0;

	if (type < 0) {
		r->err = type;
		probe_say(r, PROBE_NO, "this kernel was built without uprobes");
		return;
	}
	err = function_file_offset((uintptr_t)uprobe_target, path, sizeof(path), &offset);
	attr.type = (uint32_t)type;
	attr.config1 = (uintptr_t)path;
	attr.config2 = offset;
	prog = err ? err : prog_load(BPF_PROG_TYPE_KPROBE, 0, 0);
	err = prog < 0 ? prog : perf_attach(&attr, getpid(), -1, prog);
	if (err)
		probe_refused(p, r, "uprobe programs", err);
	else
		probe_say(r, PROBE_YES, "loaded and attached");
}

void probe_try_perf_event(struct probe *p, struct probe_result *r)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .disabled = 1,
					.config = PERF_COUNT_SW_CPU_CLOCK, .freq = 1, .sample_freq = 1 };
	int prog = prog_load(BPF_PROG_TYPE_PERF_EVENT, 0, 0);
	int err = prog < 0 ? prog : perf_attach(&attr, -1, 0, prog);

	if (err)
		probe_refused(p, r, "programs on perf events", err);
	else
		probe_say(r, PROBE_YES, "loaded and attached to cpu-clock");
}

/* --- maps and helpers --- */

static int map_try(enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t entries)
{
	int fd = bpf_map_create(type, "spoor_probe", key, value, entries, NULL);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

void probe_try_ringbuf(struct probe *p, struct probe_result *r)
{
	int err = map_try(BPF_MAP_TYPE_RINGBUF, 0, 0, (uint32_t)sysconf(_SC_PAGESIZE));

	if (err)
		probe_refused(p, r, "ring buffers", err);
	else
		probe_say(r, PROBE_YES, "made one");
}

/* A program that only calls the helper never passes the verifier; what it complains of tells whether the
 * helper exists for typed tracepoints. */
static void helper_try(struct probe *p, struct probe_result *r, enum bpf_func_id id, const char *name)
{
	static const char *const absent[] = { "invalid func ", "unknown func ", "program of this type cannot use" };
	const struct bpf_insn call[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = (int)id }, { .code = BPF_JMP | BPF_EXIT },
	};
	char log[4096] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP, .log_buf = log,
		    .log_size = sizeof(log), .log_level = 1);
	int btf_id, fd;

	if (!probe_needs_btf(p, r))
		return;
	btf_id = probe_tracepoint_type(p, quiet_tracepoint);
	opts.attach_btf_id = btf_id < 0 ? 0 : (uint32_t)btf_id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "spoor_probe", "GPL", call, 2, &opts);
	r->err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (strstr(log, absent[i])) {
			probe_say(r, PROBE_NO, "this kernel has no %s for tracepoint programs", name);
			return;
		}
	if (fd < 0 && !log[0]) {
		probe_refused(p, r, "typed tracepoint programs", r->err);
		return;
	}
	r->err = 0;
	probe_say(r, PROBE_YES, "the verifier knows %s", name);
}

void probe_try_task_storage(struct probe *p, struct probe_result *r)
{
	helper_try(p, r, BPF_FUNC_task_storage_get, "bpf_task_storage_get");
}

void probe_try_task_stack(struct probe *p, struct probe_result *r)
{
	helper_try(p, r, BPF_FUNC_get_task_stack, "bpf_get_task_stack");
}

void probe_try_loop(struct probe *p, struct probe_result *r)
{
	helper_try(p, r, BPF_FUNC_loop, "bpf_loop");
}

void probe_try_stack_map(struct probe *p, struct probe_result *r)
{
	int err = map_try(BPF_MAP_TYPE_STACK_TRACE, 4, 32 * 8, 16);

	if (err)
		probe_refused(p, r, "maps of stacks", err);
	else
		probe_say(r, PROBE_YES, "made one");
}
