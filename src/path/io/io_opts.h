/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What `spoor io` is asked to trace; filled in by the command, read by the source. */
#ifndef SPOOR_PATH_IO_IO_OPTS_H
#define SPOOR_PATH_IO_IO_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/task_filter.h"

enum { IO_OPTS_DEVS = 16 };

struct io_opts {
	struct task_opts tasks;
	uint32_t devs[IO_OPTS_DEVS];      /* kernel encoding */
	size_t ndevs;
	bool devs_part;                   /* one of them is a partition whose disk is not */
	uint64_t file_ino;                /* 0: any */
	uint32_t file_dev;                /* st_dev of it, kernel encoding */
	bool file_is_dir, file_is_blk;    /* a block device: file_dev is it */
	uint64_t kinds;                   /* bit (1 << enum io_kind); 0: all */
	bool records;                     /* operations one by one, not the summary alone */
	bool errors_only;
	uint64_t slower;                  /* ns */
	unsigned int top;                 /* keep the slowest n and deliver them at the end; 0: deliver at once */
	bool block_only;                  /* device requests; no system calls */
	unsigned int max_inflight;        /* slots of synchronous operations; 0: from the number of threads */
	unsigned int ring_bytes;          /* 0: default */
};

/* Name of an operation kind ("pread64"), NULL past the end; for --op and for messages. */
const char *io_kind_name(unsigned int kind);
/* Bits of the kinds that a word means: a kind's name, or a group: "reads", "writes", "copies", "syncs", "faults",
 * "kernel", "libaio", "io_uring". 0: unknown. */
uint64_t io_kinds_parse(const char *word);

#endif
