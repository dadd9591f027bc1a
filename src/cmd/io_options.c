/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/io_options.h"
#include "kernel/blockdev.h"
#include "kernel/mounts.h"

enum { INFLIGHT_MAX = 1 << 18 };

#define AT(field) offsetof(struct io_cmdline, field)

static const struct opt io_table[] = {
	FILTER_OPTS(AT(filter)),
	{ 'd', "device", OPT_LIST, "DEV", "Only these block devices, with their partitions and what is stacked on them: "
	  "a name, a path or major:minor.", AT(device) },
	{ 0, "file", OPT_STRING, "PATH", "Only this file, or everything below this directory on its file system.",
	  AT(file) },
	{ 0, "op", OPT_LIST, "KIND", "Only these operations: pread64, fsync, page fault ..., or a group: reads, writes, "
	  "copies, syncs, faults, kernel, libaio, io_uring.", AT(op) },
	{ 0, "slower", OPT_DURATION, "TIME", "Print each operation that took at least this long, as a tree.", AT(slower) },
	{ 0, "errors", OPT_FLAG, NULL, "Print operations that failed; with --slower, --each or --top only those of them.", AT(errors) },
	{ 0, "each", OPT_FLAG, NULL, "Print every operation, a line each.", AT(each) },
	{ 0, "top", OPT_U64, "N", "Print the N slowest operations of the run at its end.", AT(top) },
	{ 0, "block", OPT_FLAG, NULL, "Only requests of the devices themselves; no system calls.", AT(block) },
	{ 'D', "duration", OPT_DURATION, "TIME", "Stop after this time.", AT(duration) },
	{ 'i', "interval", OPT_DURATION, "TIME", "Print a summary at each interval.", AT(interval) },
	{ 'H', "histograms", OPT_FLAG, NULL, "Add histograms to the summary.", AT(histograms) },
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, an object a line: every operation (unless --slower, --top, --errors or -i say otherwise), then the summary.", AT(json) },
	{ 'o', "output", OPT_STRING, "FILE", "Write to this file instead of standard output.", AT(output) },
	{ 0, "max-inflight", OPT_U64, "N", "Room for operations under way at once (up to 262144).", AT(max_inflight) },
	{ 'q', "quiet", OPT_FLAG, NULL, "Print the result and errors, nothing else.", AT(quiet) },
	{ 'v', "verbose", OPT_FLAG, NULL, "Print whole stacks, every wait, and what is done to attach.", AT(verbose) },
	{ 0 },
};

static const char io_notes[] =
	"Times take ns, us, ms, s, m, h (no unit: seconds). Filters combine; they apply in the kernel.\n"
	"Without -D and without a command it runs until Ctrl-C; the summary comes at the end.\n"
	"\n"
	"  spoor io --slower 10ms            what was slow, and where its time went\n"
	"  spoor io -d nvme0n1 -H -D 10s     one device, with histograms\n"
	"  spoor io --top 5 -- tar cf x y    the five slowest operations of a command\n";

const struct opt_command io_command = {
	.program = "spoor io",
	.usage = "[options] [-- command args]",
	.about = "Follows storage requests from the system call to the device and back, and accounts for every "
		 "nanosecond.",
	.notes = io_notes,
	.opts = io_table,
	.takes_command = true,
};

static const char *kind_nearest(const char *word)
{
	static const char *const groups[] = { "reads", "writes", "copies", "syncs", "faults", "kernel", "libaio",
					      "io_uring" };
	const char *names[64 + sizeof(groups) / sizeof(groups[0]) + 1];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		names[n++] = groups[i];
	for (unsigned int k = 0; k < 64; k++) {
		const char *name = io_kind_name(k);

		if (name && name[0])
			names[n++] = name;
	}
	names[n] = NULL;
	return name_nearest(word, names);
}

static int kinds_parse(struct io_cmdline *c, char *message)
{
	for (size_t i = 0; i < c->op.item.n; i++) {
		const char *word = c->op.item.v[i], *near;
		uint64_t kinds = io_kinds_parse(word);
		bool disk = !strncmp(word, "disk", 4);

		if (!kinds) {
			near = kind_nearest(word);
			return cmd_fail(message, -EINVAL, "--op: unknown kind of operation '%.60s'%s%s%s", word,
				       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		}
		if (disk != c->block)
			return cmd_fail(message, -EINVAL, disk ? "--op: '%.60s' needs --block" :
				       "--op: '%.60s' is not seen with --block, which follows device requests alone", word);
		c->kinds |= kinds;
	}
	if (c->file && c->kinds && !(c->kinds & ~io_kinds_parse("sync") & ~io_kinds_parse("journal commit")))
		return cmd_fail(message, -EINVAL, "--op: sync and journal commit belong to no file: leave out --file");
	return 0;
}

/* Options that say opposite things, or cannot both be followed. */
static int pairs_check(const struct io_cmdline *c, char *message)
{
	const struct { bool both; const char *text; } pairs[] = {
		{ c->each && c->top, "--each prints every operation, --top only the slowest; give one" },
		{ c->block && (c->filter.pid.item.n || c->filter.tid.item.n || c->filter.comm),
		  "--block sees requests, which belong to no process: leave out --pid, --tid and --comm" },
		{ c->block && (c->filter.cgroup || c->filter.container),
		  "--block sees requests, which belong to no task: leave out --cgroup and --container" },
		{ c->block && c->file, "--block sees requests, which belong to no file: leave out --file" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].both)
			return cmd_fail(message, -EINVAL, "%s", pairs[i].text);
	return 0;
}

static int values_check(const struct io_cmdline *c, char *message)
{
	if (c->max_inflight > INFLIGHT_MAX)
		return cmd_fail(message, -EINVAL, "--max-inflight: at most %d", INFLIGHT_MAX);
	return cmd_check_run(c->interval, c->duration, c->top, c->quiet, c->verbose, message);
}

int io_cmdline_parse(int argc, char **argv, struct io_cmdline *c, char message[CMD_MESSAGE])
{
	int err;

	*c = (struct io_cmdline){ 0 };
	err = cmd_parse(&io_command, argc, argv, c, &c->command, message);
	if (err)
		return err;
	c->records = c->slower || c->each || c->top || c->errors || (c->json && !c->interval);
	err = values_check(c, message);
	if (!err)
		err = pairs_check(c, message);
	if (!err)
		err = filters_parse(&c->filter, c->command, message);
	return err ? err : kinds_parse(c, message);
}

void io_cmdline_free(struct io_cmdline *c)
{
	opts_free(&io_command, c);
	filters_free(&c->filter);
}

/* --- what it means here --- */

static int device_add(struct io_opts *o, dev_t dev, const char *word, char *message)
{
	uint32_t k = dev_to_kernel(dev);

	for (size_t i = 0; i < o->ndevs; i++)
		if (o->devs[i] == k)
			return 0;
	if (o->ndevs == IO_OPTS_DEVS)
		return cmd_fail(message, -E2BIG, "--device: %.60s with its partitions and what is stacked on it makes more "
			       "than %d devices; name the one you mean", word, IO_OPTS_DEVS);
	o->devs[o->ndevs++] = k;
	return 0;
}

struct nearest { const char *names[256]; size_t n; };

static int device_collect(void *ctx, const char *name, dev_t dev)
{
	struct nearest *all = ctx;

	if (all->n + 1 < sizeof(all->names) / sizeof(all->names[0]))
		all->names[all->n++] = strdup(name);
	return 0;
}

static int device_unknown(struct blockdevs *devs, const char *word, int err, char *message)
{
	const char *base = strrchr(word, '/'), *near;
	struct nearest all = { .n = 0 };

	if (err == -ENOTBLK)
		return cmd_fail(message, err, "--device: '%.120s' is not a block device", word);
	if (err != -ENODEV)
		return cmd_fail(message, err, "--device: '%.120s' is not the name, the path or the major:minor of a block "
			       "device%s%s", word, err == -EINVAL ? "" : ": ", err == -EINVAL ? "" : strerror(-err));
	blockdevs_each(devs, device_collect, &all);
	near = name_nearest(base ? base + 1 : word, all.names);
	cmd_fail(message, err, "--device: there is no block device '%.120s'%s%.60s%s", word,
		near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	for (size_t i = 0; i < all.n; i++)
		free((char *)all.names[i]);
	return err;
}

static bool device_in(const struct io_opts *o, dev_t dev)
{
	for (size_t i = 0; i < o->ndevs; i++)
		if (o->devs[i] == dev_to_kernel(dev))
			return true;
	return false;
}

/* A partition without its disk: what the kernel tells of a request is the disk, of a bio the partition. */
static void partitions_note(struct blockdevs *devs, struct io_opts *o)
{
	dev_t disk;

	for (size_t i = 0; i < o->ndevs; i++)
		if (!blockdevs_disk(devs, dev_from_kernel(o->devs[i]), &disk) && !device_in(o, disk))
			o->devs_part = true;
}

static int devices_resolve(struct io_cmdline *c, struct blockdevs *devs, struct io_opts *o, char *message)
{
	for (size_t i = 0; i < c->device.item.n; i++) {
		const char *word = c->device.item.v[i];
		dev_t dev, *set = NULL;
		size_t n = 0;
		int err = blockdevs_parse(devs, word, &dev);

		if (!err)
			err = blockdevs_related(devs, dev, BLOCKDEV_PARTITIONS | BLOCKDEV_ABOVE | BLOCKDEV_LOOPS, &set, &n);
		if (err)
			return device_unknown(devs, word, err, message);
		for (size_t k = 0; k < n && !err; k++)
			err = device_add(o, set[k], word, message);
		free(set);
		if (err)
			return err;
	}
	partitions_note(devs, o);
	return 0;
}

/* The device of a file's file system as the kernel's super_block has it: of btrfs, stat shows another. */
static dev_t file_super_dev(int fd, dev_t fallback)
{
	struct mounts *m;
	struct statx sx;
	dev_t dev = fallback;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) || !(sx.stx_mask & STATX_MNT_ID))
		return dev;
	m = mounts_new("");
	for (size_t i = 0; m && i < mounts_count(m); i++)
		if (mounts_at(m, i)->id == sx.stx_mnt_id)
			dev = mounts_at(m, i)->dev;
	mounts_free(m);
	return dev;
}

static int file_resolve(struct io_cmdline *c, struct io_opts *o, char *message)
{
	struct stat st;
	int fd;

	if (!c->file)
		return 0;
	fd = open(c->file, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return cmd_fail(message, err, "--file: %.300s: %s", c->file, strerror(-err));
	}
	o->file_ino = st.st_ino;
	o->file_is_dir = S_ISDIR(st.st_mode);
	o->file_is_blk = S_ISBLK(st.st_mode);
	o->file_dev = dev_to_kernel(o->file_is_blk ? st.st_rdev : file_super_dev(fd, st.st_dev));
	close(fd);
	return 0;
}

int io_cmdline_resolve(struct io_cmdline *c, struct blockdevs *devs, struct io_opts *o, char message[CMD_MESSAGE])
{
	int err;

	message[0] = '\0';
	*o = (struct io_opts){
		.kinds = c->kinds, .records = c->records, .slower = c->slower, .top = (unsigned int)c->top,
		.block_only = c->block, .max_inflight = (unsigned int)c->max_inflight, .errors_only = c->errors,
	};
	err = devices_resolve(c, devs, o, message);
	if (!err)
		err = filters_resolve(&c->filter, &o->tasks, message);
	return err ? err : file_resolve(c, o, message);
}
