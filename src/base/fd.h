/*
 * fd - descriptors.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

/* Makes descriptors 0 to 2 somebody's, where they are closed: /dev/null's.
 * Else a socket would get one of these numbers, and the text that is meant for
 * it. For the start of a program. */
void fd_fill_standard(void);

#endif
