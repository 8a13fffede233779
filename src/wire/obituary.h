/*
 * obituary - what the keeper knows of a death, for bulkhead-autopsy, which
 * writes it down. A packed struct in a memfd: no message.
 */
#ifndef WIRE_OBITUARY_H
#define WIRE_OBITUARY_H

#include "wire/layout.h"

/* Where the helper finds this, and the dead child's page (wire/lastwords.h);
 * that one may be missing. */
#define OBITUARY_FD 3
#define OBITUARY_WORDS_FD 4

#define OBITUARY_MAX (256u * 1024) /* bytes, packed */

/* Behind it the helper leaves a struct jail_report, before it reads anything
 * that the dead child wrote. */
#define OBITUARY_JAIL_AT OBITUARY_MAX

#define OBITUARY_FIELDS(F, S)                                               \
	F(S, str, version, "of Bulkhead")                                   \
	F(S, u8, jail, "enum jail_mode, for who writes it down")            \
	F(S, str, dir, "of the obituaries; made if it is not there")        \
	F(S, u32, files_max, "in dir; the oldest go")                       \
	F(S, u32, bytes_max, "of all of them together")                     \
	F(S, str, id, "its name")                                           \
	F(S, str, process, "\"worker\" or \"front\"")                       \
	F(S, u32, pid, "")                                                  \
	F(S, str, model, "what requests call it; or empty")                 \
	F(S, str, path, "its file; or empty")                               \
	F(S, str, arch, "general.architecture; or empty")                   \
	F(S, str, what, "\"killed by SIGSEGV\"")                            \
	F(S, str, cause, "why the keeper ended it; empty: it did not")      \
	F(S, u8, by_signal, "")                                             \
	F(S, i32, number, "the signal, or the exit status; -1: not known")  \
	F(S, u8, core, "1: a core file was left")                           \
	F(S, u64, died_unix, "seconds")                                     \
	F(S, u64, age_ms, "since it was started")                           \
	F(S, u32, deaths, "of this model's workers, or of fronts, with it") \
	F(S, u64, peak_kib, "resident")                                     \
	F(S, u64, cpu_ms, "")                                               \
	F(S, str, phase, "of the progress page")                            \
	F(S, u32, percent, "of loading")                                    \
	F(S, u32, running, "sequences in slots")                            \
	F(S, u64, n_done, "units of work")                                  \
	F(S, u64, n_tokens, "generated")                                    \
	F(S, u64, n_prompt, "prompt tokens")                                \
	F(S, strs, suspects, "what it had of the front's, see MODEL_SUSPECTS")

LAYOUT_STRUCT(obituary, OBITUARY_FIELDS)

#endif
