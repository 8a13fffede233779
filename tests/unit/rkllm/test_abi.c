/* The layouts of librkllmrt's structs, size by size and offset by offset. All
 * is said when this is compiled, and abi12.h and abi13.h live side by side. */
#include "rkllm/abi12.h"
#include "rkllm/abi13.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SIZE(st, n) _Static_assert(sizeof(struct st) == (n), #st)
#define AT(st, field, n) \
	_Static_assert(offsetof(struct st, field) == (n), #st "." #field)

SIZE(rkllm_extend_param, 120);
AT(rkllm_extend_param, base_domain_id, 0);
AT(rkllm_extend_param, embed_flash, 4);
AT(rkllm_extend_param, enabled_cpus_num, 5);
AT(rkllm_extend_param, enabled_cpus_mask, 8);
AT(rkllm_extend_param, n_batch, 12);
AT(rkllm_extend_param, use_cross_attn, 13);
AT(rkllm_extend_param, reserved, 14);

/* The head of both. */
#define PARAM_HEAD(st)                 \
	AT(st, model_path, 0);         \
	AT(st, max_context_len, 8);    \
	AT(st, max_new_tokens, 12);    \
	AT(st, top_k, 16);             \
	AT(st, n_keep, 20);            \
	AT(st, top_p, 24);             \
	AT(st, temperature, 28);       \
	AT(st, repeat_penalty, 32);    \
	AT(st, frequency_penalty, 36); \
	AT(st, presence_penalty, 40);  \
	AT(st, mirostat, 44);          \
	AT(st, mirostat_tau, 48);      \
	AT(st, mirostat_eta, 52);      \
	AT(st, skip_special_token, 56)

SIZE(rkllm12_param, 208);
PARAM_HEAD(rkllm12_param);
AT(rkllm12_param, is_async, 57);
AT(rkllm12_param, img_start, 64);
AT(rkllm12_param, img_end, 72);
AT(rkllm12_param, img_content, 80);
AT(rkllm12_param, extend_param, 88);

SIZE(rkllm13_param, 184);
PARAM_HEAD(rkllm13_param);
AT(rkllm13_param, ignore_eos_token, 57);
AT(rkllm13_param, is_async, 58);
AT(rkllm13_param, extend_param, 60);

SIZE(rkllm_lora_adapter, 24);
AT(rkllm_lora_adapter, lora_adapter_path, 0);
AT(rkllm_lora_adapter, lora_adapter_name, 8);
AT(rkllm_lora_adapter, scale, 16);

SIZE(rkllm_embed_input, 16);
AT(rkllm_embed_input, embed, 0);
AT(rkllm_embed_input, n_tokens, 8);

SIZE(rkllm_token_input, 16);
AT(rkllm_token_input, input_ids, 0);
AT(rkllm_token_input, n_tokens, 8);

SIZE(rkllm12_multimodal_input, 48);
AT(rkllm12_multimodal_input, prompt, 0);
AT(rkllm12_multimodal_input, image_embed, 8);
AT(rkllm12_multimodal_input, n_image_tokens, 16);
AT(rkllm12_multimodal_input, n_image, 24);
AT(rkllm12_multimodal_input, image_width, 32);
AT(rkllm12_multimodal_input, image_height, 40);

SIZE(rkllm13_multimodal_input, 144);
AT(rkllm13_multimodal_input, prompt, 0);
AT(rkllm13_multimodal_input, image.image_embed, 8);
AT(rkllm13_multimodal_input, image.n_image_tokens, 16);
AT(rkllm13_multimodal_input, image.n_image, 24);
AT(rkllm13_multimodal_input, image.image_start, 32);
AT(rkllm13_multimodal_input, image.image_end, 40);
AT(rkllm13_multimodal_input, image.image_content, 48);
AT(rkllm13_multimodal_input, image.image_width, 56);
AT(rkllm13_multimodal_input, image.image_height, 64);
AT(rkllm13_multimodal_input, video.video_embed, 72);
AT(rkllm13_multimodal_input, video.n_frame_tokens, 80);
AT(rkllm13_multimodal_input, video.n_frame_per_video, 88);
AT(rkllm13_multimodal_input, video.n_video, 96);
AT(rkllm13_multimodal_input, video.video_start, 104);
AT(rkllm13_multimodal_input, video.video_end, 112);
AT(rkllm13_multimodal_input, video.video_content, 120);
AT(rkllm13_multimodal_input, video.frame_width, 128);
AT(rkllm13_multimodal_input, video.frame_height, 136);

#define INPUT(st)                   \
	AT(st, role, 0);            \
	AT(st, enable_thinking, 8); \
	AT(st, input_type, 12);     \
	AT(st, prompt_input, 16);   \
	AT(st, embed_input, 16);    \
	AT(st, token_input, 16);    \
	AT(st, multimodal_input, 16)

SIZE(rkllm12_input, 64);
INPUT(rkllm12_input);
SIZE(rkllm13_input, 160);
INPUT(rkllm13_input);

SIZE(rkllm_lora_param, 8);
AT(rkllm_lora_param, lora_adapter_name, 0);

SIZE(rkllm_prompt_cache_param, 16);
AT(rkllm_prompt_cache_param, save_prompt_cache, 0);
AT(rkllm_prompt_cache_param, prompt_cache_path, 8);

SIZE(rkllm_cross_attn_param, 40);
AT(rkllm_cross_attn_param, encoder_k_cache, 0);
AT(rkllm_cross_attn_param, encoder_v_cache, 8);
AT(rkllm_cross_attn_param, encoder_mask, 16);
AT(rkllm_cross_attn_param, encoder_pos, 24);
AT(rkllm_cross_attn_param, num_tokens, 32);

SIZE(rkllm13_sampling_param, 36);
AT(rkllm13_sampling_param, top_k, 0);
AT(rkllm13_sampling_param, top_p, 4);
AT(rkllm13_sampling_param, temperature, 8);
AT(rkllm13_sampling_param, repeat_penalty, 12);
AT(rkllm13_sampling_param, frequency_penalty, 16);
AT(rkllm13_sampling_param, presence_penalty, 20);
AT(rkllm13_sampling_param, mirostat, 24);
AT(rkllm13_sampling_param, mirostat_tau, 28);
AT(rkllm13_sampling_param, mirostat_eta, 32);

SIZE(rkllm12_infer_param, 32);
AT(rkllm12_infer_param, mode, 0);
AT(rkllm12_infer_param, lora_params, 8);
AT(rkllm12_infer_param, prompt_cache_params, 16);
AT(rkllm12_infer_param, keep_history, 24);

SIZE(rkllm13_infer_param, 40);
AT(rkllm13_infer_param, mode, 0);
AT(rkllm13_infer_param, lora_params, 8);
AT(rkllm13_infer_param, prompt_cache_params, 16);
AT(rkllm13_infer_param, sampling_params, 24);
AT(rkllm13_infer_param, keep_history, 32);
AT(rkllm13_infer_param, max_new_tokens, 36);

SIZE(rkllm_hidden, 16);
AT(rkllm_hidden, hidden_states, 0);
AT(rkllm_hidden, embd_size, 8);
AT(rkllm_hidden, num_tokens, 12);

SIZE(rkllm_logits, 16);
AT(rkllm_logits, logits, 0);
AT(rkllm_logits, vocab_size, 8);
AT(rkllm_logits, num_tokens, 12);

SIZE(rkllm_perf, 20);
AT(rkllm_perf, prefill_time_ms, 0);
AT(rkllm_perf, prefill_tokens, 4);
AT(rkllm_perf, generate_time_ms, 8);
AT(rkllm_perf, generate_tokens, 12);
AT(rkllm_perf, memory_usage_mb, 16);

SIZE(rkllm_result, 72);
AT(rkllm_result, text, 0);
AT(rkllm_result, token_id, 8);
AT(rkllm_result, last_hidden_layer, 16);
AT(rkllm_result, logits, 32);
AT(rkllm_result, perf, 48);

SIZE(rkllm13_callback, 48);
AT(rkllm13_callback, result_callback, 0);
AT(rkllm13_callback, result_userdata, 8);
AT(rkllm13_callback, tokenizer_callback, 16);
AT(rkllm13_callback, tokenizer_userdata, 24);
AT(rkllm13_callback, embed_callback, 32);
AT(rkllm13_callback, embed_userdata, 40);

/* The numbers that the library and its callers exchange. */
static void
numbers(void **state)
{
	(void)state;
	assert_int_equal(RKLLM_STATE_NORMAL, 0);
	assert_int_equal(RKLLM_STATE_WAITING, 1);
	assert_int_equal(RKLLM_STATE_FINISH, 2);
	assert_int_equal(RKLLM_STATE_ERROR, 3);
	assert_int_equal(RKLLM_GO_ON, 0);
	assert_int_equal(RKLLM_PAUSE, 1);
	assert_int_equal(RKLLM_RELEASE, 2);
	assert_int_equal(RKLLM_IN_PROMPT, 0);
	assert_int_equal(RKLLM_IN_TOKEN, 1);
	assert_int_equal(RKLLM_IN_EMBED, 2);
	assert_int_equal(RKLLM_IN_MULTIMODAL, 3);
	assert_int_equal(RKLLM_MODE_GENERATE, 0);
	assert_int_equal(RKLLM_MODE_HIDDEN, 1);
	assert_int_equal(RKLLM_MODE_LOGITS, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
