/*
 * check - whether a file can be a model at all, before llama.cpp parses it.
 */
#ifndef WORKER_LLAMA_CHECK_H
#define WORKER_LLAMA_CHECK_H

#include "base/buf.h"

/* Reads the start of fd; path is for the message. 0, ERR_FILE or
 * ERR_LOAD_FAILED, with what it is instead in why. */
int check_gguf(int fd, struct str path, struct fail *why) MUST_CHECK;

#endif
