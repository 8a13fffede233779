/*
 * npu - the device files of Rockchip's NPU.
 */
#ifndef WORKER_RKLLM_NPU_H
#define WORKER_RKLLM_NPU_H

#define NPU_TEXT_MAX 256u

/* Why the library may have found no NPU, and what to do: in ret, which is
 * returned. */
const char *npu_missing(char ret[NPU_TEXT_MAX]);

#endif
