/*
 * fake - a bulkhead-worker without a model: it speaks the worker's side of the
 * channels, and does what its script says.
 *
 * The k-th token of a generation, from 0, has the id TOKEN_BASE + k and the
 * text "SEED:k ", so that a token lost, sent twice or sent to another client
 * shows. Where rows are wanted, the j-th number of the i-th row is i + j / 1024;
 * a row counts as a token where the script counts those. A prompt's tokens are its bytes. A resume is checked against what an
 * earlier life must have sent, and failed when it differs.
 */
#ifndef FAKE_FAKE_H
#define FAKE_FAKE_H

#include "wire/chan.h"
#include "wire/progress.h"
#include "wire/step.h"

#include "script.h"

#define MAX_GENS 256u
#define TOKEN_BASE 1000
#define MAX_SAVES 16u
#define SLOTS 16u /* where neither the script nor the keeper says */

struct gen {
	uint64_t id;
	uint64_t seed;
	uint32_t n_prompt;
	uint32_t n_out;
	uint32_t n_max;
	uint8_t want_logprobs;
	uint8_t n_tops;
	uint8_t mirostat;
	uint8_t mode;
	bool has_parts; /* its text comes in parts */
	bool is_parked;
	bool is_held;
	bool in_step; /* has a token in the frame being made */
};

struct worker {
	struct script script;
	struct chan *keeper;
	struct chan *front; /* NULL: none */
	struct progress *progress;
	struct worker_load load; /* strings are not kept */
	char path[4096];
	struct gen gens[MAX_GENS];
	struct {
		uint32_t id;
		int fd;
	} saves[MAX_SAVES]; /* id 0: free */
	uint32_t n_gens;
	uint64_t ready_at; /* clock_ms(); 0: nothing to load */
	uint64_t step_at;
	bool is_ready;
	bool is_stalled;
};

/* Packs the parts of g's next token, whose text that is. */
void parts_of(const struct script *s, const struct gen *g, struct str text,
    struct buf *out);

/* Packs the next token of g. */
void gen_step(struct worker *w, const struct gen *g, struct buf *out);

/* Does what the script wants there. g may be NULL. k: of AT_FRAME, AT_TOKEN.
 * prompt: of AT_PROMPT. True if the generation was failed by it. */
bool fault_at(struct worker *w, enum place place, struct gen *g, uint32_t k,
    struct str prompt);

/* An attached file has one line more than "GGUF": what its reader does. "fail
 * TEXT" is left to the caller: true, and text has it. */
bool fault_of_file(struct worker *w, int fd, char *text, size_t n);

#endif
