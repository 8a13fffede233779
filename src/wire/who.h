/*
 * who - the messages of wire/msg.h by which the keeper tells a front who may
 * ask: API keys, and the files of TLS.
 */
#ifndef WIRE_WHO_H
#define WIRE_WHO_H

#define KEY_DIGEST 32u	    /* bytes: HMAC-SHA-256 */
#define KEYS_MAX 1024u	    /* names */
#define KEY_DIGESTS_MAX 16u /* keys of one name */

#define FRONT_KEYS_FIELDS(F, S)                                       \
	F(S, u32, n, "of FRONT_KEY; 0 with no salt: all may come in") \
	F(S, str, salt, "of their digests; 32 bytes")

#define FRONT_KEY_FIELDS(F, S)                                              \
	F(S, str, name, "for logs and metrics")                             \
	F(S, str, digests,                                                  \
	    "HMAC-SHA-256 with the salt of each of its keys, 32 bytes one") \
	F(S, u8, has_rate, "1: rate stands for --client-rate")              \
	F(S, u32, rate, "generations a minute; 0: any")                     \
	F(S, u8, has_tokens, "1: tokens stands for --client-tokens")        \
	F(S, u32, tokens, "a minute; 0: any")                               \
	F(S, strs, models, "it may use no others; none: all")

enum tls_file { TLS_CERTIFICATES = 1, TLS_KEY };

#define FRONT_TLS_FIELDS(F, S)          \
	F(S, u8, file, "enum tls_file") \
	F(S, u32, turn, "counts up")    \
	F(S, str, path, "for messages")

#define FRONT_TLS_SEEN_FIELDS(F, S)             \
	F(S, u32, turn, "of both")              \
	F(S, i32, err, "0, or ERR_*: not used") \
	F(S, str, text, "why, or whose they are")

#endif
