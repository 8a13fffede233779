/*
 * modeltable - the options that are a model's: those that the command line has
 * too, where they are for every model that does not say otherwise, and those
 * that only a section of --models-preset has. Columns as in conf/table.h.
 */
#ifndef CONF_MODELTABLE_H
#define CONF_MODELTABLE_H

#define CONF_PATH 1, 4095 /* of a path's length */

/* clang-format off */
#define CONF_MODEL_TABLE(O)                                                 \
	O(NULL, true, ctx_size, COUNT,                                      \
	    "ctx-size", "c", "LLAMA_ARG_CTX_SIZE",                          \
	    "0", 0, 16777216, "N",                                          \
	    "tokens of each stream; 0: the model's")                        \
	O(NULL, true, parallel, COUNT,                                      \
	    "parallel", "np", "LLAMA_ARG_N_PARALLEL",                       \
	    "0", 0, 256, "N",                                               \
	    "streams computed at once; 0: by memory")                       \
	O(NULL, true, threads, THREADS,                                     \
	    "threads", "t", "LLAMA_ARG_THREADS",                            \
	    "0", 0, 1024, "N",                                              \
	    "for decoding; 0: measure")                                     \
	O(NULL, false, threads_batch, THREADS,                              \
	    "threads-batch", "tb", "LLAMA_ARG_THREADS_BATCH",               \
	    "0", 0, 1024, "N",                                              \
	    "for prompts; 0: measure")                                      \
	O(NULL, true, gpu_layers, LAYERS,                                   \
	    "n-gpu-layers", "ngl", "LLAMA_ARG_N_GPU_LAYERS",                \
	    "all", 0, 100000, "N",                                          \
	    "layers put on a GPU")                                          \
	O(NULL, false, template_file, STR,                                  \
	    "chat-template-file", NULL, "LLAMA_ARG_CHAT_TEMPLATE_FILE",     \
	    NULL, CONF_PATH, "FILE",                                        \
	    "instead of the model's own")                                   \
	O(NULL, false, lora, STRS,                                          \
	    "lora", NULL, "BULKHEAD_LORA",                                  \
	    NULL, CONF_PATH, "FILE,...",                                    \
	    "LoRA adapter of each -m; again for more")                      \
	O(NULL, false, lora_scaled, STRS,                                   \
	    "lora-scaled", NULL, "BULKHEAD_LORA_SCALED",                    \
	    NULL, CONF_PATH, "FILE:SCALE,...",                              \
	    "the same with a scale other than 1")                           \
	O(NULL, false, embeddings, FLAG,                                    \
	    "embeddings", "embedding", "LLAMA_ARG_EMBEDDINGS",              \
	    "on", 0, 1, NULL,                                               \
	    "no embeddings; of models that have a choice")                  \
	O(NULL, false, pooling, POOLING,                                    \
	    "pooling", NULL, "LLAMA_ARG_POOLING",                           \
	    "auto", 0, 0, "HOW",                                            \
	    "of embeddings: none, mean, cls, last, rank; or as filed")      \
	O(NULL, false, reranking, FLAG,                                     \
	    "reranking", "rerank", "LLAMA_ARG_RERANKING",                   \
	    "off", 0, 1, NULL,                                              \
	    "it ranks documents: --pooling rank")                           \
	O(NULL, false, spm_infill, FLAG,                                    \
	    "spm-infill", NULL, "BULKHEAD_SPM_INFILL",                      \
	    "off", 0, 1, NULL,                                              \
	    "code with a hole: what is behind it comes first")              \
	O(NULL, false, mmap, FLAG,                                          \
	    "mmap", NULL, "LLAMA_ARG_MMAP",                                 \
	    "on", 0, 1, NULL,                                               \
	    "read the model into memory, do not map it")                    \
	O(NULL, false, chunk, COUNT,                                        \
	    "chunk", NULL, "BULKHEAD_CHUNK",                                \
	    "64", 16, 512, "N",                                             \
	    "tokens computed as one piece; part of the result")             \
	O(NULL, false, rkllm_library, STR,                                  \
	    "rkllm-library", NULL, "BULKHEAD_RKLLM_LIBRARY",                \
	    NULL, CONF_PATH, "FILE",                                        \
	    "librkllmrt.so, for .rkllm files (the usual places)")           \
	O(NULL, false, rkllm_version, STR,                                  \
	    "rkllm-version", NULL, "BULKHEAD_RKLLM_VERSION",                \
	    NULL, 1, 15, "X.Y.Z",                                           \
	    "of that library, where it does not say itself")

/* Names are llama-server's but for hidden. */
#define CONF_PRESET_TABLE(O)                                                \
	O(NULL, false, model, STR,                                          \
	    "model", "m", "LLAMA_ARG_MODEL",                                \
	    NULL, CONF_PATH, "FILE",                                        \
	    "its file")                                                     \
	O(NULL, false, mmproj, STR,                                         \
	    "mmproj", "mm", "LLAMA_ARG_MMPROJ",                             \
	    NULL, CONF_PATH, "FILE",                                        \
	    "of its images; listed, not used")                              \
	O(NULL, false, alias, STR,                                          \
	    "alias", "a", "LLAMA_ARG_ALIAS",                                \
	    NULL, 0, 1024, "NAME,...",                                      \
	    "what requests may call it too")                                \
	O(NULL, false, tags, STR,                                           \
	    "tags", NULL, "LLAMA_ARG_TAGS",                                 \
	    NULL, 0, 1024, "TAG,...",                                       \
	    "shown in lists")                                               \
	O(NULL, false, pin, FLAG,                                           \
	    "pin", NULL, NULL,                                              \
	    "off", 0, 1, NULL,                                              \
	    "never unloaded for another")                                   \
	O(NULL, false, hidden, FLAG,                                        \
	    "hidden", NULL, "BULKHEAD_HIDDEN",                              \
	    "off", 0, 1, NULL,                                              \
	    "served by its names, not listed")                              \
	O(NULL, false, load_on_startup, FLAG,                               \
	    "load-on-startup", NULL, NULL,            \
	    "off", 0, 1, NULL,                                              \
	    "loaded at start")                                              \
	O(NULL, false, stop_ms, TIME,                                       \
	    "stop-timeout", NULL, NULL,                                         \
	    "2s", 0, 3600e3, "TIME",                                        \
	    "for its worker to end when it is unloaded")
/* clang-format on */

#endif
