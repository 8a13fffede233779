#include "wire/lastwords.h"

#include "base/err.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* As the progress page: the child has the descriptor too. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
lastwords_make(int *ret_fd)
{
	int fd =
	    memfd_create("bulkhead-lastwords", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return ERR_IO;
	if (ftruncate(fd, (off_t)sizeof(struct lastwords)) != 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		(void)close(fd);
		return ERR_IO;
	}
	*ret_fd = fd;
	return 0;
}

struct lastwords *
lastwords_map(int fd)
{
	struct stat st;
	void *p;

	/* Whoever starts a child by hand may have any file there. */
	if (fstat(fd, &st) != 0 ||
	    st.st_size != (off_t)sizeof(struct lastwords))
		return NULL;
	p = mmap(NULL, sizeof(struct lastwords), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

void
lastwords_unmap(struct lastwords *w)
{
	if (w != NULL)
		(void)munmap(w, sizeof(*w));
}

uint8_t *
lastwords_stack(struct lastwords *w, uint32_t i, uint32_t *ret_max)
{
	*ret_max = i == 0 ? LASTWORDS_STACK : LASTWORDS_OTHER;
	return i == 0 ? w->stack : w->others[i];
}

const char *
lastwords_step_name(uint32_t step)
{
	static const char *const names[STEP_COUNT] = {
		[STEP_NONE] = "nothing",
		[STEP_LOAD] = "loading the file",
		[STEP_ATTACH] = "loading an attached file",
		[STEP_SUBMIT] = "taking a request",
		[STEP_CHUNK] = "a chunk of one sequence",
		[STEP_TOKENS] = "a token of each sequence",
		[STEP_SAMPLE] = "choosing a token",
	};

	return step < STEP_COUNT ? names[step] : "?";
}
