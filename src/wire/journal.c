#include "wire/journal.h"

#include "base/hash.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOURNAL_AT(type, member, off)                        \
	_Static_assert(offsetof(struct type, member) == off, \
	    "the journal's layout is fixed: see JOURNAL_VERSION")
#define JOURNAL_SIZE(type, size)                    \
	_Static_assert(sizeof(struct type) == size, \
	    "the journal's layout is fixed: see JOURNAL_VERSION")

JOURNAL_SIZE(journal_top, 72 + JOURNAL_EXTENTS_MAX / 8);
JOURNAL_AT(journal_top, version, 8);
JOURNAL_AT(journal_top, slot, 12);
JOURNAL_AT(journal_top, size, 16);
JOURNAL_AT(journal_top, fields, 24);
JOURNAL_AT(journal_top, pid, 32);
JOURNAL_AT(journal_top, build, 36);
JOURNAL_AT(journal_top, extents, 72);
#define JOURNAL_WORD_AT(off, name, what) JOURNAL_AT(journal_gen, name, off);
JOURNAL_GEN_FIELDS(JOURNAL_WORD_AT)
#undef JOURNAL_WORD_AT
JOURNAL_SIZE(journal_gen, 64);
JOURNAL_SIZE(journal_token, 24);
JOURNAL_AT(journal_token, token, 8);
JOURNAL_AT(journal_token, mu, 12);
JOURNAL_AT(journal_token, flags, 16);
JOURNAL_AT(journal_token, out, 20);
JOURNAL_SIZE(journal_conn, 24);
JOURNAL_AT(journal_conn, intent, 8);
JOURNAL_AT(journal_conn, sent, 16);
JOURNAL_SIZE(journal_slot, JOURNAL_SLOT);
JOURNAL_AT(journal_slot, seq, 4);
JOURNAL_AT(journal_slot, id, 8);
JOURNAL_AT(journal_slot, next, 16);
JOURNAL_AT(journal_slot, used, 20);
JOURNAL_AT(journal_slot, bytes, 64);
JOURNAL_AT(journal_slot, head, 128);

/* A front that was taken over may write what it likes, but not cut the file
 * under the next one, nor let it grow beyond what was allowed. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

LAYOUT_DEFINE(journal_about, JOURNAL_ABOUT_FIELDS)
LAYOUT_DEFINE(journal_origin, JOURNAL_ORIGIN_FIELDS)

int
journal_make(uint64_t size, int *ret_fd)
{
	uint64_t n = size / JOURNAL_EXTENT;
	int fd;

	if (n == 0)
		n = 1;
	if (n > JOURNAL_EXTENTS_MAX)
		n = JOURNAL_EXTENTS_MAX;
	fd = memfd_create("bulkhead-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return ERR_IO;
	if (ftruncate(fd, (off_t)(n * JOURNAL_EXTENT)) != 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		(void)close(fd);
		return ERR_IO;
	}
	*ret_fd = fd;
	return 0;
}

static uint64_t
mix_layout(uint64_t h, const struct layout *l)
{
	for (size_t i = 0; i < l->n_fields; i++) {
		uint8_t kind = (uint8_t)l->fields[i].kind;

		h = hash_more(
		    h, l->fields[i].name, strlen(l->fields[i].name) + 1);
		h = hash_more(h, &kind, sizeof(kind));
	}
	return h;
}

uint64_t
journal_fields(void)
{
#define JOURNAL_WORD_NAME(off, name, what) #off #name " "
	static const char words[] = JOURNAL_GEN_FIELDS(JOURNAL_WORD_NAME);
#undef JOURNAL_WORD_NAME
	uint64_t h = hash_more(HASH_START, words, sizeof(words));

	h = mix_layout(h, &layout_journal_about);
	h = mix_layout(h, &layout_journal_origin);
	return mix_layout(h, &layout_gen_submit);
}
