#include "check.h"

#include <llama.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define STEPS 16
#define PROMPT_MAX 64

struct trial {
	const char *path;
	struct llama_model *model;
	struct llama_adapter_lora *lora;
	struct llama_context *ctx;
	const struct llama_vocab *vocab;
};

static int
complain(const struct trial *t, const char *what)
{
	fprintf(stderr, "mkmodel: %s: %s\n", t->path, what);
	return -1;
}

static int
open_trial(struct trial *t, const char *adapter)
{
	struct llama_model_params mp = llama_model_default_params();
	struct llama_context_params cp = llama_context_default_params();
	float one = 1;

	t->model = llama_model_load_from_file(t->path, mp);
	if (t->model == NULL)
		return complain(t, "does not load");
	t->vocab = llama_model_get_vocab(t->model);
	cp.n_ctx = 2 * PROMPT_MAX;
	cp.n_threads = cp.n_threads_batch = 1;
	cp.embeddings = llama_vocab_type(t->vocab) == LLAMA_VOCAB_TYPE_WPM;
	t->ctx = llama_init_from_model(t->model, cp);
	if (t->ctx == NULL)
		return complain(t, "no context");
	if (adapter == NULL)
		return 0;
	t->lora = llama_adapter_lora_init(t->model, adapter);
	if (t->lora == NULL ||
	    llama_set_adapters_lora(t->ctx, &t->lora, 1, &one) != 0)
		return complain(t, "the adapter does not fit");
	return 0;
}

static void
close_trial(struct trial *t)
{
	if (t->ctx != NULL)
		llama_free(t->ctx);
	if (t->lora != NULL)
		llama_adapter_lora_free(t->lora);
	if (t->model != NULL)
		llama_model_free(t->model);
}

/* The likeliest token, or -1 if a logit is not finite. Also tells the mean
 * square, of which the deviation of the logits is the root. */
static llama_token
likeliest(const float *logits, int32_t n, double *ret_square)
{
	int32_t best = 0;
	double square = 0;

	for (int32_t i = 0; i < n; i++) {
		if (!isfinite(logits[i]))
			return -1;
		square += (double)logits[i] * logits[i];
		if (logits[i] > logits[best])
			best = i;
	}
	*ret_square = square / n;
	return best;
}

static int
try_decoding(struct trial *t, llama_token *tokens, int32_t n)
{
	int32_t n_vocab = llama_vocab_n_tokens(t->vocab);
	double square = 0;
	llama_token next;

	printf("%s: %.1f M parameters; tokens", t->path,
	    (double)llama_model_n_params(t->model) / 1e6);
	for (int i = 0; i < STEPS; i++) {
		if (llama_decode(t->ctx, llama_batch_get_one(tokens, n)) != 0)
			return complain(t, "does not decode");
		next = likeliest(
		    llama_get_logits_ith(t->ctx, -1), n_vocab, &square);
		if (next < 0)
			return complain(t, "a logit is not finite");
		printf(" %d", next);
		tokens[0] = next;
		n = 1;
	}
	printf("; deviation of the logits %.1f\n", sqrt(square));
	return 0;
}

static int
try_embedding(struct trial *t, llama_token *tokens, int32_t n)
{
	int32_t dims = llama_model_n_embd(t->model);
	const float *e;
	double square = 0;

	if (llama_encode(t->ctx, llama_batch_get_one(tokens, n)) != 0)
		return complain(t, "does not encode");
	e = llama_get_embeddings_seq(t->ctx, 0);
	if (e == NULL)
		return complain(t, "no embedding");
	for (int32_t i = 0; i < dims; i++)
		square += (double)e[i] * e[i];
	if (!isfinite(square) || square <= 0)
		return complain(t, "an embedding without a finite length");
	printf("%s: %.1f M parameters; embedding of length %.2f\n", t->path,
	    (double)llama_model_n_params(t->model) / 1e6, sqrt(square));
	return 0;
}

int
check_model(const char *path, const char *adapter)
{
	static const char text[] =
	    "A lantern by the harbour, 12 boats. \xc3\xa9";
	struct trial t = { .path = path };
	llama_token tokens[PROMPT_MAX];
	int32_t n;
	int rc = -1;

	llama_backend_init();
	if (open_trial(&t, adapter) != 0)
		goto out;
	n = llama_tokenize(t.vocab, text, (int32_t)strlen(text), tokens,
	    PROMPT_MAX, true, false);
	if (n <= 0)
		complain(&t, "does not tokenize");
	else if (llama_vocab_type(t.vocab) == LLAMA_VOCAB_TYPE_WPM)
		rc = try_embedding(&t, tokens, n);
	else
		rc = try_decoding(&t, tokens, n);
out:
	close_trial(&t);
	llama_backend_free();
	return rc;
}
