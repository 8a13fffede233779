/*
 * The first look at a model file. What is refused has a text, what is accepted
 * has a whole header of a version that can be read.
 */
#include "worker/llama/check.c"

#include <assert.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int fd = -1;
	struct fail why = { 0 };

	if (fd < 0)
		fd = memfd_create("model", MFD_CLOEXEC);
	assert(fd >= 0);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
		return 0;
	if (check_gguf(fd, str_of("model.gguf"), &why) != 0)
		assert(why.code != 0 && why.text[0] != '\0');
	else
		assert(
		    n >= sizeof(struct head) && memcmp(data, "GGUF", 4) == 0);
	return 0;
}
