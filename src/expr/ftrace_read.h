/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#ifndef SPOOR_EXPR_FTRACE_READ_H
#define SPOOR_EXPR_FTRACE_READ_H

#include "expr/ftrace_priv.h"

int reader_open(struct ftrace *f);    /* the instance's buffers, one a CPU. 0 or -errno */
void reader_close(struct ftrace *f);

#endif
