/*
 * inner - the cursor of gguf.h. Only the files of this folder include it.
 */
#ifndef GGUF_INNER_H
#define GGUF_INNER_H

#include "gguf/gguf.h"
#include "gguf/seen.h"

struct gguf {
	gguf_read_fn read;
	void *arg;
	int fd; /* of gguf_open_fd() */
	uint64_t size;
	uint64_t at; /* next byte */
	uint64_t window_at;
	size_t window_n;
	uint32_t version;
	uint64_t n_keys;
	uint64_t n_tensors;
	uint64_t key;	 /* number of the next one, from 0 */
	uint64_t tensor; /* likewise */
	uint64_t alignment;
	uint64_t data; /* bytes of the tensors so far, each padded */
	struct seen keys;
	struct seen tensors;
	enum gguf_kind of; /* elements of the array that is left to read */
	uint64_t n_of;
	char
	    in[GGUF_KEY_MAX + 1]; /* key or tensor that is read, for messages */
	struct fail why;	  /* code 0: nothing is wrong */
	uint8_t window[GGUF_WINDOW];
};

/* why: what is wrong with what is in hand. Returns the first error, which stays,
 * and is copied into f (NULL is allowed). */
int gguf_refuse(struct gguf *g, const char *why, struct fail *f);
int gguf_refuse_number(struct gguf *g, const char *what, uint64_t n,
    const char *why, struct fail *f);

/* A number of n bytes. what is read, for messages: "type of". */
int gguf_read_number(struct gguf *g, size_t n, const char *what, uint64_t *ret,
    struct fail *f) MUST_CHECK;

/* A name, into in; refused when it was seen before. */
int gguf_read_name(struct gguf *g, struct seen *seen, const char *what,
    struct fail *f) MUST_CHECK;

#endif
