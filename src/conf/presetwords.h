/*
 * presetwords - keys of llama-server's presets that are no settings here, and
 * what becomes of them: passed over where ignoring them changes no answer, else
 * refused.
 */
#ifndef CONF_PRESETWORDS_H
#define CONF_PRESETWORDS_H

/* fate, every way to write it with spaces in between, what people read */
#define PRESET_WORDS(W)                                                        \
	W(PASSED, "dedup-cache-models", "there is no cache of models here")    \
	W(PASSED, "batch-size b LLAMA_ARG_BATCH", "--chunk is what it does")   \
	W(PASSED, "ubatch-size ub LLAMA_ARG_UBATCH",                           \
	    "--chunk is what it does")                                         \
	W(PASSED, "flash-attn fa LLAMA_ARG_FLASH_ATTN", "chosen by itself")    \
	W(PASSED, "cont-batching cb LLAMA_ARG_CONT_BATCHING", "always so")     \
	W(PASSED, "cache-ram cram LLAMA_ARG_CACHE_RAM", "not needed")          \
	W(PASSED, "cache-prompt LLAMA_ARG_CACHE_PROMPT", "always so")          \
	W(PASSED, "cache-reuse LLAMA_ARG_CACHE_REUSE", "not needed")           \
	W(PASSED,                                                              \
	    "ctx-checkpoints ctxcp swa-checkpoints "                           \
	    "LLAMA_ARG_CTX_CHECKPOINTS",                                       \
	    "not needed")                                                      \
	W(PASSED, "kv-unified kvu LLAMA_ARG_KV_UNIFIED", "never so")           \
	W(PASSED, "swa-full LLAMA_ARG_SWA_FULL", "always so")                  \
	W(PASSED, "repack LLAMA_ARG_REPACK", "as --resume needs it")           \
	W(PASSED, "warmup", "not needed")                                      \
	W(PASSED, "fit LLAMA_ARG_FIT", "always so")                            \
	W(PASSED, "prio", "not needed")                                        \
	W(PASSED, "poll", "not needed")                                        \
	W(PASSED, "numa LLAMA_ARG_NUMA", "not supported")                      \
	W(PASSED, "mlock LLAMA_ARG_MLOCK", "not supported")                    \
	W(PASSED, "perf LLAMA_ARG_PERF", "not needed")                         \
	W(PASSED, "slots LLAMA_ARG_ENDPOINT_SLOTS", "always so")               \
	W(PASSED, "offline LLAMA_ARG_OFFLINE", "always so")                    \
	W(REFUSED, "load-mode lm LLAMA_ARG_LOAD_MODE", "say mmap = on or off") \
	W(YES, "jinja LLAMA_ARG_JINJA",                                        \
	    "templates are always read as Jinja; leave it out")                \
	W(REFUSED, "hf-repo hf hfr LLAMA_ARG_HF_REPO",                         \
	    "models of Hugging Face are not fetched; give its file with "      \
	    "model =")                                                         \
	W(REFUSED, "hf-file hff LLAMA_ARG_HF_FILE",                            \
	    "models of Hugging Face are not fetched; give its file with "      \
	    "model =")                                                         \
	W(REFUSED, "model-url mu LLAMA_ARG_MODEL_URL",                         \
	    "nothing is fetched; give its file with model =")                  \
	W(REFUSED, "docker-repo dr LLAMA_ARG_DOCKER_REPO",                     \
	    "nothing is fetched; give its file with model =")                  \
	W(REFUSED, "mmproj-url mmu LLAMA_ARG_MMPROJ_URL",                      \
	    "nothing is fetched")                                              \
	W(REFUSED,                                                             \
	    "model-draft md spec-draft-model LLAMA_ARG_SPEC_DRAFT_MODEL",      \
	    "draft models are not served; leave it out")                       \
	W(REFUSED, "chat-template LLAMA_ARG_CHAT_TEMPLATE",                    \
	    "give the template's file with chat-template-file =")              \
	W(REFUSED, "cache-type-k ctk LLAMA_ARG_CACHE_TYPE_K",                  \
	    "the cache is of 16 bits")                                         \
	W(REFUSED, "cache-type-v ctv LLAMA_ARG_CACHE_TYPE_V",                  \
	    "the cache is of 16 bits")                                         \
	W(REFUSED, "n-predict predict n LLAMA_ARG_N_PREDICT",                  \
	    "requests say it (max_tokens)")                                    \
	W(REFUSED, "temp temperature LLAMA_ARG_TEMPERATURE",                   \
	    "requests say it (temperature)")                                   \
	W(REFUSED, "top-k LLAMA_ARG_TOP_K", "requests say it (top_k)")         \
	W(REFUSED, "top-p LLAMA_ARG_TOP_P", "requests say it (top_p)")         \
	W(REFUSED, "min-p LLAMA_ARG_MIN_P", "requests say it (min_p)")         \
	W(REFUSED, "repeat-penalty LLAMA_ARG_REPEAT_PENALTY",                  \
	    "requests say it (repeat_penalty)")                                \
	W(REFUSED, "presence-penalty LLAMA_ARG_PRESENCE_PENALTY",              \
	    "requests say it (presence_penalty)")                              \
	W(REFUSED, "frequency-penalty LLAMA_ARG_FREQUENCY_PENALTY",            \
	    "requests say it (frequency_penalty)")                             \
	W(REFUSED, "seed s", "requests say it (seed)")                         \
	W(REFUSED, "samplers", "requests say what is sampled")

#endif
