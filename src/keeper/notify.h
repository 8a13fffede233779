/*
 * notify - tells systemd how we are: sd_notify(3) by hand.
 */
#ifndef KEEPER_NOTIFY_H
#define KEEPER_NOTIFY_H

/* Sends state ("READY=1") to the socket that NOTIFY_SOCKET in envp names.
 * Without one, or where it fails, nothing happens: nobody waits for it. */
void notify(char *const envp[], const char *state);

#endif
