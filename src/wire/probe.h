/*
 * probe - what bulkhead-probe finds out about a model's file, for the keeper.
 *
 * It finds the file and memory as the descriptors below. That memory begins
 * with one byte, an enum jail_mode; in its place comes the answer: its length,
 * a u32, then the struct, packed. The keeper reads it once the process is dead,
 * and trusts nothing in it.
 */
#ifndef WIRE_PROBE_H
#define WIRE_PROBE_H

#include "wire/layout.h"

#define PROBE_FILE_FD 3
#define PROBE_ANSWER_FD 4
#define PROBE_MAX (16u * 1024) /* bytes of that memory */

/* The file's name is not told: nothing there needs it. */
#define PROBE_FIELDS(F, S)                                                    \
	F(S, i32, err, "0: it can be served, as far as its head tells")       \
	F(S, str, why, "else: one line")                                      \
	F(S, str, jail, "a struct jail_report of the second stage; or empty") \
	F(S, u32, version, "of GGUF")                                         \
	F(S, str, arch, "general.architecture")                               \
	F(S, str, name, "general.name")                                       \
	F(S, str, quant, "\"Q4_K - Medium\"; or empty")                       \
	F(S, u8, has_template, "1: it carries a chat template")               \
	F(S, u32, split, "number of this part, from 0")                       \
	F(S, u32, n_split, "parts; 0 or 1: it is whole")                      \
	F(S, u32, n_layer, "")                                                \
	F(S, u32, n_ctx_train, "tokens that it was trained on")               \
	F(S, u32, n_embd, "")                                                 \
	F(S, u32, n_head, "the most of a layer")                              \
	F(S, u32, n_head_kv, "the most of a layer")                           \
	F(S, i32s, heads_kv, "of each layer; empty: n_head_kv in all")        \
	F(S, u32, head_k, "numbers of a head's key")                          \
	F(S, u32, head_v, "and of its value")                                 \
	F(S, u32, n_window, "tokens of a sliding window; 0: none")            \
	F(S, u32, n_lora_kv, "rank of latent attention; 0: none")             \
	F(S, u32, n_expert, "")                                               \
	F(S, u32, n_expert_used, "")                                          \
	F(S, u32, n_vocab, "")                                                \
	F(S, u32, ssm_conv, "of a recurrent state; 0: none")                  \
	F(S, u32, ssm_inner, "the same")                                      \
	F(S, u32, ssm_state, "the same")                                      \
	F(S, u32, ssm_group, "the same")                                      \
	F(S, u32, full_every, "layers between those of full attention; 0")    \
	F(S, u64, n_tensors, "")                                              \
	F(S, u64, n_params, "")                                               \
	F(S, u64, n_bytes, "of tensors")

LAYOUT_STRUCT(probe, PROBE_FIELDS)

#endif
