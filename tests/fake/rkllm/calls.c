/* The calls that are no run. */
#include "fake.h"

#include <stdio.h>
#include <string.h>

rkllm_get_kv_cache_size_fn rkllm_get_kv_cache_size;
rkllm_load_lora_fn rkllm_load_lora;
rkllm_set_chat_template_fn rkllm_set_chat_template;
rkllm_set_function_tools_fn rkllm_set_function_tools;
#ifndef FAKE_WITHOUT_SOME
rkllm_load_prompt_cache_fn rkllm_load_prompt_cache;
rkllm_release_prompt_cache_fn rkllm_release_prompt_cache;
#endif

int
rkllm_get_kv_cache_size(void *handle, int *cache_sizes)
{
	const struct fake *f = handle;

	cache_sizes[0] = f->n_all;
	return 0;
}

int
rkllm_load_lora(void *handle, struct rkllm_lora_adapter *adapter)
{
	struct fake *f = handle;
	FILE *file = fopen(adapter->lora_adapter_path, "r");
	char word[5] = "";

	if (file == NULL || f->n_loras == 64)
		return -1;
	(void)!fread(word, 1, 4, file);
	(void)fclose(file);
	if (strcmp(word, "LORA") != 0)
		return -1;
	(void)snprintf(f->loras[f->n_loras++], sizeof(f->loras[0]), "%s",
	    adapter->lora_adapter_name);
	return 0;
}

int
rkllm_set_chat_template(void *handle, const char *system_prompt,
    const char *prompt_prefix, const char *prompt_postfix)
{
	struct fake *f = handle;

	if (system_prompt == NULL || prompt_prefix == NULL ||
	    prompt_postfix == NULL)
		return -1;
	(void)snprintf(f->system, sizeof(f->system), "%s", system_prompt);
	return 0;
}

int
rkllm_set_function_tools(void *handle, const char *system_prompt,
    const char *tools, const char *tool_response_str)
{
	struct fake *f = handle;

	(void)snprintf(f->system, sizeof(f->system), "%.8s+%.24s+%.16s",
	    system_prompt, tools, tool_response_str);
	return 0;
}

#ifndef FAKE_WITHOUT_SOME
int
rkllm_load_prompt_cache(void *handle, const char *path)
{
	struct fake *f = handle;
	FILE *file = fopen(path, "r");
	int n = 0;
	int ok = file != NULL && fscanf(file, "CACHE %d", &n) == 1;

	if (file != NULL)
		(void)fclose(file);
	f->cache = ok ? n : 0;
	return ok ? 0 : -1;
}

int
rkllm_release_prompt_cache(void *handle)
{
	struct fake *f = handle;
	int had = f->cache;

	f->cache = 0;
	return had != 0 ? 0 : -1;
}
#endif
