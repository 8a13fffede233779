/*
 * peer - who is at the other end of a socket, for a person.
 */
#ifndef FRONT_PEER_H
#define FRONT_PEER_H

#include <stdint.h>

#define PEER_SIZE 80

/* "127.0.0.1:40912", "uid 1000, pid 812"; "somebody" where it cannot be told.
 * uid: as of client_of_fd(). */
void peer_name(int fd, uint32_t uid, char ret[PEER_SIZE]);

#endif
