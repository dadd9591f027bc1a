/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "expr/attach.h"

enum { LOG_BYTES = 1 << 20 };

static enum bpf_prog_type prog_type(enum mode m)
{
	switch (m) {
	case MODE_FENTRY: case MODE_FEXIT: return BPF_PROG_TYPE_TRACING;
	case MODE_TRACEPOINT: return BPF_PROG_TYPE_TRACEPOINT;
	case MODE_RAW: return BPF_PROG_TYPE_RAW_TRACEPOINT;
	case MODE_SAMPLE: return BPF_PROG_TYPE_PERF_EVENT;
	default: return BPF_PROG_TYPE_KPROBE;
	}
}

static enum bpf_attach_type attach_type(enum mode m)
{
	switch (m) {
	case MODE_FENTRY: return BPF_TRACE_FENTRY;
	case MODE_FEXIT: return BPF_TRACE_FEXIT;
	case MODE_MULTI: case MODE_MULTI_RETURN: return BPF_TRACE_KPROBE_MULTI;
	default: return 0;
	}
}

int prog_load(const struct gen *g, const char *name, int btf_id, int btf_fd, char **log)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type(g->mode));
	int fd, err;

	*log = NULL;
	if (btf_id > 0) {
		opts.attach_btf_id = (uint32_t)btf_id;
		opts.attach_btf_obj_fd = (uint32_t)btf_fd;
	}
	fd = bpf_prog_load(prog_type(g->mode), name, "GPL", g->e.insn.v, g->e.insn.n, &opts);
	if (fd >= 0)
		return fd;
	err = -errno;
	if (err == -EPERM || err == -ENOMEM)
		return err;
	opts.log_buf = malloc(LOG_BYTES);
	if (!opts.log_buf)
		return err;
	opts.log_buf[0] = 0;
	opts.log_size = LOG_BYTES;
	opts.log_level = 1;
	fd = bpf_prog_load(prog_type(g->mode), name, "GPL", g->e.insn.v, g->e.insn.n, &opts);
	if (fd >= 0 || !opts.log_buf[0])
		free(opts.log_buf);
	else
		*log = opts.log_buf;
	return fd >= 0 ? fd : err;
}
