/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Where programs are put: perf events and links. All of it ends with its descriptor. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expr/attach.h"

#define PMU_DIR "/sys/bus/event_source/devices/"

static int event_open(struct perf_event_attr *attr, int cpu)
{
	long fd;

	attr->size = sizeof(*attr);
	fd = syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

/* A number in a file of the PMU's folder; prefix: what stands before it. -ENOENT: there is no such PMU. */
static int pmu_number(const char *pmu, const char *file, const char *prefix)
{
	char path[128], line[64] = "";
	size_t n = strlen(prefix);
	FILE *f;

	snprintf(path, sizeof(path), PMU_DIR "%s/%s", pmu, file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return strncmp(line, prefix, n) ? -EINVAL : (int)strtol(line + n, NULL, 10);
}

static int probe_open(const char *pmu, struct perf_event_attr *attr, bool at_return)
{
	int type = pmu_number(pmu, "type", ""), bit;

	if (type < 0)
		return type == -ENOENT ? -EOPNOTSUPP : type;
	attr->type = (uint32_t)type;
	if (at_return) {
		bit = pmu_number(pmu, "format/retprobe", "config:");
		if (bit < 0)
			return bit;
		attr->config |= 1ULL << bit;
	}
	return event_open(attr, 0);
}

int event_kprobe(const char *func, uint64_t off, bool at_return)
{
	struct perf_event_attr attr = { .config1 = (uint64_t)(uintptr_t)func, .config2 = off };

	return probe_open("kprobe", &attr, at_return);
}

int event_uprobe(const char *path, uint64_t file_off, uint64_t semaphore, bool at_return)
{
	struct perf_event_attr attr = { .config1 = (uint64_t)(uintptr_t)path, .config2 = file_off };

	if (semaphore > UINT32_MAX)
		return -E2BIG;
	attr.config = semaphore << 32; /* format/ref_ctr_offset: config:32-63 */
	return probe_open("uprobe", &attr, at_return);
}

int event_tracepoint(uint32_t id)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .config = id, .sample_period = 1 };

	return event_open(&attr, 0);
}

int event_sample(int cpu, uint64_t hz, uint64_t period)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK };

	attr.freq = hz != 0;
	if (hz)
		attr.sample_freq = hz;
	else
		attr.sample_period = period;
	return event_open(&attr, cpu);
}

int event_attach(int event, int prog)
{
	if (ioctl(event, PERF_EVENT_IOC_SET_BPF, prog))
		return -errno;
	return ioctl(event, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
}

int prog_attach_btf(int prog)
{
	int fd = bpf_raw_tracepoint_open(NULL, prog);

	return fd < 0 ? -errno : fd;
}

int prog_attach_raw(int prog, const char *name)
{
	int fd = bpf_raw_tracepoint_open(name, prog);

	return fd < 0 ? -errno : fd;
}

int prog_attach_multi(int prog, const uint64_t *addr, unsigned int n, bool at_return)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd;

	opts.kprobe_multi.flags = at_return ? BPF_F_KPROBE_MULTI_RETURN : 0;
	opts.kprobe_multi.cnt = n;
	opts.kprobe_multi.addrs = addr;
	fd = bpf_link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &opts);
	return fd < 0 ? -errno : fd;
}
