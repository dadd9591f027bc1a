/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Types as JSON (docs/format.md). */
#ifndef SPOOR_CMD_TYPES_JSON_H
#define SPOOR_CMD_TYPES_JSON_H

#include "base/json.h"
#include "expr/types.h"

void json_put_format(struct json *j);                                   /* the line that every stream begins with */
int json_layout(struct json *j, struct types *t, struct type *ty);      /* "layout" of a structure, union or enum */
void json_type(struct json *j, const struct type *ty, const char *name); /* "layout" of what has no members: a typedef */
/* "member": m is within the structure ty, bit_off from the beginning of it */
void json_member(struct json *j, const struct type *ty, const struct member *m);
void json_put_params(struct json *j, struct types *t, struct type *fn); /* members "prototype" to "variadic"; fn NULL: unknown */

#endif
