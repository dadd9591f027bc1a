/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/blockdev.h"
#include "kernel/probe.h"
#include "model/task_filter.h"

bool task_opts_any(const struct task_opts *o)
{
	return o->npids || o->ntids || o->comm || o->cgroup;
}

/* In a PID namespace other than the first, spoor knows processes, itself too, by other numbers than the kernel's
 * tracepoints give. */
static void pidns_set(struct task_filter *f)
{
	enum { FIRST = 0xeffffffc }; /* PROC_PID_INIT_INO, include/linux/proc_ns.h */
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST)
		return;
	f->pidns_dev = dev_to_kernel(st.st_dev);
	f->pidns_ino = st.st_ino;
}

int task_filter_set(struct task_filter *f, const struct task_opts *o, struct probe *p)
{
	int subsys = -1;

	if (o->cgroup && o->cgroup_controller) {
		subsys = cgroup_subsys_index(p, o->cgroup_controller);
		if (subsys < 0)
			return subsys;
	}
	*f = (struct task_filter){
		.by_tgid = o->npids > 0, .by_tid = o->ntids > 0, .by_comm = o->comm != NULL, .by_cgroup = o->cgroup != 0,
		.cgroup = o->cgroup, .cgroup_subsys = subsys, .self_tgid = (uint32_t)getpid(),
	};
	if (o->comm)
		memcpy(f->comm, o->comm, strnlen(o->comm, sizeof(f->comm) - 1));
	pidns_set(f);
	return 0;
}

static int ids_fill(const struct bpf_object *obj, const char *map, const uint32_t *ids, size_t n)
{
	int fd = bpf_object__find_map_fd_by_name(obj, map);
	uint8_t one = 1;

	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, &ids[i], &one, BPF_ANY))
			return -errno;
	return 0;
}

int task_filter_fill(const struct task_filter *f, const struct task_opts *o, const struct bpf_object *obj)
{
	int err = ids_fill(obj, f->pidns_ino ? "follow_ns" : "follow", o->pids, o->npids);

	return err ? err : ids_fill(obj, "follow_tid", o->tids, o->ntids);
}

/* The enumerators are in BTF. */
int cgroup_subsys_index(struct probe *p, const char *controller)
{
	struct btf *btf = probe_btf(p);
	const struct btf_type *t;
	const struct btf_enum *e;
	char want[64];
	int id;

	snprintf(want, sizeof(want), "%s_cgrp_id", !strcmp(controller, "blkio") ? "io" : controller);
	id = btf ? btf__find_by_name_kind(btf, "cgroup_subsys_id", BTF_KIND_ENUM) : -1;
	t = id > 0 ? btf__type_by_id(btf, (unsigned int)id) : NULL;
	e = t ? btf_enum(t) : NULL;
	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, e[i].name_off), want))
			return e[i].val;
	log_error("this kernel has no cgroup controller %s", controller);
	return -ENOENT;
}
