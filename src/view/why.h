/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the sinks show of threads' wall time and critical paths: each function is its sink's part in a file of its own. */
#ifndef SPOOR_VIEW_WHY_H
#define SPOOR_VIEW_WHY_H

#include "view/view.h"

int why_table(struct view *v, const struct summary *sum); /* 0 or -errno */
int why_tree(void *self, const struct slow_call *c);      /* struct view must be the first member of self */

void why_json(struct json *j, const struct summary *sum);
void why_call_json(struct json *j, const struct slow_call *c);

/* ---- in why_path.c ---- */

extern const enum color why_colors[WHY_PART_N];

/* A critical path. AXIS: one in time order, on its time axis; else a merged one, with shares. ALL: every node, and the
 * stacks of waits; else the largest. 0 or -ENOMEM. */
enum why_path_flags { WHY_PATH_AXIS = 1, WHY_PATH_ALL = 2 };
int why_path(const struct view *v, const struct crit *c, unsigned int flags);

/* A line: "mostly cc1 on the CPU 58.7%, device loop0 write 15.8%", the ends of the path. 0 or -ENOMEM. */
int why_mostly(const struct view *v, const struct crit *c, const char *lead);

/* "cc1", "device loop0 write", "a timer", "softirq RCU", "nobody"; tid: with a task's id. Returns buf. */
enum { WHO_LEN = 128 };
char *why_who(char buf[WHO_LEN], const struct ender *by, bool tid);

#endif
