/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the sinks show of scheduling: each function is its sink's part in a file of its own. */
#ifndef SPOOR_VIEW_SCHED_H
#define SPOOR_VIEW_SCHED_H

#include "view/view.h"

int sched_table(struct view *v, const struct summary *sum); /* 0 or -errno */
int sched_tree(void *self, const struct delay *d);          /* struct view must be the first member of self */

void sched_json(struct json *j, const struct summary *sum);
void sched_delay_json(struct json *j, const struct delay *d);

/* "other -5", "fifo 50": the policy with its nice value or real-time priority. */
void sched_class(char buf[CELL_LEN], const char *policy, int prio);

#endif
