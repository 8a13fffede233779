#include "wire/progress.h"

#include "base/err.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The child has the descriptor too: were it to cut the file, the next look at
 * the page would kill the keeper with SIGBUS. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
progress_make(struct progress **ret, int *ret_fd)
{
	int fd =
	    memfd_create("bulkhead-progress", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct progress *p;

	if (fd < 0)
		return ERR_IO;
	if (ftruncate(fd, (off_t)sizeof(*p)) != 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) != 0 ||
	    (p = progress_map(fd)) == NULL) {
		(void)close(fd);
		return ERR_IO;
	}
	*ret = p;
	*ret_fd = fd;
	return 0;
}

struct progress *
progress_map(int fd)
{
	void *p = mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

void
progress_unmap(struct progress *p)
{
	if (p != NULL)
		(void)munmap(p, sizeof(*p));
}

void
progress_begin(struct progress *p, enum progress_phase phase, double expect_us)
{
	if (p == NULL)
		return;
	atomic_store(
	    &p->expect_us, expect_us < 4e9 ? (uint32_t)expect_us : UINT32_MAX);
	atomic_store(&p->phase, phase);
}

void
progress_bump(struct progress *p)
{
	if (p != NULL)
		atomic_fetch_add(&p->count, 1);
}

const char *
progress_phase_name(uint32_t phase)
{
	static const char *const names[PHASE_NPHASES] = {
		[PHASE_START] = "start",
		[PHASE_LOAD] = "load",
		[PHASE_IDLE] = "idle",
		[PHASE_PREFILL] = "prefill",
		[PHASE_DECODE] = "decode",
		[PHASE_SUBMIT] = "submit",
		[PHASE_SAMPLE] = "sample",
		[PHASE_SERVE] = "serve",
		[PHASE_ATTACH] = "attach",
	};

	return phase < PHASE_NPHASES ? names[phase] : "?";
}
