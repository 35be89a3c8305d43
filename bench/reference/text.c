/*
 * The reference for the text wire: a line, ended by LF or CRLF, is answered with "ECHO: ", the line and LF. What one read
 * brought is answered with one write. A line longer than LONGEST ends the connection.
 */

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "loop.h"

#define LONGEST 8192 /* bytes, the default of PARLEY_MAX_MESSAGE */
#define PREFIX "ECHO: "

/* The most that one read can ask for: a buffer of bare newlines, and a line that was waiting for its end. */
static char reply[BUFFER * sizeof PREFIX + LONGEST];

/* hold keeps n bytes of an unfinished line, and returns -1 if the line is too long or memory is short. */
static int hold(struct conn *c, const char *bytes, size_t n)
{
	if (n == 0)
		return 0;
	if (c->held + n > LONGEST)
		return -1;
	if (!c->line && !(c->line = malloc(LONGEST)))
		return -1;
	memcpy(c->line + c->held, bytes, n);
	c->held += n;
	return 0;
}

ssize_t answer(struct conn *c, const char *in, size_t n, const char **out)
{
	const char *end = in + n, *newline;
	char *to = reply;

	for (; (newline = memchr(in, '\n', end - in)); in = newline + 1) {
		size_t length = newline - in;

		if (c->held + length > LONGEST)
			return -1;
		to = mempcpy(to, PREFIX, sizeof PREFIX - 1);
		if (c->line)
			to = mempcpy(to, c->line, c->held);
		to = mempcpy(to, in, length);
		if (c->held + length > 0 && to[-1] == '\r')
			to--;
		*to++ = '\n';
		if (c->line) {
			free(c->line);
			c->line = NULL;
			c->held = 0;
		}
	}
	if (hold(c, in, end - in) < 0)
		return -1;
	*out = reply;
	return to - reply;
}
