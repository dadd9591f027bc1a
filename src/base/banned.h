/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Included before every C file: functions that cannot be used safely do not compile. */
#ifndef SPOOR_BASE_BANNED_H
#define SPOOR_BASE_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol atoll
#endif
