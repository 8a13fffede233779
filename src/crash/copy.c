#include "crash/page.h"

#include "base/fd.h"

#include <fcntl.h>
#include <unistd.h>

#define PAGE 4096u

/* Opened at the start: a jail lets nobody open anything later. */
static int probe[2] = { -1, -1 }; /* a pipe: the kernel reads for us */
static int maps_fd = -1;
static int statm_fd = -1;

void
crash_copy_open(void)
{
	if (pipe2(probe, O_CLOEXEC | O_NONBLOCK) != 0)
		probe[0] = probe[1] = -1;
	maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* write(2) of what cannot be read is EFAULT, no signal. */
size_t
crash_copy(void *dst, uint64_t from, size_t n)
{
	size_t done = 0;

	while (done < n) {
		uint64_t at = from + done;
		size_t part = PAGE - at % PAGE;
		ssize_t r;

		if (part > n - done)
			part = n - done;
		r = write(probe[1], (const void *)(uintptr_t)at, part);
		if (r <= 0)
			break;
		r = read(probe[0], (char *)dst + done, (size_t)r);
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	return done;
}

void
crash_copy_maps(struct lastwords *w)
{
	size_t n = fd_get(maps_fd, w->maps, sizeof(w->maps));

	while (n > 0 && w->maps[n - 1] != '\n')
		n--;
	w->n_maps = (uint32_t)n;
}

/* "size resident shared ...", in pages. */
void
crash_copy_rss(struct lastwords *w)
{
	char text[128];
	size_t n = fd_get(statm_fd, text, sizeof(text));
	size_t i = 0;
	uint64_t pages = 0;

	while (i < n && text[i] != ' ')
		i++;
	for (i++; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		pages = pages * 10 + (uint64_t)(text[i] - '0');
	w->rss_kib = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}
