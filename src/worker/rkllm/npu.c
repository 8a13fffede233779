#include "worker/rkllm/npu.h"

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* A driver of its own, or one of DRM's, whose numbers differ by board. */
static const char *const nodes[] = {
	"/dev/rknpu",
	"/dev/dri/renderD128",
	"/dev/dri/renderD129",
	"/dev/dri/card0",
	"/dev/dri/card1",
};
#define N_NODES (sizeof(nodes) / sizeof(nodes[0]))

const char *
npu_missing(char ret[NPU_TEXT_MAX])
{
	const char *closed = NULL;

	for (size_t i = 0; i < N_NODES && closed == NULL; i++)
		if (access(nodes[i], F_OK) == 0 &&
		    access(nodes[i], R_OK | W_OK) != 0)
			closed = nodes[i];
	if (closed != NULL)
		(void)snprintf(ret, NPU_TEXT_MAX,
		    "no NPU could be opened: %s is closed to this user; put "
		    "him into the group that owns it (ls -l), which is often "
		    "render or video",
		    closed);
	else
		(void)snprintf(ret, NPU_TEXT_MAX,
		    "no NPU was found: neither /dev/rknpu nor one of /dev/dri "
		    "is one; is this a Rockchip board whose kernel has the "
		    "rknpu driver (dmesg | grep -i rknpu)?");
	return ret;
}
