/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * How a library speaks: through one callback of the process. Nothing is printed unless a command sets one.
 * Set it before threads start; log_write itself may be called from any thread.
 */
#ifndef SPOOR_BASE_LOG_H
#define SPOOR_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* text: one line without its newline, valid during the call. */
typedef void (*log_fn)(void *ctx, enum log_level level, const char *text);

void log_set(log_fn fn, void *ctx, enum log_level most); /* messages beyond `most` are dropped; fn NULL: all */
unsigned int log_errors(void);         /* how many there were: whether a failure has been explained */
bool log_wanted(enum log_level level);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_vwrite(enum log_level level, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
