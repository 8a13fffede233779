/*
 * describe - what is known of a model once a worker has loaded it: a part of
 * WORKER_READY and of MODEL_STATE.
 */
#ifndef WIRE_DESCRIBE_H
#define WIRE_DESCRIBE_H

/* Bytes of a chat template that is shown. */
#define TEMPLATE_SHOWN (96u << 10)
#define MODEL_DESCRIPTION_FIELDS(F, S)                                   \
	F(S, str, arch, "general.architecture")                          \
	F(S, str, desc, "llama.cpp's one-line description")              \
	F(S, u32, n_ctx, "tokens a sequence may hold")                   \
	F(S, u32, n_ctx_train, "tokens the model was trained on")        \
	F(S, u32, n_ctx_most, "what clients may ask for; 0: not known")  \
	F(S, u32, n_seq, "sequences at once")                            \
	F(S, u32, n_vocab, "")                                           \
	F(S, u32, n_embd, "")                                            \
	F(S, u32, n_embd_in, "numbers of an embedding; 0: takes none")   \
	F(S, u8, any_embd, "1: or what clients say, for it cannot tell") \
	F(S, u8, cross_attn, "1: takes an encoder's keys and values")    \
	F(S, u32, n_embd_out, "floats of a row of MODE_HIDDEN")          \
	F(S, u32, n_threads, "chosen for decoding")                      \
	F(S, u32, n_threads_batch, "chosen for prefill")                 \
	F(S, u32, chunk, "N of the canonical schedule; tokens")          \
	F(S, u8, exact, "1: the self-test of exact resume has passed")   \
	F(S, str, identity,                                              \
	    "what the bits of its logits depend on beside the file:"     \
	    " build, backend, threads, chunk, attention, KV types")      \
	F(S, u8, has_template, "1: the file carries a chat template")    \
	F(S, u8, pooling, "enum pooling; 0: it says none")               \
	F(S, u8, only_embeds,                                            \
	    "1: it generates nothing; n_ctx has one "                    \
	    "token more than a prompt of it")                            \
	F(S, u8, embeds, "1: MODE_EMBED can be had")                     \
	F(S, u8, ranks, "1: MODE_RANK can")                              \
	F(S, u8, has_infill, "1: INPUT_INFILL can")                      \
	F(S, str, chat_template, "its text, unless it is very long")     \
	F(S, str, template_caps, "JSON: what it can show; or empty")     \
	F(S, str, bos, "the text of the token that begins a text")       \
	F(S, str, eos, "and of that which ends it")                      \
	F(S, u64, n_params, "")                                          \
	F(S, u64, size, "bytes of tensors")                              \
	F(S, u32, load_ms, "from descriptor to ready")

#endif
