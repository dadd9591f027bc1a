/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor find BIN:...`: functions and USDT probes of programs and libraries. */
#include <errno.h>
#include <inttypes.h>

#include "base/glob.h"
#include "cmd/cmd.h"
#include "cmd/find.h"
#include "kernel/targets.h"

enum { TEXT_LEN = 2048 };

/* --- functions --- */

static void function_print(struct types *t, const struct ufunc *fn, struct type *ty)
{
	char text[TEXT_LEN];

	find_line("  +0x%-10" PRIx64 " %s", fn->file_off, ty ? type_print_function(t, ty, fn->name, text, sizeof(text)) : fn->name);
}

static void function_json(struct find *f, const char *path, struct types *t, const struct ufunc *fn, struct type *ty)
{
	json_object_begin(f->json);
	json_put_str(f->json, "type", "user_function");
	json_put_str(f->json, "path", path);
	json_put_str(f->json, "name", fn->name);
	json_put_u64(f->json, "offset", fn->file_off);
	json_put_u64(f->json, "size", fn->size);
	json_put_params(f->json, t, ty);
	json_object_end(f->json);
	json_line(f->json);
}

static int functions(struct find *f, const char *path, const char *glob)
{
	struct types *t = NULL;
	ufuncs_t all;
	int err = ufuncs_find(path, glob, &all);

	if (err)
		return err;
	if (all.n)
		t = types_of_binary(path);
	if (all.n && !f->json)
		find_line("functions of %s%s", path, t ? "" : " (no debug information: prototypes unknown)");
	for (size_t i = 0; i < all.n; i++) {
		struct type *ty = t ? types_function(t, all.v[i].name, NULL) : NULL;

		if (f->json)
			function_json(f, path, t, &all.v[i], ty);
		else
			function_print(t, &all.v[i], ty);
	}
	f->found += (unsigned int)all.n;
	types_free(t);
	ufuncs_free(&all);
	return 0;
}

/* --- USDT probes --- */

static const char *const kinds[] = {
	[USDT_CONST] = "constant", [USDT_REG] = "register", [USDT_MEM] = "memory", [USDT_SIB] = "memory", [USDT_UNKNOWN] = "unknown",
};

static void usdt_print(struct find *f, const struct usdt *u)
{
	char text[512] = "", name[400];
	size_t at = 0;

	snprintf(name, sizeof(name), "%.190s:%.190s", u->provider, u->name);
	for (unsigned int i = 0; i < u->n; i++) {
		int size = u->arg[i].size < 0 ? -u->arg[i].size : u->arg[i].size;

		if (u->arg[i].kind == USDT_UNKNOWN)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%%%u cannot be read", i ? ", " : "", i);
		else
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%%%u %c%d", i ? ", " : "", i, u->arg[i].size < 0 ? 's' : 'u',
					       size * 8);
	}
	find_line("  +0x%-10" PRIx64 " %s(%s)%s", u->file_off, name, text, u->semaphore ? " with semaphore" : "");
}

static void usdt_json(struct find *f, const char *path, const struct usdt *u)
{
	json_object_begin(f->json);
	json_put_str(f->json, "type", "usdt");
	json_put_str(f->json, "path", path);
	json_put_str(f->json, "provider", u->provider);
	json_put_str(f->json, "name", u->name);
	json_put_u64(f->json, "offset", u->file_off);
	json_put_u64(f->json, "semaphore", u->semaphore);
	json_put_array(f->json, "args");
	for (unsigned int i = 0; i < u->n; i++) {
		json_object_begin(f->json);
		json_put_str(f->json, "in", kinds[u->arg[i].kind]);
		json_put_u64(f->json, "size", (uint64_t)(u->arg[i].size < 0 ? -u->arg[i].size : u->arg[i].size));
		json_put_bool(f->json, "signed", u->arg[i].size < 0);
		json_object_end(f->json);
	}
	json_array_end(f->json);
	json_object_end(f->json);
	json_line(f->json);
}

static int usdts(struct find *f, const char *path, const char *provider, const char *name)
{
	usdts_t all;
	int err = usdts_find(path, provider, name, &all);

	if (err)
		return err;
	if (all.n && !f->json)
		find_line("USDT probes of %s", path);
	for (size_t i = 0; i < all.n; i++) {
		if (f->json)
			usdt_json(f, path, &all.v[i]);
		else
			usdt_print(f, &all.v[i]);
	}
	f->found += (unsigned int)all.n;
	usdts_free(&all);
	return 0;
}

int find_in_binary(struct find *f, const char *bin, const char *glob)
{
	const char *colon = strchr(glob, ':');
	char *path, provider[256];
	int err = binary_find(bin, &path);

	if (err) {
		cmd_error("%s: %s", bin, err == -ENOENT ? "no such program, library or process" : strerror(-err));
		return err;
	}
	if (colon) {
		snprintf(provider, sizeof(provider), "%.*s", (int)(colon - glob), glob);
		err = usdts(f, path, provider[0] ? provider : "*", colon[1] ? colon + 1 : "*");
	} else {
		err = functions(f, path, glob);
		if (!err)
			err = usdts(f, path, "*", glob);
	}
	if (err)
		cmd_error("%s: %s", path, err == -ENOEXEC ? "no ELF file of this machine's kind" : strerror(-err));
	free(path);
	return err;
}
