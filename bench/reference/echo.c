/* The reference for the raw wire: every byte comes back (RFC 862). */

#include "loop.h"

ssize_t answer(struct conn *c, const char *in, size_t n, const char **out)
{
	(void)c;
	*out = in;
	return n;
}
