/*
 * gguf - walks the head of a GGUF file (ggml's docs/gguf.md): its keys, then
 * its tensors. Nothing in it is trusted, and nothing is allocated by what it
 * says: the file goes through a window of fixed size, and what is kept is cut.
 *
 *	gguf_open, then gguf_key until ERR_EOF, then gguf_tensor until ERR_EOF
 *
 * Every function that takes a struct fail returns 0, ERR_EOF at an end,
 * ERR_NOMEM, or ERR_LOAD_FAILED with one line that says what is wrong and
 * where; after that nothing more can be read.
 */
#ifndef GGUF_GGUF_H
#define GGUF_GGUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define GGUF_WINDOW (64u * 1024)
#define GGUF_KEY_MAX 128u    /* bytes; longer ones are cut */
#define GGUF_TEXT_MAX 256u   /* bytes of a text that are kept */
#define GGUF_KEYS_MAX 65536u /* more are refused */
#define GGUF_TENSORS_MAX 65536u
#define GGUF_HEAD_MAX (1ull << 30) /* bytes before the tensors' data */
#define GGUF_DIMS 4u

enum gguf_kind {
	GGUF_U8,
	GGUF_I8,
	GGUF_U16,
	GGUF_I16,
	GGUF_U32,
	GGUF_I32,
	GGUF_F32,
	GGUF_BOOL,
	GGUF_TEXT,
	GGUF_ARRAY,
	GGUF_U64,
	GGUF_I64,
	GGUF_F64,
	GGUF_NKINDS
};

/* Reads up to n bytes of the file from there on; how many came. */
typedef size_t (*gguf_read_fn)(void *arg, void *p, size_t n, uint64_t from);

struct gguf_value {
	char key[GGUF_KEY_MAX + 1]; /* "" for an element of an array */
	enum gguf_kind kind;
	uint64_t number; /* whole ones; those below 0 as two's complement */
	double real;	 /* F32 and F64 */
	uint64_t n;	 /* TEXT: bytes; ARRAY: elements */
	char text[GGUF_TEXT_MAX + 1]; /* what is kept of a TEXT */
	enum gguf_kind of;	      /* ARRAY: what its elements are */
};

struct gguf_tensor {
	char name[GGUF_KEY_MAX + 1];
	uint32_t n_dims;
	uint64_t dims[GGUF_DIMS]; /* 1 beyond n_dims */
	uint32_t type;		  /* ggml's */
	uint64_t n_elements;
	uint64_t n_bytes;
	uint64_t offset; /* from the beginning of the data */
};

struct gguf;

/* size: of the file. *ret is freed with gguf_close(); untouched on failure. */
int gguf_open(gguf_read_fn read, void *arg, uint64_t size, struct gguf **ret,
    struct fail *f) MUST_CHECK;

/* The same for a file that is open; its position is not used. */
int gguf_open_fd(int fd, struct gguf **ret, struct fail *f) MUST_CHECK;

/* NULL is allowed. */
void gguf_close(struct gguf *g);

uint32_t gguf_version(const struct gguf *g);
uint64_t gguf_n_tensors(const struct gguf *g);

/* The next key; what is left of an array before it is passed over. */
int gguf_key(struct gguf *g, struct gguf_value *ret, struct fail *f) MUST_CHECK;

/* The next element of the array that gguf_key() came to. */
int gguf_element(struct gguf *g, struct gguf_value *ret, struct fail *f)
    MUST_CHECK;

/* The next tensor. At the end all of their data is known to be in the file. */
int gguf_tensor(struct gguf *g, struct gguf_tensor *ret, struct fail *f)
    MUST_CHECK;

/* Where the tensors' data begins; after their end. */
uint64_t gguf_data_at(const struct gguf *g);

/* Whether it is a whole number, of 0 or more. */
bool gguf_is_count(const struct gguf_value *v);

#endif
