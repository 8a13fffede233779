#include "gguf/types.h"

#include <stddef.h>

/* number in ggml.h, name, elements of a block, bytes of it */
#define TYPES(T)                  \
	T(0, "F32", 1, 4)         \
	T(1, "F16", 1, 2)         \
	T(2, "Q4_0", 32, 18)      \
	T(3, "Q4_1", 32, 20)      \
	T(6, "Q5_0", 32, 22)      \
	T(7, "Q5_1", 32, 24)      \
	T(8, "Q8_0", 32, 34)      \
	T(9, "Q8_1", 32, 36)      \
	T(10, "Q2_K", 256, 84)    \
	T(11, "Q3_K", 256, 110)   \
	T(12, "Q4_K", 256, 144)   \
	T(13, "Q5_K", 256, 176)   \
	T(14, "Q6_K", 256, 210)   \
	T(15, "Q8_K", 256, 292)   \
	T(16, "IQ2_XXS", 256, 66) \
	T(17, "IQ2_XS", 256, 74)  \
	T(18, "IQ3_XXS", 256, 98) \
	T(19, "IQ1_S", 256, 50)   \
	T(20, "IQ4_NL", 32, 18)   \
	T(21, "IQ3_S", 256, 110)  \
	T(22, "IQ2_S", 256, 82)   \
	T(23, "IQ4_XS", 256, 136) \
	T(24, "I8", 1, 1)         \
	T(25, "I16", 1, 2)        \
	T(26, "I32", 1, 4)        \
	T(27, "I64", 1, 8)        \
	T(28, "F64", 1, 8)        \
	T(29, "IQ1_M", 256, 56)   \
	T(30, "BF16", 1, 2)       \
	T(34, "TQ1_0", 256, 54)   \
	T(35, "TQ2_0", 256, 66)   \
	T(39, "MXFP4", 32, 17)    \
	T(40, "NVFP4", 64, 36)    \
	T(41, "Q1_0", 128, 18)    \
	T(42, "Q2_0", 64, 18)

#define TYPE(number, name, block, size) [number] = { name, block, size },
static const struct tensor_type types[] = { TYPES(TYPE) };

/* number in llama.h's enum llama_ftype, name */
#define MIXTURES(M)                 \
	M(0, "all F32")             \
	M(1, "F16")                 \
	M(2, "Q4_0")                \
	M(3, "Q4_1")                \
	M(7, "Q8_0")                \
	M(8, "Q5_0")                \
	M(9, "Q5_1")                \
	M(10, "Q2_K - Medium")      \
	M(11, "Q3_K - Small")       \
	M(12, "Q3_K - Medium")      \
	M(13, "Q3_K - Large")       \
	M(14, "Q4_K - Small")       \
	M(15, "Q4_K - Medium")      \
	M(16, "Q5_K - Small")       \
	M(17, "Q5_K - Medium")      \
	M(18, "Q6_K")               \
	M(19, "IQ2_XXS - 2.06 bpw") \
	M(20, "IQ2_XS - 2.31 bpw")  \
	M(21, "Q2_K - Small")       \
	M(22, "IQ3_XS - 3.3 bpw")   \
	M(23, "IQ3_XXS - 3.06 bpw") \
	M(24, "IQ1_S - 1.56 bpw")   \
	M(25, "IQ4_NL - 4.5 bpw")   \
	M(26, "IQ3_S - 3.44 bpw")   \
	M(27, "IQ3_M - 3.66 bpw")   \
	M(28, "IQ2_S - 2.5 bpw")    \
	M(29, "IQ2_M - 2.7 bpw")    \
	M(30, "IQ4_XS - 4.25 bpw")  \
	M(31, "IQ1_M - 1.75 bpw")   \
	M(32, "BF16")               \
	M(36, "TQ1_0 - 1.69 bpw")   \
	M(37, "TQ2_0 - 2.06 bpw")   \
	M(38, "MXFP4")              \
	M(39, "NVFP4")              \
	M(40, "Q1_0")               \
	M(41, "Q2_0")

#define MIXTURE(number, name) [number] = name,
static const char *const mixtures[] = { MIXTURES(MIXTURE) };

const struct tensor_type *
types_find(uint32_t type)
{
	if (type >= sizeof(types) / sizeof(types[0]) || types[type].block == 0)
		return NULL;
	return &types[type];
}

const char *
types_mixture(uint64_t file_type)
{
	return file_type < sizeof(mixtures) / sizeof(mixtures[0])
	    ? mixtures[file_type]
	    : NULL;
}
