/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Between the files of the io source; nobody else includes it. */
#ifndef SPOOR_PATH_IO_IO_PRIV_H
#define SPOOR_PATH_IO_IO_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "kernel/blockdev.h"
#include "kernel/probe.h"
#include "model/hooks.h"
#include "model/records.h"
#include "model/source.h"
#include "model/stacks.h"
#include "path/io/io.h"
#include "path/io/io_opts.h"

struct io_bpf;
struct kept;

struct io_state {
	struct io_opts opts;
	struct io_bpf *skel;
	links_t links;
	struct records records;
	struct blockdevs *devs;
	struct stacks *stacks;
	struct names *names;              /* files, cgroups */
	const struct feed *feed;          /* during a poll */
	unseen_t unseen;
	struct io_decoder *decoder;
	struct io_rows *rows;
	VEC(struct kept *) top;           /* min-heap by wall */
	struct lost lost[LOSS_N + LOSSES_MORE];
	uint64_t malformed;
	uint64_t ops;                     /* counted at the last summary */
	bool error_is_status;
};

const char *io_dir_name(unsigned int dir);
void io_calls_fill(struct sys_desc *descs, uint64_t kinds);

/* io_load.c. Opens, configures, loads and attaches; 0 or -errno, logged. */
int io_load(struct io_state *st, struct probe *probe);
void io_unload(struct io_state *st);
void io_ready(struct io_state *st, bool on);
/* Ends asynchronous operations that are complete but were not seen to be reaped. */
void io_sweep(struct io_state *st);
void io_top_raise(struct io_state *st, uint64_t wall);
int io_map_fd(const struct io_state *st, const char *name);
void io_lost_read(const struct io_state *st, uint64_t lost[LOSS_N]);
struct bpf_object *io_object(const struct io_state *st);

/* io_decode.c */
struct io_decoder *io_decoder_new(struct io_state *st);
void io_decoder_free(struct io_decoder *d);
/* Wire record -> op, valid until the next call. 0, or -EINVAL on a malformed record. */
int io_decode(struct io_decoder *d, const struct io_rec_op *rec, size_t size, struct op *op);
/* 0, or -EINVAL when the record is malformed. */
int io_record_check(const struct io_rec_op *rec, size_t size);
int io_decode_path(struct io_state *st, const struct io_rec_path *rec, size_t size);

/* io_rows.c */
struct io_rows *io_rows_new(struct io_state *st);
void io_rows_free(struct io_rows *r);
int io_rows_read(struct io_rows *r, struct summary *out, bool interval);

#endif
