/*
 * The load: one thread, one epoll, every byte checked. Usage: load [flags] PORT
 *
 *   -m MODE     closed: each connection sends a message when the last one's answer is there
 *               open: messages are sent at a rate, whether answers come or not; latency counts from when one was due
 *               bulk: each connection sends as long as less than a window is under way
 *               churn: connect, read the greeting, one message, close
 *               idle: open the connections, and hold them
 *   -c N        connections at a time (64); idle: N,N,... to stop at each count
 *   -s BYTES    size of a message (64)
 *   -r RATE     open: messages a second, of all connections (60000)
 *   -k BYTES    bulk: the window of a connection (1 MiB)
 *   -d SECONDS  how long to measure (1)
 *   -u SECONDS  how long to do the same before that (0.2)
 *   -w N        messages on each connection as it is opened (2)
 *   -t SECONDS  how long without an answer until the server is taken for stuck (10)
 *   -g          the server greets: read a line first
 *   -x PREFIX   messages are lines, and are answered with PREFIX and the line
 *   -i          print "ready" and wait for a line on stdin before measuring, and at each count of idle; at the end keep the
 *               connections until another line comes
 *
 * It connects to 127.0.0.1 from many addresses of 127.0.1.0/24, so that ports do not run short. The result is a line of
 * JSON; nothing is outstanding when the measure begins and ends. It exits 1, and says why on stderr, when a byte is wrong
 * or too many, the server closes, or there is no answer for the time of -t.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "pattern.h"

#define EVENTS 512               /* taken from epoll at a time */
#define WINDOW 64                /* connections in the making at a time: fewer than the smallest backlog of a server */
#define SOURCES 200              /* addresses connected from */
#define BURST 64                 /* open: messages sent before looking for answers */

enum phase {
	CONNECTING,
	GREETING,
	OPENING, /* its first messages: see -w */
	TALKING,
};

struct conn {
	int fd;
	enum phase phase;
	uint32_t events;       /* what epoll watches for */
	uint64_t first;        /* place of its first message in the ring */
	uint64_t sent, goal;   /* bytes sent, and to be sent by now */
	uint64_t got;          /* bytes of answers */
	uint64_t quota;        /* opening, closed: messages that may still be begun */
	uint64_t at;           /* closed: when the message under way was sent; churn: when connect was called */
	uint64_t earlier;      /* open: messages before the run */
};

static enum { CLOSED, OPEN, BULK, CHURN, IDLE } mode;
static const char *const modes[] = {"closed", "open", "bulk", "churn", "idle"};
static int connections = 64, idle_counts[8], idle_stops;
static double rate = 60000, duration = 1, warmup = 0.2, patience = 10;
static uint64_t opening_messages = 2, window = 1 << 20;
static size_t size = 64;
static bool greeted, lines, interactive;
static const char *prefix = "";
static uint16_t port;

static int epoll;
static struct conn *conns;
static struct ring message, expected;
static struct histogram latency;

static int opened;               /* connections whose opening is done */
static uint64_t operations;      /* messages answered, or connections gone through */
static uint64_t received;        /* bytes of answers */
static uint64_t outstanding;     /* bytes of answers still to come */
static uint64_t last_progress;   /* when the last byte came */
static uint64_t began, due;      /* open: when the run began, and messages sent in it */
static bool running;             /* churn: whether a connection is followed by another */

static void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int number(const struct conn *c) { return c - conns; }

/* watch has epoll look for events on the connection; 0 as what it looked for before means that it is new there. */
static void watch(struct conn *c, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = c};

	if (c->events == events)
		return;
	if (epoll_ctl(epoll, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event) < 0)
		fail("epoll_ctl: %s", strerror(errno));
	c->events = events;
}

/* --- one connection ------------------------------------------------------------------------------------------------ */

static void progress(struct conn *c);

static void dial(struct conn *c)
{
	static uint64_t dialled;
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000101 + dialled++ % SOURCES)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	memset(c, 0, sizeof *c);
	c->first = (uint64_t)number(c) * 7919;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		fail("socket: %s", strerror(errno));
	/* Without IP_BIND_ADDRESS_NO_PORT, bind would need a port that no connection of that address has. */
	if (setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		fail("setsockopt: %s", strerror(errno));
	if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
		fail("bind: %s", strerror(errno));
	if (mode == CHURN)
		c->at = now();
	if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) {
		if (errno != EINPROGRESS)
			fail("connect: %s", strerror(errno));
		watch(c, EPOLLOUT);
		return;
	}
	progress(c);
}

/* transmit sends what the goal asks for, as far as the kernel takes it. */
static void transmit(struct conn *c)
{
	while (c->sent < c->goal) {
		uint64_t left = c->goal - c->sent;
		size_t at = (c->first * message.each + c->sent) % message.period;
		ssize_t n = send(c->fd, message.bytes + at, left < CHUNK ? left : CHUNK, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN)
				fail("connection %d: send: %s", number(c), strerror(errno));
			watch(c, EPOLLIN | EPOLLOUT);
			return;
		}
		c->sent += n;
		if (mode == BULK && c->phase == TALKING)
			outstanding += n;
	}
	watch(c, EPOLLIN);
}

static void send_message(struct conn *c)
{
	c->goal += message.each;
	outstanding += expected.each;
	transmit(c);
}

/* check compares what came with what must come, and fails at the first byte that is wrong. */
static void check(struct conn *c, const char *bytes, size_t n)
{
	const char *want = expected.bytes + (c->first * expected.each + c->got) % expected.period;
	/* Where answers are as long as messages, the answer to a part may come before the rest was sent. */
	uint64_t most = lines ? c->sent / message.each * expected.each : c->sent;

	if (c->got + n > most)
		fail("connection %d: %llu bytes came back, and the answer has %llu", number(c), (unsigned long long)(c->got + n),
		     (unsigned long long)most);
	if (memcmp(bytes, want, n) == 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != want[i])
			fail("connection %d: byte %llu came back as 0x%02x, and should be 0x%02x", number(c),
			     (unsigned long long)(c->got + i), (unsigned char)bytes[i], (unsigned char)want[i]);
}

/* answered books the answers that have become complete, and begins what follows them. */
static void answered(struct conn *c, uint64_t before)
{
	uint64_t t;

	switch (mode) {
	case BULK:
		if (running) {
			c->goal = c->got + window;
			transmit(c);
		}
		return;
	case OPEN:
		t = now();
		for (uint64_t k = before / expected.each; k < c->got / expected.each; k++, operations++) {
			uint64_t was_due = began + ((k - c->earlier) * connections + number(c)) * 1e9 / rate;
			histogram_add(&latency, t > was_due ? t - was_due : 0);
		}
		return;
	case CHURN:
		if (c->got < expected.each)
			return;
		histogram_add(&latency, now() - c->at);
		operations++;
		close(c->fd);
		if (running)
			dial(c);
		else
			outstanding--;
		return;
	default:
		if (c->got / expected.each * message.each < c->goal)
			return;
		t = now();
		histogram_add(&latency, t - c->at);
		operations++;
		if (c->quota > 0) {
			c->quota--;
			c->at = t;
			send_message(c);
		}
	}
}

/* open_more sends the next of the first messages, or ends the opening. */
static void open_more(struct conn *c)
{
	if (c->got / expected.each * message.each < c->goal)
		return;
	if (c->quota > 0) {
		c->quota--;
		send_message(c);
		return;
	}
	c->phase = TALKING;
	opened++;
}

static void receive(struct conn *c)
{
	static char in[CHUNK];
	ssize_t n = recv(c->fd, in, sizeof in, 0);
	uint64_t before = c->got;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail("connection %d: %s", number(c), n == 0 ? "the server closed it" : strerror(errno));
	check(c, in, n);
	c->got += n;
	received += n;
	outstanding -= n;
	if (c->phase == OPENING)
		open_more(c);
	else
		answered(c, before);
}

/* greeting reads the line that the server begins with. It reports whether the line has ended. */
static bool greeting(struct conn *c)
{
	char in[512];
	ssize_t n = recv(c->fd, in, sizeof in, 0);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		fail("connection %d: no greeting: %s", number(c), n == 0 ? "the server closed it" : strerror(errno));
	const char *newline = memchr(in, '\n', n);
	if (newline && newline != in + n - 1)
		fail("connection %d: something follows the greeting", number(c));
	return newline != NULL;
}

/* progress takes a connection as far as it gets. */
static void progress(struct conn *c)
{
	switch (c->phase) {
	case CONNECTING:
		if (greeted) {
			c->phase = GREETING;
			watch(c, EPOLLIN);
			return;
		}
		break;
	case GREETING:
		if (!greeting(c))
			return;
		break;
	default:
		receive(c);
		return;
	}
	c->phase = mode == CHURN ? TALKING : OPENING;
	c->quota = opening_messages - 1;
	send_message(c);
}

static void connected(struct conn *c)
{
	int error = 0;
	socklen_t length = sizeof error;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error)
		fail("connection %d: connect: %s", number(c), strerror(error ? error : errno));
	progress(c);
}

/* --- the run ------------------------------------------------------------------------------------------------------- */

/* turn waits at most wait ms for something to happen, and does what follows from it. It returns the time. */
static uint64_t turn(int wait)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll, events, EVENTS, wait);

	for (int i = 0; i < n; i++) {
		struct conn *c = events[i].data.ptr;

		if (c->phase == CONNECTING) {
			connected(c);
			continue;
		}
		if (events[i].events & EPOLLOUT)
			transmit(c);
		if (events[i].events & ~EPOLLOUT)
			progress(c);
	}
	uint64_t t = now();
	if (n > 0)
		last_progress = t;
	else if (t - last_progress > patience * 1e9)
		fail("no answer for %g s", patience);
	return t;
}

/* open_until opens connections until there are n, with no more than WINDOW in the making. */
static void open_until(int n)
{
	static int dialled;

	last_progress = now();
	while (opened < n) {
		while (dialled < n && dialled - opened < WINDOW)
			dial(&conns[dialled++]);
		turn(100);
	}
}

/* begin gives every connection its first work of the run that starts at t. */
static void begin(uint64_t t)
{
	running = true;
	began = t;
	due = 0;
	for (struct conn *c = conns; c < conns + connections; c++) {
		switch (mode) {
		case CHURN:
			outstanding++; /* a slot counts as a byte, so that finish waits for its last connection */
			dial(c);
			break;
		case BULK:
			c->goal = c->got + window;
			transmit(c);
			break;
		case OPEN:
			c->earlier = c->got / expected.each;
			break;
		default:
			c->quota = UINT64_MAX;
			c->at = now();
			send_message(c);
		}
	}
}

/* pace sends the messages that are due at t. */
static void pace(uint64_t t)
{
	for (int i = 0; i < BURST && began + due * 1e9 / rate <= t; i++)
		send_message(&conns[due++ % connections]);
}

/* finish begins nothing more and waits for what is outstanding. It returns the time. */
static uint64_t finish(void)
{
	uint64_t t = now();

	running = false;
	for (struct conn *c = conns; c < conns + connections; c++) {
		c->quota = 0;
		if (mode == BULK) {
			c->goal = c->sent;
			watch(c, EPOLLIN);
		}
	}
	while (outstanding)
		t = turn(100);
	return t;
}

/* run does the mode's work for so many seconds, and returns how many it took with the last answer. */
static double run(double seconds)
{
	uint64_t t = now(), start = t, end = t + seconds * 1e9;

	histogram_reset(&latency);
	operations = received = 0;
	last_progress = t;
	begin(t);
	while (t < end) {
		if (mode == OPEN)
			pace(t);
		t = turn(mode == OPEN ? 0 : 100);
	}
	return (finish() - start) / 1e9;
}

/* nothing_more fails if a connection has something that was not asked for. */
static void nothing_more(void)
{
	char byte;

	for (int i = 0; i < opened; i++) {
		ssize_t n = recv(conns[i].fd, &byte, 1, 0);
		if (n >= 0 || errno != EAGAIN)
			fail("connection %d: %s at the end", i, n > 0 ? "a byte too many" : n == 0 ? "the server closed it" : strerror(errno));
	}
}

/* go_on prints what there is to print and waits for a line. */
static void go_on(void)
{
	char line[16];

	fflush(stdout);
	if (interactive && !fgets(line, sizeof line, stdin))
		exit(1); /* whoever ran it is gone */
}

static void ready(void)
{
	if (interactive)
		puts("ready");
	go_on();
}

static void print(double seconds)
{
	printf("{\"mode\":\"%s\",\"connections\":%d,\"size\":%zu,\"operations\":%llu,\"bytes\":%llu,\"seconds\":%.6f", modes[mode],
	       connections, size, (unsigned long long)operations, (unsigned long long)received, seconds);
	if (latency.count)
		printf(",\"latency_us\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p99.9\":%.3f,\"max\":%.3f}",
		       histogram_quantile(&latency, 0.5) / 1e3, histogram_quantile(&latency, 0.9) / 1e3,
		       histogram_quantile(&latency, 0.99) / 1e3, histogram_quantile(&latency, 0.999) / 1e3, latency.largest / 1e3);
	puts("}");
}

static void usage(const char *what)
{
	fprintf(stderr, "%s; usage: load [-m closed|open|bulk|churn|idle] [-c N] [-s BYTES] [-r RATE] [-k BYTES] [-d SECONDS] [-u SECONDS] [-w N] [-t SECONDS] "
			"[-g] [-x PREFIX] [-i] PORT\n", what);
	exit(2);
}

static void parse_mode(const char *name)
{
	for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(name, modes[i]) == 0) {
			mode = i;
			return;
		}
	usage("no such mode");
}

static void parse_connections(char *counts)
{
	idle_stops = 0;
	for (char *each = strtok(counts, ","); each; each = strtok(NULL, ",")) {
		if (idle_stops == sizeof idle_counts / sizeof *idle_counts || atoi(each) <= (idle_stops ? connections : 0))
			usage("counts of connections are positive, at most 8, and grow");
		idle_counts[idle_stops++] = connections = atoi(each);
	}
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "m:c:s:r:k:d:u:w:t:gx:i")) != -1)
		switch (option) {
		case 'm': parse_mode(optarg); break;
		case 'c': parse_connections(optarg); break;
		case 's': size = atoi(optarg); break;
		case 'r': rate = atof(optarg); break;
		case 'k': window = atoi(optarg); break;
		case 'd': duration = atof(optarg); break;
		case 'u': warmup = atof(optarg); break;
		case 'w': opening_messages = atoi(optarg); break;
		case 't': patience = atof(optarg); break;
		case 'g': greeted = true; break;
		case 'x': prefix = optarg; lines = true; break;
		case 'i': interactive = true; break;
		default: usage("no such flag");
		}
	if (optind != argc - 1 || (port = atoi(argv[optind])) == 0)
		usage("one port is wanted");
	if (size < 1 || size > CHUNK || opening_messages < 1 || window < 1 || rate <= 0 || duration <= 0 || warmup < 0)
		usage("a number is out of its range");
	if (idle_stops > 1 && mode != IDLE)
		usage("several counts of connections are for idle");
	if (lines && (mode == BULK || size < 2))
		usage("lines are for the other modes, and have two bytes at least");
}

int main(int argc, char **argv)
{
	struct rlimit files;

	parse(argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	pattern_make(&message, &expected, size, lines, prefix);
	conns = calloc(connections, sizeof *conns);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!conns || epoll < 0)
		fail("starting: %s", strerror(errno));

	if (mode == IDLE) {
		for (int i = 0; i < idle_stops; i++) {
			open_until(idle_counts[i]);
			ready();
		}
		nothing_more();
		print(0);
		go_on();
		return 0;
	}
	if (mode != CHURN)
		open_until(connections);
	if (warmup > 0)
		run(warmup);
	ready();
	double seconds = run(duration);
	nothing_more();
	print(seconds);
	go_on();
	return 0;
}
