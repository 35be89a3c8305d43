/*
 * What is sent, and what must come back: two rings of as many messages, each of its own bytes, so that a byte that is
 * missing, doubled, or another connection's does not pass. Their lengths are no power of two, so that the loss of a whole
 * buffer does not pass either.
 */

#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (256 << 10) /* the most that is sent or received at a time */

struct ring {
	char *bytes;   /* period bytes, then as many of its first ones as a chunk that begins at the last byte needs */
	size_t each;   /* bytes of a message */
	size_t period; /* bytes of all messages */
};

static struct ring ring_new(size_t each, size_t messages)
{
	struct ring r = {.each = each, .period = each * messages, .bytes = malloc(each * messages + CHUNK)};

	if (!r.bytes)
		abort();
	return r;
}

static void ring_close(struct ring *r)
{
	for (size_t i = 0; i < CHUNK; i++)
		r->bytes[r->period + i] = r->bytes[i];
}

/*
 * pattern_make makes messages of size bytes and their answers. Answers begin with prefix; with lines, both end with a
 * newline, and nothing else in them is one.
 */
static void pattern_make(struct ring *message, struct ring *answer, size_t size, bool lines, const char *prefix)
{
	static const char letters[65] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-";
	size_t messages = size < 4096 ? 4093 : 61, ahead = strlen(prefix);
	uint64_t random = 88172645463325252u;

	*message = ring_new(size, messages);
	*answer = ring_new(ahead + size, messages);
	for (size_t i = 0; i < messages; i++) {
		char *m = message->bytes + i * size;

		for (size_t j = 0; j < size; j++) {
			random ^= random << 13, random ^= random >> 7, random ^= random << 17; /* xorshift64 */
			m[j] = letters[random >> 58];
		}
		if (lines)
			m[size - 1] = '\n';
		memcpy(answer->bytes + i * answer->each, prefix, ahead);
		memcpy(answer->bytes + i * answer->each + ahead, m, size);
	}
	ring_close(message);
	ring_close(answer);
}

#endif
