/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include "base/log.h"

static struct { log_fn fn; void *ctx; enum log_level most; } logger;

void log_set(log_fn fn, void *ctx, enum log_level most)
{
	logger.fn = fn;
	logger.ctx = ctx;
	logger.most = most;
}

bool log_wanted(enum log_level level)
{
	return logger.fn && level <= logger.most;
}

static unsigned int errors;

unsigned int log_errors(void)
{
	return errors;
}

void log_vwrite(enum log_level level, const char *fmt, va_list ap)
{
	char text[4096]; /* a diagnosis has several lines */
	int n;

	errors += level == LOG_LEVEL_ERROR;
	if (!log_wanted(level))
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		return;
	n = (size_t)n < sizeof(text) ? n : (int)sizeof(text) - 1;
	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	logger.fn(logger.ctx, level, text);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(level, fmt, ap);
	va_end(ap);
}
