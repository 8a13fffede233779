#include "worker/llama/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By libllama's numbers. */
static const enum pooling by_number[] = {
	[LLAMA_POOLING_TYPE_NONE] = POOL_NONE,
	[LLAMA_POOLING_TYPE_MEAN] = POOL_MEAN,
	[LLAMA_POOLING_TYPE_CLS] = POOL_CLS,
	[LLAMA_POOLING_TYPE_LAST] = POOL_LAST,
	[LLAMA_POOLING_TYPE_RANK] = POOL_RANK,
};

static const char *const names[POOL_COUNT] = {
	[POOL_MODEL] = "the model's",
	[POOL_NONE] = "none",
	[POOL_MEAN] = "mean",
	[POOL_CLS] = "cls",
	[POOL_LAST] = "last",
	[POOL_RANK] = "rank",
};

/* "bert.pooling_type"; false: the file has none. */
static bool
get(const struct llama_model *weights, const char *arch, const char *key,
    char *ret, size_t n)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s.%s", arch, key);
	return llama_model_meta_val_str(weights, name, ret, n) >= 0;
}

enum pooling
pool_of_file(const struct llama_model *weights, const char *arch)
{
	char text[16];
	unsigned long number;

	if (!get(weights, arch, "pooling_type", text, sizeof(text)))
		return POOL_MODEL;
	number = strtoul(text, NULL, 10);
	return number < sizeof(by_number) / sizeof(by_number[0])
	    ? by_number[number]
	    : POOL_MODEL;
}

bool
pool_looks_ahead(const struct llama_model *weights, const char *arch)
{
	char text[16];

	return get(weights, arch, "attention.causal", text, sizeof(text)) &&
	    strcmp(text, "false") == 0;
}

const char *
pool_name(enum pooling p)
{
	return p < POOL_COUNT ? names[p] : "unknown";
}

void
pool_add(enum pooling p, float *sum, const float *row, size_t n_cols,
    uint32_t i, uint32_t n)
{
	bool is_one =
	    (p == POOL_CLS && i == 0) || (p == POOL_LAST && i + 1 == n);

	if (is_one)
		memcpy(sum, row, n_cols * sizeof(*sum));
	if (p != POOL_MEAN)
		return;
	for (size_t k = 0; k < n_cols; k++)
		sum[k] += row[k];
	for (size_t k = 0; i + 1 == n && k < n_cols; k++)
		sum[k] /= (float)n;
}

/* What each number is divided by. */
static double
length_of(const float *row, size_t n_cols, int32_t how)
{
	double sum = 0;

	for (size_t k = 0; k < n_cols; k++) {
		float v = fabsf(row[k]);

		if (how == NORMALIZE_MAX)
			sum = (double)v > sum ? (double)v : sum;
		else if (how == NORMALIZE_LENGTH)
			sum += (double)(v * v);
		else
			sum += pow((double)v, how);
	}
	if (how == NORMALIZE_MAX)
		return sum / 32760.0; /* of a 16-bit number */
	return how == NORMALIZE_LENGTH ? sqrt(sum) : pow(sum, 1.0 / how);
}

void
pool_normalize(float *row, size_t n_cols, int32_t how)
{
	double length;
	float by;

	if (how < 0)
		return;
	length = length_of(row, n_cols, how);
	by = length > 0 ? (float)(1.0 / length) : 0;
	for (size_t k = 0; k < n_cols; k++)
		row[k] *= by;
}
