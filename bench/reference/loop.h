/* The reference server: one thread, one level-triggered epoll, one buffer of 64 KiB. What it says is in echo.c or text.c. */

#ifndef LOOP_H
#define LOOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BUFFER (64 << 10) /* bytes read at a time */

/* What is kept of a connection: 32 bytes on a 64-bit machine. */
struct conn {
	int fd;
	uint32_t held;        /* bytes in line */
	char *line;           /* an unfinished line (text.c), or NULL */
	char *unsent;         /* what the client has not taken yet, or NULL; until it is gone, nothing is read */
	uint32_t from, until; /* the part of unsent still to go */
};

/*
 * answer sets *out to what the n bytes at in are answered with, valid until the next call, and returns its length.
 * -1: close the connection. n is at most BUFFER.
 */
ssize_t answer(struct conn *c, const char *in, size_t n, const char **out);

#endif
