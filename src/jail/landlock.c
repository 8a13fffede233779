#include "jail/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/landlock.h> of Debian 12 ends at the third version. From the
 * kernel's user-space interface, which does not change. */
struct ruleset {
	uint64_t files;	  /* version 1 and on */
	uint64_t network; /* version 4 and on */
	uint64_t scopes;  /* version 6 and on */
};

struct beneath {
	uint64_t allowed;
	int32_t folder;
} __attribute__((packed));

#define GET_VERSION 1u /* of landlock_create_ruleset(2) */
#define PATH_BENEATH 1

#define FILE_EXECUTE (1ull << 0)
#define FILE_WRITE (1ull << 1)
#define FILE_READ (1ull << 2)
#define FOLDER_READ (1ull << 3)
#define FILE_REMOVE (1ull << 5)
#define FILE_MAKE (1ull << 8)
#define FILE_IOCTL (1ull << 15)

/* How many of the bits, from the lowest, each version knows. */
struct version {
	unsigned file_bits;
	unsigned network_bits;
	unsigned scope_bits;
};

static const struct version versions[] = {
	[1] = { 13, 0, 0 }, /* execute ... make a symbolic link */
	[2] = { 14, 0, 0 }, /* link or rename to elsewhere */
	[3] = { 15, 0, 0 }, /* truncate */
	[4] = { 15, 2, 0 }, /* TCP bind, connect */
	[5] = { 16, 2, 0 }, /* ioctl of a device */
	[6] = { 16, 2, 2 }, /* abstract sockets, signals */
};
#define NEWEST (sizeof(versions) / sizeof(versions[0]) - 1)

static uint64_t
lowest(unsigned bits)
{
	return (1ull << bits) - 1;
}

#define READ (FILE_READ | FOLDER_READ)
#define LIBRARY (FILE_EXECUTE | READ)
#define DEVICE (FILE_READ | FILE_WRITE | FOLDER_READ | FILE_IOCTL)

/* What is not there is passed over. */
struct place {
	const char *path;
	uint64_t allowed;
};

/* Read by the drivers of GPUs, and their device files. */
static const struct place for_gpus[] = {
	{ "/usr", LIBRARY },
	{ "/lib", LIBRARY },
	{ "/lib64", LIBRARY },
	{ "/opt", LIBRARY },
	{ "/etc/ld.so.cache", FILE_READ },
	{ "/sys", READ },
	{ "/proc", READ },
	{ "/dev", DEVICE },
};

/* The NPU alone: as a driver of its own or as one of DRM's, the heaps that its
 * memory is of, the 2D unit beside it; which chip this is, what its cores and
 * memory are. */
static const struct place for_npu[] = {
	{ "/usr/lib", LIBRARY },
	{ "/lib", LIBRARY },
	{ "/lib64", LIBRARY },
	{ "/etc/ld.so.cache", FILE_READ },
	{ "/sys", READ },
	{ "/proc", READ },
	{ "/dev/rknpu", DEVICE },
	{ "/dev/dri", DEVICE },
	{ "/dev/dma_heap", DEVICE },
	{ "/dev/rga", DEVICE },
	{ "/dev/null", DEVICE },
	{ "/dev/urandom", FILE_READ },
};

static const struct {
	const struct place *v;
	size_t n;
} places_of[JAIL_NKINDS] = {
	[JAIL_DEVICE] = { for_gpus, sizeof(for_gpus) / sizeof(for_gpus[0]) },
	[JAIL_NPU] = { for_npu, sizeof(for_npu) / sizeof(for_npu[0]) },
};

static int
add_rule(int rules, int folder, uint64_t allowed)
{
	struct beneath b = { .allowed = allowed, .folder = folder };

	return (int)syscall(SYS_landlock_add_rule, rules, PATH_BENEATH, &b, 0);
}

static int
allow(int rules, const char *path, uint64_t allowed)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	int err;

	if (fd < 0)
		return 0;
	err = add_rule(rules, fd, allowed);
	/* One who asks for a folder's rights on a file is told so. */
	if (err != 0 && errno == EINVAL)
		err = add_rule(rules, fd, allowed & ~FOLDER_READ);
	(void)close(fd);
	return err;
}

static int
allow_places(int rules, enum jail_kind kind, uint64_t known)
{
	const struct place *p = places_of[kind].v;
	int err = 0;

	for (size_t i = 0; i < places_of[kind].n && err == 0; i++)
		err = allow(rules, p[i].path, p[i].allowed & known);
	return err;
}

static int
allow_files(int rules, const struct jail_files *files, uint64_t known)
{
	static const uint64_t reading = FILE_READ | FOLDER_READ;
	static const uint64_t writing = FILE_WRITE | FILE_MAKE | FILE_REMOVE;
	int err = 0;

	for (size_t i = 0; i < files->n_read && err == 0; i++)
		err = allow(rules, files->read[i], reading & known);
	if (err == 0 && files->write >= 0)
		err =
		    add_rule(rules, files->write, (reading | writing) & known);
	for (size_t i = 0; i < files->n_again && err == 0; i++)
		err = add_rule(rules, files->again[i], FILE_READ & known);
	return err;
}

int
landlock_enter(
    enum jail_kind kind, const struct jail_files *files, unsigned *ret_abi)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);
	const struct version *v;
	struct ruleset all;
	int rules;
	int err = 0;
	int error;

	*ret_abi = 0;
	if (abi < 1)
		return -1;
	v = &versions[abi > (long)NEWEST ? NEWEST : (size_t)abi];
	all = (struct ruleset){ lowest(v->file_bits), lowest(v->network_bits),
		lowest(v->scope_bits) };
	/* An older kernel takes a longer struct whose rest is zeroes. */
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0)
		return -1;
	err = allow_places(rules, kind, all.files);
	if (err == 0 && files != NULL)
		err = allow_files(rules, files, all.files);
	if (err == 0)
		err = (int)syscall(SYS_landlock_restrict_self, rules, 0);
	error = errno;
	(void)close(rules);
	errno = error;
	if (err == 0)
		*ret_abi = (unsigned)abi;
	return err;
}
