/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What could stand where a probe is being typed. */
#ifndef SPOOR_EXPR_COMPLETE_H
#define SPOOR_EXPR_COMPLETE_H

#include "expr/ir.h"

/* Calls fn with the whole text as it would be, once for each way to go on with its last word: letters, functions, tracepoints,
 * parameters and fields, members, builtins, aggregations. fn returns non-zero to end. 0, or what fn returned, or -ENOMEM. A text
 * that means nothing has no candidates. */
int complete_probe(struct env *env, const char *text, int (*fn)(void *ctx, const char *whole), void *ctx);

#endif
