/*
 * cachefile - the format of prompt caches: what a model has computed of a
 * prompt, in a file that a later process may begin with.
 *
 *   struct cachefile_head     who wrote it, and how long everything is
 *   about                     struct cachefile_about, packed
 *   tokens                    int32 each, all of the prompt
 *   state                     libllama's, of the first n_state of them
 *   digest                    SHA-256 of all before
 *
 * Numbers are in the machine's byte order; another's magic is not ours.
 * Nothing here is trusted: only a file that is just so long as it says, and
 * whose digest is right, is looked into, and its state only where everything
 * that computed it is what it is now.
 */
#ifndef WIRE_CACHEFILE_H
#define WIRE_CACHEFILE_H

#include "wire/layout.h"

#define CACHEFILE_MAGIC 0x4843435041434b42u /* "BKCAPCCH", little-endian */
#define CACHEFILE_VERSION 1u
#define CACHEFILE_DIGEST 32u /* bytes */
#define CACHEFILE_ABOUT_MAX (16u * 1024)
#define CACHEFILE_TOKENS_MAX (1u << 24)

struct cachefile_head {
	uint64_t magic;
	uint32_t version;
	uint32_t n_about; /* bytes */
	uint32_t n_tokens;
	uint32_t n_state; /* of the tokens */
	uint64_t state;	  /* bytes */
	uint64_t size;	  /* of the whole file */
};

#define CACHEFILE_ABOUT_FIELDS(F, S)                                         \
	F(S, str, model, "digest of the model's file: its size and parts")   \
	F(S, str, name, "of the model, for people")                          \
	F(S, str, engine, "what the state's bytes depend on: build, device") \
	F(S, str, adapters, "digest and scale of each that was applied")     \
	F(S, u8, rule, "enum plan_rule, by which it was computed")           \
	F(S, u32, chunk, "of the schedule")                                  \
	F(S, i32s, turns, "of the schedule")                                 \
	F(S, u32, n_prompt, "of the schedule: where the last prompt ends")

LAYOUT_STRUCT(cachefile_about, CACHEFILE_ABOUT_FIELDS)

/* Where the parts are. */
struct cachefile_parts {
	uint64_t about;
	uint64_t tokens;
	uint64_t state;
	uint64_t digest;
};

/* Fills in magic, version and size. ERR_TOO_BIG where a part is too long. */
int cachefile_plan(struct cachefile_head *h, struct cachefile_parts *ret)
    MUST_CHECK;

/* The first bytes of a file of that size. 0; ERR_FILE with what is wrong, as
 * words to put behind the file's name. */
int cachefile_check(const void *p, size_t n, uint64_t size,
    struct cachefile_head *ret, struct cachefile_parts *parts, struct fail *f)
    MUST_CHECK;

/* What stands at parts.about and parts.tokens of a file whose digest is right;
 * p must be aligned to 4 bytes and stay. 0, or ERR_FILE as above. */
int cachefile_read_about(const struct cachefile_head *h, const void *p,
    struct cachefile_about *ret, struct fail *f) MUST_CHECK;

#endif
