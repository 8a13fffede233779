/*
 * check - load a model in libllama and see that it computes.
 */
#ifndef MKMODEL_CHECK_H
#define MKMODEL_CHECK_H

/* Prints one line: sizes, and the first greedy tokens or the length of an
 * embedding. adapter: a LoRA file or NULL. 0, or -1 after saying on stderr
 * what is wrong: does not load, or numbers that are not finite. */
int check_model(const char *path, const char *adapter);

#endif
