/* rkllm.h has the layout that the library computes with: each size, and the
 * last field of each struct, where a difference before it shows. The library's
 * own is pinned in tests/unit/rkllm/test_abi.c. */
#include "rkllm.h"

#include "rkllm/abi12.h"
#include "rkllm/abi13.h"

#define SAME(ours, theirs, field)                                     \
	_Static_assert(sizeof(ours) == sizeof(struct theirs), #ours); \
	_Static_assert(                                               \
	    offsetof(ours, field) == offsetof(struct theirs, field), #ours)

SAME(RKLLMExtendParam, rkllm_extend_param, reserved);
SAME(RKLLMLoraAdapter, rkllm_lora_adapter, scale);
SAME(RKLLMEmbedInput, rkllm_embed_input, n_tokens);
SAME(RKLLMTokenInput, rkllm_token_input, n_tokens);
SAME(RKLLMLoraParam, rkllm_lora_param, lora_adapter_name);
SAME(RKLLMPromptCacheParam, rkllm_prompt_cache_param, prompt_cache_path);
SAME(RKLLMCrossAttnParam, rkllm_cross_attn_param, num_tokens);
SAME(RKLLMResultLastHiddenLayer, rkllm_hidden, num_tokens);
SAME(RKLLMResultLogits, rkllm_logits, num_tokens);
SAME(RKLLMPerfStat, rkllm_perf, memory_usage_mb);
SAME(RKLLMResult, rkllm_result, perf);
#ifdef RKLLM_1_2
SAME(RKLLMParam, rkllm12_param, img_content);
SAME(RKLLMParam, rkllm12_param, extend_param);
SAME(RKLLMMultiModelInput, rkllm12_multimodal_input, image_height);
SAME(RKLLMInput, rkllm12_input, multimodal_input);
SAME(RKLLMInferParam, rkllm12_infer_param, keep_history);
#else
SAME(RKLLMParam, rkllm13_param, is_async);
SAME(RKLLMParam, rkllm13_param, extend_param);
SAME(RKLLMMultiModalInput, rkllm13_multimodal_input, image.image_height);
SAME(RKLLMMultiModalInput, rkllm13_multimodal_input, video.frame_height);
SAME(RKLLMInput, rkllm13_input, multimodal_input);
SAME(RKLLMSamplingParam, rkllm13_sampling_param, mirostat_eta);
SAME(RKLLMInferParam, rkllm13_infer_param, max_new_tokens);
SAME(RKLLMCallback, rkllm13_callback, embed_userdata);
#endif

int
main(void)
{
	RKLLMParam p = rkllm_createDefaultParam();

	return p.model_path == NULL && p.max_context_len == 512 &&
		p.max_new_tokens == 256 && p.top_k == 40 &&
		p.extend_param.n_batch == 1 &&
		p.extend_param.enabled_cpus_mask == (CPU4 | CPU5 | CPU6 | CPU7)
	    ? 0
	    : 1;
}
