#include "worker/guard.hh"

extern "C" {
#include "worker/tokens.h"
}

#include <cstdint>

int
tokens_make(const struct llama_vocab *vocab, struct str text, llama_token *room,
    uint32_t n, bool add_special, bool parse_special, const char *field,
    int32_t *ret_n, struct fail *why)
{
	return guard::guarded(ERR_INVALID, field, why, [&] {
		guard::budget b(0, guard::TIME_ALONE);

		*ret_n = llama_tokenize(vocab, text.p, int32_t(text.n), room,
		    int32_t(n), add_special, parse_special);
		guard::budget::check();
		return 0;
	});
}
