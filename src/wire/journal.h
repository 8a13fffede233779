/*
 * journal - how everything that a running request needs lies in memory that
 * outlives the front: fixed-size slots in a memfd, which the keeper makes and
 * hands to each front in turn. Only fronts map it. docs/IPC.md tells who may
 * do what with it.
 *
 * Slot 0 is the top; it says who wrote the rest and which extents of slots are
 * in use. A generation is one slot of kind JOURNAL_GEN and three chains that
 * start there: its text (the rest of what did not fit into the first slot), its
 * prompt (how many turns it goes on from, their ends, its token ids), its tokens. Slots of a chain have the kind and the id of
 * what they belong to and count up from where it starts.
 *
 * What counts at a death at any instruction: data is written first, then one
 * word that makes it valid is stored with release order.
 *   - a generation begins when its slot's kind becomes JOURNAL_GEN, its text
 *     being whole by then, and ends when it becomes JOURNAL_FREE: one store;
 *   - a slot joins a chain when the number of it is stored in the one before,
 *     or in the generation: it is whole by then, with its first data;
 *   - data at the end of a chain counts when used says so.
 * A slot that cannot be reached so is free, whatever its bytes are.
 *
 * Numbers are in the machine's byte order. The layout may be changed only
 * together with JOURNAL_VERSION; a change in a list of fields that is packed
 * into the text shows in journal_fields(). A reader refuses what it does not
 * know, so it never takes one thing for another.
 */
#ifndef WIRE_JOURNAL_H
#define WIRE_JOURNAL_H

#include "wire/msg.h"

#include <stdatomic.h>

#define JOURNAL_MAGIC 0x4c4e524a484b4c42u /* "BLKHJRNL" */
#define JOURNAL_VERSION 3u

#define JOURNAL_SLOT 4096u	  /* bytes */
#define JOURNAL_EXTENT (1u * MIB) /* memory is taken and given back so */
#define JOURNAL_EXTENT_SLOTS (JOURNAL_EXTENT / JOURNAL_SLOT)
#define JOURNAL_EXTENTS_MAX 16384u

enum journal_kind {
	JOURNAL_FREE,
	JOURNAL_GEN,
	JOURNAL_TEXT,
	JOURNAL_PROMPT,
	JOURNAL_TOKENS,
	JOURNAL_CONN,
	JOURNAL_ORIGIN,
};

struct journal_top {
	_Atomic uint64_t magic; /* stored last; 0: never written */
	uint32_t version;
	uint32_t slot;	 /* JOURNAL_SLOT */
	uint64_t size;	 /* of the file; bytes */
	uint64_t fields; /* journal_fields() of who writes */
	uint32_t pid;	 /* of who writes, for logs */
	char build[36];	 /* its version, for logs */
	_Atomic uint64_t extents[JOURNAL_EXTENTS_MAX / 64]; /* in use: bits */
};

/* The words of a generation that change, each a uint32_t: offset, name, what.
 * More of what a request is stands in struct journal_about and in GEN_SUBMIT;
 * what a new front can do without in src/front/gen.c. */
#define JOURNAL_GEN_FIELDS(F)                                             \
	F(0, state, "enum gen_state")                                     \
	F(4, deaths, "of its workers since the last token")               \
	F(8, is_parked, "its reader is slow")                             \
	F(12, is_cancelled, "its owner has asked for the end")            \
	F(16, was_started, "its owner has heard of the start")            \
	F(20, class, "enum resume_mode that still holds")                 \
	F(24, origin, "slot of what computes it; 0: never with a worker") \
	F(28, prompt, "first slot of its ids; 0: not known yet")          \
	F(32, tokens, "first slot of the tokens; 0: none yet")            \
	F(36, n_about, "bytes at the text's start: packed journal_about") \
	F(40, n_record,                                                   \
	    "bytes from the next multiple of 4: packed GEN_SUBMIT")       \
	F(44, n_calls, "of tools, that its owner has heard of")           \
	F(48, rows, "of the prompt, that its owner has got")

#define JOURNAL_WORD(off, name, what) _Atomic uint32_t name;
struct journal_gen {
	JOURNAL_GEN_FIELDS(JOURNAL_WORD)
	uint32_t reserved[3]; /* 0 */
};
#undef JOURNAL_WORD

enum journal_protocol { PROTOCOL_NONE, PROTOCOL_HTTP, PROTOCOL_RPC };

/* What was true when it began, packed by layout. */
#define JOURNAL_ABOUT_FIELDS(F, S)                                   \
	F(S, u32, model, "the keeper's id of it")                    \
	F(S, str, name, "of the model")                              \
	F(S, u8, protocol, "enum journal_protocol")                  \
	F(S, u8, dialect, "HTTP: enum dialect_id")                   \
	F(S, u8, is_stream, "answered token by token")               \
	F(S, u8, wants_usage, "HTTP: the last event has the counts") \
	F(S, str, request, "HTTP: the answer's id; RPC: the call's") \
	F(S, u64, created, "HTTP: the answer's time; Unix seconds")  \
	F(S, u32, index, "HTTP: which choice of the answer")         \
	F(S, u32, n_choices, "HTTP: of the answer")                  \
	F(S, u64, conn, "id of its client's connection")             \
	F(S, u32, conn_slot, "where that connection's counts are")   \
	F(S, u64, out_start, "bytes made for the connection before it")

LAYOUT_STRUCT(journal_about, JOURNAL_ABOUT_FIELDS)

/* What computes a generation's tokens: a chain of kind JOURNAL_ORIGIN that
 * begins with used bytes of this, packed; shared by generations. */
#define JOURNAL_ORIGIN_FIELDS(F, S)                              \
	F(S, u32, model, "the keeper's id of it")                \
	F(S, str, name, "of the model")                          \
	F(S, str, path, "of the model")                          \
	F(S, str, file, "which file: device, inode, size, time") \
	F(S, str, identity, "MODEL_STATE's: build, backend, threads")

LAYOUT_STRUCT(journal_origin, JOURNAL_ORIGIN_FIELDS)

#define JOURNAL_HAS_MU 1u
#define JOURNAL_HAS_HASH 2u

struct journal_token {
	uint64_t hash; /* of the logits that it was drawn from */
	int32_t token;
	float mu;	/* mirostat's state after it */
	uint32_t flags; /* which of the two are there */
	/* Bytes made for the connection when this token's were among them,
	 * the low 32 bits; with struct journal_conn it tells what of the
	 * stream is out. Set after the token counts. */
	_Atomic uint32_t out;
};

/* Bytes of a connection's output since it was accepted. Made of them, handed
 * to the kernel for sure, and maybe. After a death the truth is between sent
 * and intent; for TCP the socket knows it. */
struct journal_conn {
	_Atomic uint64_t made;
	_Atomic uint64_t intent;
	_Atomic uint64_t sent;
};

struct journal_slot {
	_Atomic uint32_t kind;
	uint32_t seq;	       /* in its chain, from 0 */
	uint64_t id;	       /* of the generation or the connection */
	_Atomic uint32_t next; /* slot of the chain; 0: the last */
	_Atomic uint32_t used; /* bytes of data that count */
	uint32_t reserved[10]; /* 0 */
	union {
		struct {
			struct journal_gen gen;
			uint8_t head[JOURNAL_SLOT - 128]; /* of the text */
		};
		struct journal_conn conn;
		uint8_t bytes[JOURNAL_SLOT - 64];
		int32_t ids[(JOURNAL_SLOT - 64) / 4];
		struct journal_token tokens[(JOURNAL_SLOT - 64) / 24];
	};
};

#define JOURNAL_DATA (JOURNAL_SLOT - 64u)  /* bytes a slot holds */
#define JOURNAL_HEAD (JOURNAL_SLOT - 128u) /* ... of text, the first one */
#define JOURNAL_TOKENS_EACH (JOURNAL_DATA / 24u)

/* An empty journal of that many bytes at most (cut to whole extents, at least
 * one): a memfd that nobody can make smaller or larger, close-on-exec. It takes
 * memory only where it is written. 0 or ERR_IO. */
int journal_make(uint64_t size, int *ret_fd) MUST_CHECK;

/* A number made of the names and kinds of all packed fields: where it is
 * another, they mean something else. */
uint64_t journal_fields(void);

#endif
