/* A histogram of durations in nanoseconds, in buckets at most 1/128 wide. */

#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <string.h>

#define STEPS 128 /* buckets for each power of two */

struct histogram {
	uint64_t count, largest;
	uint64_t buckets[58 * STEPS];
};

static inline void histogram_reset(struct histogram *h) { memset(h, 0, sizeof *h); }

static inline void histogram_add(struct histogram *h, uint64_t value)
{
	unsigned bucket = value;

	if (value >= STEPS) {
		unsigned shift = 63 - __builtin_clzll(value) - 7; /* leaves the 8 bits from the highest on */
		bucket = shift * STEPS + (unsigned)(value >> shift);
	}
	h->buckets[bucket]++;
	h->count++;
	if (value > h->largest)
		h->largest = value;
}

/* histogram_quantile is the largest value of the bucket that holds the q-th part of the values, q in (0, 1]; 0 if empty. */
static inline uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t rank = (uint64_t)(q * h->count + 0.999999), seen = 0;

	for (unsigned bucket = 0; bucket < sizeof h->buckets / sizeof *h->buckets; bucket++) {
		seen += h->buckets[bucket];
		if (seen < rank || seen == 0)
			continue;
		if (bucket < 2 * STEPS)
			return bucket;
		unsigned shift = bucket / STEPS - 1;
		uint64_t top = (((uint64_t)(bucket % STEPS + STEPS) + 1) << shift) - 1;
		return top < h->largest ? top : h->largest;
	}
	return h->largest;
}

#endif
