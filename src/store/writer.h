/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The thread that compresses chunks and writes them: a disk that takes its time to sync must not keep the tracer from
 * reading its ring. A queue of bounded size is between them.
 */
#ifndef SPOOR_STORE_WRITER_H
#define SPOOR_STORE_WRITER_H

#include "store/store_priv.h"

struct writer;

struct writer *writer_new(const struct store_writer_opts *o); /* NULL, the reason logged */
/* Takes the chunk that is in c; waits while the queue is full. 0, or the first failure of the thread. */
int writer_put(struct writer *w, const struct chunk_info *info, const struct codec *c);
int writer_error(struct writer *w);      /* 0, or the first failure of the thread */
int writer_complete(struct writer *w);   /* all has been put: the recording was not cut off */
int writer_close(struct writer *w);      /* writes what there is, makes the tables, frees. 0 or the first failure, logged */

/* The file: created, locked, with its tables. path.c */
int recording_create(const char *path, int *lock);

#endif
