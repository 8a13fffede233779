/*
 * msg - every message that passes between keeper, front and worker.
 *
 * MSG_TABLE is the whole protocol: who may send what to whom, how large it may
 * be and how many descriptors ride along. chan.c refuses anything else, and a
 * refused message ends the channel: the peer is broken or taken over.
 * docs/IPC.md tells in which order they come.
 */
#ifndef WIRE_MSG_H
#define WIRE_MSG_H

#include "wire/describe.h"
#include "wire/layout.h"
#include "wire/mode.h"
#include "wire/who.h"

enum proc {
	PROC_KEEPER = 1,
	PROC_FRONT,
	PROC_WORKER,
};

#define KIB 1024u
#define MIB (1024u * 1024u)

/* name, struct or "steps" (packed by hand, wire/step.h), from, to, size
 * ceiling of the payload in bytes, descriptors that may ride along */
#define MSG_TABLE(M)                                                        \
	/* what the front may use and must obey; first message it gets */   \
	M(FRONT_CONFIG, front_config, KEEPER, FRONT, 16 * KIB, 0)           \
	/* memory for what runs, with what the front before left in it */   \
	M(FRONT_JOURNAL, front_journal, KEEPER, FRONT, 256, 1)              \
	/* a listening socket, one each */                                  \
	M(FRONT_LISTEN, front_listen, KEEPER, FRONT, 4 * KIB, 1)            \
	/* API keys, whole: so many FRONT_KEY follow, and then they hold */ \
	M(FRONT_KEYS, front_keys, KEEPER, FRONT, 256, 0)                    \
	M(FRONT_KEY, front_key, KEEPER, FRONT, 16 * KIB, 0)                 \
	/* a file of TLS's: first the certificates, then their key */       \
	M(FRONT_TLS, front_tls, KEEPER, FRONT, 4 * KIB, 1)                  \
	/* who came in where the keeper accepts; the connection */          \
	M(FRONT_CLIENT, front_client, KEEPER, FRONT, 256, 1)                \
	/* take no new work; finish or end what runs; then FRONT_DRAINED */ \
	M(FRONT_DRAIN, front_drain, KEEPER, FRONT, 256, 0)                  \
	/* the processes, for `bulkhead status` */                          \
	M(KEEPER_STATUS, keeper_status, KEEPER, FRONT, 16 * KIB, 0)         \
	/* nothing but a reason to turn its loop once */                    \
	M(FRONT_NUDGE, front_nudge, KEEPER, FRONT, 256, 0)                  \
	/* a model's state changed; up: a fresh channel to its worker */    \
	M(MODEL_STATE, model_state, KEEPER, FRONT, 192 * KIB, 1)            \
	/* how far one is that loads */                                     \
	M(MODEL_LOADING, model_loading, KEEPER, FRONT, 256, 0)              \
	/* what its jail holds; before it has read a client's byte */       \
	M(FRONT_JAILED, jailed, FRONT, KEEPER, 256, 0)                      \
	M(FRONT_READY, front_ready, FRONT, KEEPER, 256, 0)                  \
	/* whether the files of FRONT_TLS are good */                       \
	M(FRONT_TLS_SEEN, front_tls_seen, FRONT, KEEPER, 4 * KIB, 0)        \
	M(FRONT_DRAINED, front_drained, FRONT, KEEPER, 256, 0)              \
	/* a FRONT_CLIENT was dealt with: one more may come */              \
	M(FRONT_TOOK, front_took, FRONT, KEEPER, 256, 0)                    \
	/* somebody wants this file served; answered by MODEL_STATE */      \
	M(MODEL_WANT, model_want, FRONT, KEEPER, 16 * KIB, 0)               \
	/* nobody uses this model any more */                               \
	M(MODEL_DROP, model_drop, FRONT, KEEPER, 256, 0)                    \
	/* who asked under this number has gone: no answer is owed */       \
	M(MODEL_UNWANT, model_unwant, FRONT, KEEPER, 256, 0)                \
	/* nothing here needs its worker: it may go; KNOWN answers */       \
	M(MODEL_LET_GO, model_let_go, FRONT, KEEPER, 256, 0)                \
	/* how many of those there should be, for others that wait */       \
	M(ROOM_WANTED, room_wanted, KEEPER, FRONT, 256, 0)                  \
	/* nobody has that one any more, which is_retired */                \
	M(MODEL_EMPTY, model_empty, FRONT, KEEPER, 256, 0)                  \
	/* somebody wants the configuration read anew */                    \
	M(RELOAD_WANT, reload_want, FRONT, KEEPER, 256, 0)                  \
	/* what came of that */                                             \
	M(RELOADED, reloaded, KEEPER, FRONT, 4 * KIB, 0)                    \
	/* its worker owes tokens and is silent; again while it is */       \
	M(MODEL_WAITING, model_waiting, FRONT, KEEPER, 256, 0)              \
	/* its worker broke the protocol: kill it */                        \
	M(MODEL_BROKEN, model_broken, FRONT, KEEPER, 256, 0)                \
	/* its worker is gone, and this is what it had; for the obituary */ \
	M(MODEL_SUSPECTS, model_suspects, FRONT, KEEPER, 64 * KIB, 0)       \
	/* a request was found to have killed its workers */                \
	M(MODEL_PARDON, model_pardon, FRONT, KEEPER, 256, 0)                \
	/* how strong its adapters are for requests that do not say */      \
	M(MODEL_SCALES, model_scales, FRONT, KEEPER, 256, 0)                \
	/* a client wants a file beside a model; MODEL_ATTACHED answers */  \
	M(MODEL_ATTACH, model_attach, FRONT, KEEPER, 16 * KIB, 0)           \
	/* one user of it less */                                           \
	M(MODEL_DETACH, model_detach, FRONT, KEEPER, 256, 0)                \
	/* the worker has it; or why not; or that it is lost */             \
	M(MODEL_ATTACHED, model_attached, KEEPER, FRONT, 16 * KIB, 0)       \
	/* what became of a prompt cache that was to be written */          \
	M(MODEL_SAVED, model_saved, KEEPER, FRONT, 4 * KIB, 0)              \
	/* a LoRA adapter of the model that comes next; its file */         \
	M(WORKER_ADAPTER, worker_adapter, KEEPER, WORKER, 16 * KIB, 1)      \
	/* a further file of the model that comes next; its descriptor */   \
	M(WORKER_PART, worker_part, KEEPER, WORKER, 256, 1)                 \
	/* the model to load; the file's descriptor */                      \
	M(WORKER_LOAD, worker_load, KEEPER, WORKER, 64 * KIB, 1)            \
	/* the worker's end of a fresh channel to the front */              \
	M(WORKER_CHANNEL, worker_channel, KEEPER, WORKER, 256, 1)           \
	/* what its jail holds; before the model's first byte */            \
	M(WORKER_JAILED, jailed, WORKER, KEEPER, 256, 0)                    \
	M(WORKER_READY, worker_ready, WORKER, KEEPER, 192 * KIB, 0)         \
	/* a file beside the model that runs; each is answered, in turn */  \
	M(WORKER_ATTACH, worker_attach, KEEPER, WORKER, 16 * KIB, 1)        \
	M(WORKER_DETACH, worker_detach, KEEPER, WORKER, 256, 0)             \
	M(WORKER_ATTACHED, worker_attached, WORKER, KEEPER, 4 * KIB, 0)     \
	/* what is attached to be written is, as far as it is ours */       \
	M(WORKER_SAVED, worker_saved, WORKER, KEEPER, 4 * KIB, 0)           \
	/* cannot serve this model: says why, then exits */                 \
	M(WORKER_FAILED, worker_failed, WORKER, KEEPER, 4 * KIB, 0)         \
	/* one generation, whole: everything a worker needs */              \
	M(GEN_SUBMIT, gen_submit, FRONT, WORKER, 64 * MIB, 0)               \
	M(GEN_CANCEL, gen_cancel, FRONT, WORKER, 256, 0)                    \
	/* stop computing it, keep its KV cache, until GEN_UNPARK */        \
	M(GEN_PARK, gen_park, FRONT, WORKER, 256, 0)                        \
	M(GEN_UNPARK, gen_unpark, FRONT, WORKER, 256, 0)                    \
	/* it has a slot; the prompt's token ids, for the journal */        \
	M(GEN_STARTED, gen_started, WORKER, FRONT, 16 * MIB, 0)             \
	/* the tokens of one step, of any number of generations */          \
	M(GEN_STEP, steps, WORKER, FRONT, 16 * MIB, 0)                      \
	/* the last word on a generation: it finished ... */                \
	M(GEN_DONE, gen_done, WORKER, FRONT, 16 * MIB, 0)                   \
	/* ... or could not be done */                                      \
	M(GEN_FAILED, gen_failed, WORKER, FRONT, 16 * KIB, 0)               \
	/* whether a resume's logits are those that the hashes are of */    \
	M(GEN_CHECKED, gen_checked, WORKER, FRONT, 256, 0)                  \
	/* how far its prompt is, where that is wanted */                   \
	M(GEN_PROGRESS, gen_progress, WORKER, FRONT, 256, 0)                \
	/* whole rows of a mode that has them, in order */                  \
	M(GEN_ROWS, gen_rows, WORKER, FRONT, 16 * MIB, 0)

#define MSG_ENUM(name, layout, from, to, max, fds) MSG_##name,
enum msg { MSG_NONE, MSG_TABLE(MSG_ENUM) MSG_COUNT };
#undef MSG_ENUM

#define MSG_MAX_FDS 1

#define FRONT_CONFIG_FIELDS(F, S)                                          \
	F(S, str, version, "of Bulkhead, for replies")                     \
	F(S, str, default_model, "name that requests without one get")     \
	F(S, u8, log_level, "enum log_level")                              \
	F(S, u32, max_clients, "connections at once, all listeners")       \
	F(S, u32, queue_max, "generations waiting per model")              \
	F(S, u32, client_queue_max, "generations of one connection")       \
	F(S, u32, client_rate, "generations a client starts a minute")     \
	F(S, u32, client_tokens, "tokens a client uses a minute; 0: any")  \
	F(S, u32, queue_ms, "to wait for a slot; 0: for ever")             \
	F(S, u32, first_ms, "to the first token; 0: for ever")             \
	F(S, u32, total_ms, "to the last; 0: for ever")                    \
	F(S, u32, body_max, "bytes of a request body or JSON-RPC message") \
	F(S, u32, input_max, "bytes of all that are being received")       \
	F(S, u32, header_max, "bytes of an HTTP request's header")         \
	F(S, u32, request_ms, "to send a whole request")                   \
	F(S, u32, idle_ms, "HTTP keep-alive; 0: for ever")                 \
	F(S, u32, stall_ms, "a client may read nothing this long")         \
	F(S, u32, keepalive_ms, "between SSE comments while waiting")      \
	F(S, u32, out_high, "bytes unread by a client that park its work") \
	F(S, u32, array_max, "bytes of memfds that are on their way")      \
	F(S, u8, resume_mode, "enum resume_mode, of requests without one") \
	F(S, u32, hang_ms, "silence of a worker that makes it suspect")    \
	F(S, u64, started_unix, "when the keeper started; seconds")        \
	F(S, u64, started_ms, "the same, by clock_ms()")                   \
	F(S, u8, jail, "enum jail_mode")                                   \
	F(S, u32, sleep_ms, "an idle model is let go; 0: never")           \
	F(S, u8, autoload, "1: a request has its model loaded")            \
	F(S, u8, access_log, "1: a line for each HTTP request")            \
	F(S, strs, cors_origins, "whose pages may read answers; *: any")   \
	F(S, str, cors_methods, "that they may use")                       \
	F(S, str, cors_headers, "that they may send; *: any")              \
	F(S, u8, cors_credentials, "1: with cookies and the like")         \
	F(S, u8, has_tls, "1: FRONT_TLS will come")

#define FRONT_JOURNAL_FIELDS(F, S) F(S, u64, size, "bytes; a memfd rides along")

enum listen_kind { LISTEN_HTTP = 1, LISTEN_RPC };

#define FRONT_LISTEN_FIELDS(F, S)                             \
	F(S, u32, listener, "its number")                     \
	F(S, u8, kind, "enum listen_kind")                    \
	F(S, u8, is_unix, "1: a Unix socket")                 \
	F(S, u8, is_tls, "1: HTTP over TLS")                  \
	F(S, u8, by_keeper,                                   \
	    "1: the keeper accepts, and sends FRONT_CLIENT: " \
	    "in its namespace the front sees no user")        \
	F(S, str, label, "where, for logs and status")

#define FRONT_CLIENT_FIELDS(F, S)            \
	F(S, u32, listener, "where it came") \
	F(S, u32, uid, "whose it is")

#define FRONT_TOOK_FIELDS(F, S) F(S, u32, listener, "where it came")

#define FRONT_DRAIN_FIELDS(F, S) \
	F(S, u32, timeout_ms, "for running streams; 0: end them now")

#define FRONT_NUDGE_FIELDS(F, S) F(S, u32, keeper_pid, "")

#define KEEPER_STATUS_FIELDS(F, S)                                    \
	F(S, u32, keeper_pid, "")                                     \
	F(S, u32, front_pid, "")                                      \
	F(S, u32, front_restarts, "since the keeper started")         \
	F(S, str, front_last_death,                                   \
	    "\"SIGKILL, 3 s ago\" style text or empty")               \
	F(S, u64, front_died_unix, "seconds; 0: never")               \
	F(S, str, front_crash_id, "of its last obituary; or empty")   \
	F(S, str, cgroups, "whether each worker has one; or why not") \
	F(S, str, front_jail, "layers of its jail that hold")         \
	F(S, str, front_jail_missing, "and those that do not")

enum model_status {
	MODEL_KNOWN = 1,  /* of --models-dir; loaded when it is wanted */
	MODEL_STARTING,	  /* a worker is loading it */
	MODEL_UP,	  /* a channel rides along */
	MODEL_RESTARTING, /* its worker died; another comes */
	MODEL_FAILED,	  /* given up: err and text say why */
	MODEL_GONE,	  /* unloaded; its id is never used again */
};

/* Where a model comes from. */
enum model_source {
	SOURCE_CLIENT = 1, /* a client named its file; it goes with its users */
	SOURCE_OPTION,	/* --model, or the demo model: loaded at start, stays */
	SOURCE_FOLDER,	/* --models-dir */
	SOURCE_SECTION, /* a section of --models-preset */
};

#define MODEL_STATE_FIELDS(F, S)                                          \
	F(S, u32, model, "its id, for this keeper's life; never 0")       \
	F(S, u32, ref, "of the MODEL_WANT this answers, or 0")            \
	F(S, u8, status, "enum model_status")                             \
	F(S, str, name, "what requests call it")                          \
	F(S, strs, aliases, "what they may call it too")                  \
	F(S, strs, tags, "for lists")                                     \
	F(S, u8, hidden, "1: in no list")                                 \
	F(S, u8, source, "enum model_source")                             \
	F(S, str, mmproj, "a file for images beside it; or empty")        \
	F(S, str, flaw, "why its file cannot be served; or empty")        \
	F(S, str, quant, "\"Q4_K - Medium\"; or empty: not known")        \
	F(S, str, path, "the file")                                       \
	F(S, str, file, "which one: device, inode, size, time")           \
	F(S, u32, pid, "of its worker, or 0")                             \
	F(S, u32, restarts, "since it was first loaded")                  \
	F(S, str, last_death,                                             \
	    "of its worker: \"killed by SIGSEGV\"; or empty")             \
	F(S, u64, died_unix, "when; seconds; 0: never")                   \
	F(S, u32, outside,                                                \
	    "pid of its last worker, if none of its requests ended "      \
	    "that one: a SIGKILL of somebody else's, a file; or 0")       \
	F(S, str, crash_id, "of its last obituary; or empty")             \
	F(S, str, jail, "layers of its worker's jail that hold")          \
	F(S, str, jail_missing, "and those that do not")                  \
	F(S, strs, adapters, "paths of its LoRA files, by id")            \
	F(S, biases, scales, "of each, for who asks for none")            \
	F(S, i32, err, "FAILED: an ERR_*")                                \
	F(S, str, text, "FAILED: why, for a person")                      \
	F(S, u32, retry_ms, "FAILED: until the next try; or 0")           \
	F(S, u8, may_want, "FAILED, 1: a MODEL_WANT tries it after that") \
	F(S, u8, may_go, "1: it may be let go when room is wanted")       \
	F(S, u8, may_rest, "1: or when it is idle, or a client says so")  \
	F(S, u32, unload_ms, "for what runs, at /models/unload")          \
	F(S, u8, is_asleep, "KNOWN, 1: because it was idle")              \
	F(S, u8, is_retired, "1: for who has it; else it is as if gone")  \
	F(S, u64, need, "bytes that it takes, or would")                  \
	MODEL_DESCRIPTION_FIELDS(F, S)

#define JAILED_FIELDS(F, S) F(S, str, report, "a struct jail_report")
#define FRONT_READY_FIELDS(F, S) F(S, u32, pid, "")
#define FRONT_DRAINED_FIELDS(F, S) \
	F(S, u32, ended, "streams that were cut short")

#define MODEL_WANT_FIELDS(F, S)                                      \
	F(S, u32, ref, "comes back in the MODEL_STATE that answers") \
	F(S, str, path, "a file; or the name of a known model")      \
	F(S, u32, n_ctx, "tokens needed per sequence; 0: as configured")

#define MODEL_DROP_FIELDS(F, S) F(S, u32, model, "")

#define MODEL_LOADING_FIELDS(F, S) \
	F(S, u32, model, "")       \
	F(S, u32, percent, "")

#define MODEL_UNWANT_FIELDS(F, S) F(S, u32, ref, "of a MODEL_WANT")

enum let_go_why {
	LET_GO_FOR_ROOM = 1, /* ROOM_WANTED, and it was used least recently */
	LET_GO_AS_IDLE,	     /* for FRONT_CONFIG's sleep_ms */
	LET_GO_AS_ASKED,     /* by a client: /models/unload */
	LET_GO_WHYS
};

#define MODEL_LET_GO_FIELDS(F, S) \
	F(S, u32, model, "")      \
	F(S, u8, why, "enum let_go_why")

#define ROOM_WANTED_FIELDS(F, S)                                                 \
	F(S, u32, total, "MODEL_LET_GOs of this front's life, with this many")   \
	F(S, u8, must,                                                           \
	    "1: one has waited long: let nobody new into a busy model, so that " \
	    "it gets idle")

#define MODEL_EMPTY_FIELDS(F, S) F(S, u32, model, "")

#define RELOAD_WANT_FIELDS(F, S) \
	F(S, u32, ref, "comes back in the RELOADED that answers")

#define RELOADED_FIELDS(F, S)                                      \
	F(S, u32, ref, "of the RELOAD_WANT")                       \
	F(S, i32, err, "0, or an ERR_*: all is as it was")         \
	F(S, str, text, "why, for a person")                       \
	F(S, u32, n_added, "models")                               \
	F(S, u32, n_changed, "of another file, or other settings") \
	F(S, u32, n_removed, "")

#define MODEL_WAITING_FIELDS(F, S) F(S, u32, model, "")
#define MODEL_BROKEN_FIELDS(F, S) F(S, u32, model, "")
#define MODEL_SCALES_FIELDS(F, S) \
	F(S, u32, model, "")      \
	F(S, biases, scales, "id and scale of each")

#define MODEL_PARDON_FIELDS(F, S) \
	F(S, u32, model, "")      \
	F(S, u64, gen, "the request")

#define MODEL_SUSPECTS_FIELDS(F, S)     \
	F(S, u32, model, "")            \
	F(S, u32, pid, "of the worker") \
	F(S, strs, suspects,            \
	    "\"generation\\trequest\\tclient\" each: a number, then texts")

#define WORKER_ADAPTERS_MAX 16u /* of one model */

#define WORKER_ADAPTER_FIELDS(F, S)                              \
	F(S, u32, id, "counts up from 0; what requests call it") \
	F(S, str, path, "for messages; the file comes as a descriptor")

#define WORKER_PARTS_MAX 32u /* files of one model */

#define WORKER_PART_FIELDS(F, S) \
	F(S, u32, no, "counts up from 1; 0 is the file of WORKER_LOAD")

/* Files that clients attach to a model while it is served. */
enum attach_kind {
	ATTACH_LORA = 1, /* an adapter: named by its id in GEN_SUBMIT */
	ATTACH_CACHE,	 /* a prompt cache: likewise */
	ATTACH_SAVE,	 /* memory that one is to be written to: likewise */
	ATTACH_KINDS
};

/* Ids of what is attached; below are those of WORKER_ADAPTER. They count up and
 * are never used again in a model's life. */
#define ATTACH_FIRST WORKER_ADAPTERS_MAX

#define MODEL_ATTACH_FIELDS(F, S)                                       \
	F(S, u32, ref, "comes back in the MODEL_ATTACHED that answers") \
	F(S, u32, model, "")                                            \
	F(S, u8, kind, "enum attach_kind")                              \
	F(S, str, path, "the file")

#define MODEL_DETACH_FIELDS(F, S) \
	F(S, u32, model, "")      \
	F(S, u32, id, "of one MODEL_ATTACHED that said it is there")

#define MODEL_ATTACHED_FIELDS(F, S)                                      \
	F(S, u32, ref, "of the MODEL_ATTACH; 0: what was there is lost") \
	F(S, u32, model, "")                                             \
	F(S, u32, id, "what requests call it; err 0 or ref 0")           \
	F(S, i32, err, "0, or an ERR_*")                                 \
	F(S, str, text, "why, for a person")                             \
	F(S, str, crash_id, "of the worker that died of it; or empty")   \
	F(S, u32, retry_ms, "until it is worth another try; 0: not known")

#define MODEL_SAVED_FIELDS(F, S)         \
	F(S, u32, model, "")             \
	F(S, u32, id, "")                \
	F(S, i32, err, "0, or an ERR_*") \
	F(S, str, text, "why, for a person")

#define WORKER_SAVED_FIELDS(F, S)            \
	F(S, u32, id, "")                    \
	F(S, u64, size, "bytes of the file") \
	F(S, i32, err, "0, or an ERR_*")     \
	F(S, str, text, "why, for a person")

#define WORKER_ATTACH_FIELDS(F, S)         \
	F(S, u32, id, "")                  \
	F(S, u8, kind, "enum attach_kind") \
	F(S, str, path, "for messages; the file comes as a descriptor")

#define WORKER_DETACH_FIELDS(F, S) F(S, u32, id, "")

#define WORKER_ATTACHED_FIELDS(F, S)     \
	F(S, u32, id, "")                \
	F(S, i32, err, "0, or an ERR_*") \
	F(S, str, text, "why, for a person")

/* What a worker computes with. */
enum worker_engine {
	ENGINE_LLAMA = 1,
	ENGINE_RKLLM,
};

#define WORKER_LOAD_FIELDS(F, S)                                         \
	F(S, u8, engine, "enum worker_engine")                           \
	F(S, str, name, "for messages")                                  \
	F(S, str, path, "for messages; the file comes as a descriptor")  \
	F(S, u8, log_level, "enum log_level")                            \
	F(S, u32, n_ctx, "tokens per sequence; 0: the model's own, or")  \
	F(S, u32, ctx_wanted,                                            \
	    "what a client asks for, as far as the model and memory "    \
	    "go; 0: nobody")                                             \
	F(S, u32, n_seq, "sequences at once; 0: as memory allows")       \
	F(S, u32, n_threads, "for decoding; 0: measure and choose")      \
	F(S, u32, n_threads_batch, "for prefill; 0: measure and choose") \
	F(S, u32, chunk, "N of the canonical schedule; tokens")          \
	F(S, u32, n_gpu_layers, "UINT32_MAX: all")                       \
	F(S, u8, use_mmap, "")                                           \
	F(S, u8, jail, "enum jail_mode")                                 \
	F(S, u8, resume_mode, "enum resume_mode, to be set up for")      \
	F(S, u8, pooling, "enum pooling, instead of the file's")         \
	F(S, u8, no_embeds, "1: no MODE_EMBED")                          \
	F(S, u8, spm_infill, "1: INPUT_INFILL: the suffix comes first")  \
	F(S, str, tested, "identity that another worker found")          \
	F(S, str, template_override, "a chat template, or empty")        \
	F(S, str, rkllm_library, "a path; or empty: the usual places")   \
	F(S, str, rkllm_version, "of it; or empty: as its file says")

#define WORKER_CHANNEL_FIELDS(F, S) F(S, u32, front_pid, "for logs")
#define WORKER_READY_FIELDS(F, S) MODEL_DESCRIPTION_FIELDS(F, S)

#define WORKER_FAILED_FIELDS(F, S) \
	F(S, i32, err, "an ERR_*") \
	F(S, str, text, "for a person: what was wrong with the file")

/* What a resume promises. */
enum resume_mode {
	RESUME_EXACT = 1, /* the bytes of the undisturbed run */
	RESUME_FAST,	  /* a valid continuation, nothing lost or repeated */
};

/* Everything a worker needs to do a generation, in one flat record. The front
 * keeps it packed; it is the head of the generation's journal entry. Sampling
 * parameters are named, and default, as in llama-server. The same record with
 * `done` set continues a generation whose worker died. */
#define GEN_SUBMIT_FIELDS(F, S)                                               \
	F(S, u64, gen, "id; never used twice in a front's life")              \
	F(S, u8, input, "enum gen_input")                                     \
	F(S, str, prompt, "INPUT_PROMPT: UTF-8")                              \
	F(S, str, messages, "INPUT_CHAT: a JSON array, OpenAI's form")        \
	F(S, str, template_kwargs, "INPUT_CHAT: a JSON object, or empty")     \
	F(S, u8, enable_thinking, "INPUT_CHAT: for templates that know it")   \
	F(S, str, system,                                                     \
	    "what stands before all of a conversation; or "                   \
	    "empty. INPUT_CHAT: a message of the system")                     \
	F(S, str, tools, "INPUT_CHAT: a JSON array, OpenAI's form; or empty") \
	F(S, u8, tool_choice, "enum tool_choice, wire/part.h")                \
	F(S, u8, parallel_calls, "enum parallel_calls, wire/part.h")          \
	F(S, u8, plain_calls, "1: tools are shown, calls of them are text")   \
	F(S, u8, goes_on,                                                     \
	    "INPUT_CHAT: 1: a last message of the assistant's is not over")   \
	F(S, u8, apart,                                                       \
	    "INPUT_CHAT: 1: what it thinks comes in parts of its own")        \
	F(S, str, tool_mark,                                                  \
	    "of a tool's answer, for an engine whose template wants one")     \
	F(S, i32s, tokens, "INPUT_TOKENS; or the prompt of a resume")         \
	F(S, i32s, history,                                                   \
	    "a conversation that the prompt goes on from; not in a resume")   \
	F(S, i32s, turns,                                                     \
	    "where in history, or tokens of a resume, each prompt and each "  \
	    "output ends, by turns")                                          \
	F(S, str, embeds, "rows: wire/embed.h; history's come first")         \
	F(S, u32, n_row, "float32 of a row; 0: n_embd_in, or there is none")  \
	F(S, u32, n_old_embeds, "rows of history")                            \
	F(S, u32, n_images, "marks in the prompt that rows stand for")        \
	F(S, u32, n_image_embeds, "rows of each")                             \
	F(S, str, image_start, "text before each; or empty")                  \
	F(S, str, image_end, "text after each; or empty")                     \
	F(S, str, image_mark, "another mark than <image>; or empty")          \
	F(S, u32, image_width, "pixels, for who wants to know; or 0")         \
	F(S, u32, image_height, "the same")                                   \
	F(S, str, cross_keys, "an encoder's, float32; all four, or none")     \
	F(S, str, cross_values, "float32")                                    \
	F(S, str, cross_mask, "float32, one a token of the encoder's")        \
	F(S, i32s, cross_pos, "one a token of the encoder's")                 \
	F(S, u64, cache_key,                                                  \
	    "of a conversation whose KV cache is kept afterwards; 0: none")   \
	F(S, u8, may_shift,                                                   \
	    "1: where the context is full it loses its oldest tokens, see "   \
	    "wire/window.h; but not the first ...")                           \
	F(S, i32, n_keep, "... of these; < 0: not the prompt")                \
	F(S, u8, add_special, "INPUT_PROMPT: put BOS as the model wants")     \
	F(S, u32, max_tokens, "0: until the context is full")                 \
	F(S, u64, seed, "of the draws; always concrete")                      \
	F(S, u8, ignore_eos, "")                                              \
	F(S, u8, special_text, "1: control tokens show as text")              \
	F(S, u8, want_logprobs, "1: logprobs with each token")                \
	F(S, u8, n_top_logprobs, "alternatives with each token, 0 to 20")     \
	F(S, f32, temperature, "<= 0: greedy")                                \
	F(S, f32, dynatemp_range, "0: off")                                   \
	F(S, f32, dynatemp_exponent, "")                                      \
	F(S, i32, top_k, "<= 0: all")                                         \
	F(S, f32, top_p, "1: off")                                            \
	F(S, f32, min_p, "0: off")                                            \
	F(S, f32, typical_p, "1: off")                                        \
	F(S, f32, top_n_sigma, "< 0: off")                                    \
	F(S, f32, xtc_probability, "0: off")                                  \
	F(S, f32, xtc_threshold, "> 0.5: off")                                \
	F(S, i32, repeat_last_n, "tokens the penalties look at; 0: off")      \
	F(S, f32, repeat_penalty, "1: off")                                   \
	F(S, f32, frequency_penalty, "0: off")                                \
	F(S, f32, presence_penalty, "0: off")                                 \
	F(S, f32, dry_multiplier, "0: off")                                   \
	F(S, f32, dry_base, "")                                               \
	F(S, i32, dry_allowed_length, "")                                     \
	F(S, i32, dry_penalty_last_n, "-1: the context; 0: off")              \
	F(S, strs, dry_breakers, "")                                          \
	F(S, u8, mirostat, "0: off, 1, 2")                                    \
	F(S, f32, mirostat_tau, "")                                           \
	F(S, f32, mirostat_eta, "")                                           \
	F(S, biases, logit_bias, "")                                          \
	F(S, str, grammar, "GBNF, root rule \"root\"; or empty")              \
	F(S, str, json_schema, "JSON; or empty; \"{}\" is any JSON object")   \
	F(S, strs, stops, "end before any of these is shown")                 \
	F(S, biases, adapters, "LoRA: id and scale of each that is applied")  \
	F(S, u32, cache, "ATTACH_CACHE to begin with, as far as it fits; 0")  \
	F(S, u32, save, "ATTACH_SAVE for what the prompt leaves; 0: none")    \
	F(S, u8, resume_mode, "enum resume_mode")                             \
	F(S, u8, mode, "enum gen_mode")                                       \
	F(S, strs, parts, "of INPUT_MIXED and those behind it")               \
	F(S, u8, is_unanswered, "INPUT_CHAT: without the start of an answer") \
	F(S, u8, plain_special, "1: what looks like a control token is text") \
	F(S, u8, want_progress, "1: GEN_PROGRESS while the prompt is read")   \
	F(S, u8, want_prompt, "1: GEN_DONE shows the prompt as text")         \
	F(S, u8, want_pieces, "MODE_TOKENS: the text of each too")            \
	F(S, u8, pooling, "MODE_EMBED: enum pooling")                         \
	F(S, i32, normalize, "MODE_EMBED: NORMALIZE_*")                       \
	F(S, u8, resume, "1: tokens is the whole prompt, done may hold some") \
	F(S, i32s, done, "resume: tokens already delivered; not sent again")  \
	F(S, f32, mu, "resume: mirostat's state after done")                  \
	F(S, str, hashes,                                                     \
	    "resume: the logits' hashes of the last tokens of done, "         \
	    "u64 each, the last one last; may be fewer than done")            \
	F(S, u32, rows_done, "resume: rows already delivered; not sent again")

#define GEN_CANCEL_FIELDS(F, S) F(S, u64, gen, "")
#define GEN_PARK_FIELDS(F, S) F(S, u64, gen, "")
#define GEN_UNPARK_FIELDS(F, S) F(S, u64, gen, "")

#define GEN_STARTED_FIELDS(F, S)                                    \
	F(S, u64, gen, "")                                          \
	F(S, i32s, prompt, "token ids; empty when it is a resume")  \
	F(S, i32s, turns, "that it goes on from, as in GEN_SUBMIT") \
	F(S, u32, n_system,                                         \
	    "of a conversation's first prompt: tokens of its "      \
	    "system prompt")                                        \
	F(S, u32, n_cached, "of the prompt, already in the KV cache")

#define GEN_PROGRESS_FIELDS(F, S) \
	F(S, u64, gen, "")        \
	F(S, u32, n_done, "tokens of its prompt that are computed")

#define GEN_ROWS_FIELDS(F, S)                              \
	F(S, u64, gen, "")                                 \
	F(S, u8, mode, "enum gen_mode: what the rows are") \
	F(S, u32, n_cols, "floats of a row")               \
	F(S, u32, n_rows, "of the prompt, one each token") \
	F(S, u32, first, "row that data begins with")      \
	F(S, str, data, "whole rows, float32 each; not empty")

enum gen_reason {
	REASON_EOS = 1, /* the model ended it */
	REASON_STOP,	/* one of its stop strings came */
	REASON_LENGTH,	/* its budget or the context is used up; or all of
			 * its rows are sent */
	REASON_CANCEL,	/* the front asked */
};

#define GEN_DONE_FIELDS(F, S)                                               \
	F(S, u64, gen, "")                                                  \
	F(S, u8, reason, "enum gen_reason")                                 \
	F(S, str, text,                                                     \
	    "what had been held back and is not a stop string; MODE_TEXT: " \
	    "all; MODE_TOKENS: struct strs of the pieces, where wanted")    \
	F(S, u8, has_parts, "1: text is in parts, wire/part.h")             \
	F(S, str, prompt, "where it is wanted, and not too long")           \
	F(S, str, stop, "REASON_STOP: the string that matched")             \
	F(S, u32, n_prompt, "tokens")                                       \
	F(S, u32, n_cached, "of these, that this worker did not compute")   \
	F(S, u32, n_out, "tokens generated, with those before a resume")    \
	F(S, u64, prefill_us, "")                                           \
	F(S, u64, decode_us, "")                                            \
	F(S, u64, peak_kib, "the worker's peak resident memory")

#define GEN_FAILED_FIELDS(F, S)                                  \
	F(S, u64, gen, "")                                       \
	F(S, i32, err, "ERR_INVALID, ERR_CONTEXT, ERR_BUSY ...") \
	F(S, str, field, "the request's parameter, or empty")    \
	F(S, str, text, "for a person")

#define GEN_CHECKED_FIELDS(F, S) \
	F(S, u64, gen, "")       \
	F(S, u8, agrees, "0: from here on it is a continuation, not exact")

/* struct front_config and its fellows, and layout_front_config and its. */
#define LAYOUTS(L)                                 \
	L(front_config, FRONT_CONFIG_FIELDS)       \
	L(front_journal, FRONT_JOURNAL_FIELDS)     \
	L(front_listen, FRONT_LISTEN_FIELDS)       \
	L(front_client, FRONT_CLIENT_FIELDS)       \
	L(front_keys, FRONT_KEYS_FIELDS)           \
	L(front_key, FRONT_KEY_FIELDS)             \
	L(front_tls, FRONT_TLS_FIELDS)             \
	L(front_tls_seen, FRONT_TLS_SEEN_FIELDS)   \
	L(front_drain, FRONT_DRAIN_FIELDS)         \
	L(front_nudge, FRONT_NUDGE_FIELDS)         \
	L(keeper_status, KEEPER_STATUS_FIELDS)     \
	L(model_state, MODEL_STATE_FIELDS)         \
	L(jailed, JAILED_FIELDS)                   \
	L(front_ready, FRONT_READY_FIELDS)         \
	L(front_drained, FRONT_DRAINED_FIELDS)     \
	L(front_took, FRONT_TOOK_FIELDS)           \
	L(model_want, MODEL_WANT_FIELDS)           \
	L(model_drop, MODEL_DROP_FIELDS)           \
	L(model_loading, MODEL_LOADING_FIELDS)     \
	L(model_unwant, MODEL_UNWANT_FIELDS)       \
	L(model_let_go, MODEL_LET_GO_FIELDS)       \
	L(room_wanted, ROOM_WANTED_FIELDS)         \
	L(model_empty, MODEL_EMPTY_FIELDS)         \
	L(reload_want, RELOAD_WANT_FIELDS)         \
	L(reloaded, RELOADED_FIELDS)               \
	L(model_waiting, MODEL_WAITING_FIELDS)     \
	L(model_broken, MODEL_BROKEN_FIELDS)       \
	L(model_suspects, MODEL_SUSPECTS_FIELDS)   \
	L(model_pardon, MODEL_PARDON_FIELDS)       \
	L(model_scales, MODEL_SCALES_FIELDS)       \
	L(model_attach, MODEL_ATTACH_FIELDS)       \
	L(model_detach, MODEL_DETACH_FIELDS)       \
	L(model_attached, MODEL_ATTACHED_FIELDS)   \
	L(model_saved, MODEL_SAVED_FIELDS)         \
	L(worker_adapter, WORKER_ADAPTER_FIELDS)   \
	L(worker_part, WORKER_PART_FIELDS)         \
	L(worker_load, WORKER_LOAD_FIELDS)         \
	L(worker_channel, WORKER_CHANNEL_FIELDS)   \
	L(worker_ready, WORKER_READY_FIELDS)       \
	L(worker_attach, WORKER_ATTACH_FIELDS)     \
	L(worker_detach, WORKER_DETACH_FIELDS)     \
	L(worker_attached, WORKER_ATTACHED_FIELDS) \
	L(worker_saved, WORKER_SAVED_FIELDS)       \
	L(worker_failed, WORKER_FAILED_FIELDS)     \
	L(gen_submit, GEN_SUBMIT_FIELDS)           \
	L(gen_cancel, GEN_CANCEL_FIELDS)           \
	L(gen_park, GEN_PARK_FIELDS)               \
	L(gen_unpark, GEN_UNPARK_FIELDS)           \
	L(gen_started, GEN_STARTED_FIELDS)         \
	L(gen_done, GEN_DONE_FIELDS)               \
	L(gen_failed, GEN_FAILED_FIELDS)           \
	L(gen_progress, GEN_PROGRESS_FIELDS)       \
	L(gen_rows, GEN_ROWS_FIELDS)               \
	L(gen_checked, GEN_CHECKED_FIELDS)

LAYOUTS(LAYOUT_STRUCT)

extern const struct layout layout_steps; /* no fields: see wire/step.h */

struct msg_row {
	const char *name;
	const struct layout *layout;
	enum proc from;
	enum proc to;
	uint32_t max; /* bytes of payload */
	uint8_t max_fds;
};

/* NULL if there is no such message. */
const struct msg_row *msg_row(unsigned msg);

/* "front"; never NULL. */
const char *proc_name(enum proc p);

/* Whether a context of n_ctx tokens (0: not known) holds a prompt of n (or,
 * at_least being "at least ", more) and one more: 0, or ERR_CONTEXT and *why. */
int msg_check_length(const char *field, const char *at_least, uint64_t n,
    uint32_t n_ctx, struct fail *why) MUST_CHECK;

/* Whether they are turns in n tokens: ends in pairs that never go down. */
bool msg_turns_fit(struct i32s turns, uint32_t n);

#endif
