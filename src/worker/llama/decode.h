/*
 * decode - batches of a model: filled, run, and what comes out of them.
 */
#ifndef WORKER_LLAMA_DECODE_H
#define WORKER_LLAMA_DECODE_H

#include "worker/llama/model.h"

/* Decoding: begin, add tokens, run. wants_row: its logits are asked for. No
 * more than n_batch tokens. */
void model_begin(struct model *m);
void model_add(
    struct model *m, int32_t token, uint32_t pos, int32_t seq, bool wants_row);

/* The same with embeddings: rows of n_embd numbers, which are copied. 0 or
 * ERR_NOMEM. */
int model_begin_embeds(struct model *m) MUST_CHECK;
void model_add_embed(struct model *m, const float *row, uint32_t pos,
    int32_t seq, bool wants_row);

/* With these adapters. 0 or ERR_INTERNAL, with llama.cpp's words in
 * logs_error(). */
int model_run(struct model *m, enum batch_kind kind, enum kernels k,
    const struct adapter_set *set) MUST_CHECK;

/* The logits of the i-th token added; n_vocab of them, to read and change
 * until the next run. */
float *model_row(const struct model *m, int32_t i);

/* Of the batches to come: their hidden states are wanted, and with them every
 * token is one that wants its row. Costs a graph made anew where it changes. */
void model_want_hidden(struct model *m, bool is_wanted);

/* The hidden state of the i-th token added; n_cols floats, until the next run.
 */
const float *model_hidden(const struct model *m, int32_t i);

/* What a ranker makes of the sequence in the batch: n_scores floats. */
const float *model_scores(const struct model *m, int32_t seq);

/* Empties the cache, if it has one. */
void model_clear(struct model *m, bool has_data);

/* Removes the tokens from position from on; 0 or ERR_INTERNAL. */
int model_cut(struct model *m, int32_t seq, uint32_t from) MUST_CHECK;

#endif
