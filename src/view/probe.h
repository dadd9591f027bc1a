/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the sinks show of ad-hoc probes: each function is its sink's part in a file of its own. */
#ifndef SPOOR_VIEW_PROBE_H
#define SPOOR_VIEW_PROBE_H

#include "view/view.h"

int probe_table(struct view *v, const struct summary *sum); /* 0 or -errno */

void probe_json(struct json *j, const struct summary *sum);
void probe_hit_json(struct json *j, const struct hit *h);

#endif
