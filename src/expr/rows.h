/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* An aggregation's rows: read from the kernel's maps, added up over CPUs and intervals, put in order, named. */
#ifndef SPOOR_EXPR_ROWS_H
#define SPOOR_EXPR_ROWS_H

#include "expr/attach.h"
#include "expr/values.h"
#include "model/model.h"

struct rows;

struct rows *rows_new(const struct attached *a, const struct render *r, bool json); /* NULL: no memory; what is given must last */
void rows_free(struct rows *rows);

/* Takes what came in one epoch out of the kernel's map; epoch < 0: there are none, all is read and left there. 0 or -errno. */
int rows_collect(struct rows *rows, int epoch);
/* Of the last interval (which begins anew then), or of the whole run. Valid until the next call. 0 or -ENOMEM. */
int rows_result(struct rows *rows, bool interval, struct aggregate *out);
uint64_t rows_hits(const struct rows *rows); /* of the whole run */

#endif
