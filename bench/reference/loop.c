/*
 * The loop of the reference server. Usage: echo [-g] PORT
 *
 * It listens on 127.0.0.1:PORT; -g greets each connection as parley does. It does what any server must (partial writes,
 * clients that do not read, half-closes) and nothing else: no limits, deadlines, counts or log.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

#define EVENTS 256 /* taken from epoll at a time */

static int epoll;
static bool greet;
static char here[sizeof "255.255.255.255:65535"];

static void fail(const char *doing)
{
	perror(doing);
	exit(1);
}

static void watch(int operation, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	if (epoll_ctl(epoll, operation, fd, &event) < 0)
		fail("epoll_ctl");
}

static void end(struct conn *c)
{
	close(c->fd);
	free(c->line);
	free(c->unsent);
	free(c);
}

/* send_or_keep sends n bytes, and keeps what the client does not take now. It reports whether the connection lives. */
static bool send_or_keep(struct conn *c, const char *bytes, size_t n)
{
	ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);

	if (sent == (ssize_t)n)
		return true;
	if (sent < 0) {
		if (errno != EAGAIN)
			return false;
		sent = 0;
	}
	c->from = 0;
	c->until = n - sent;
	c->unsent = malloc(c->until);
	if (!c->unsent)
		return false;
	memcpy(c->unsent, bytes + sent, c->until);
	watch(EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
	return true;
}

/* writable sends what was kept. It reports whether the connection lives. */
static bool writable(struct conn *c)
{
	ssize_t sent = send(c->fd, c->unsent + c->from, c->until - c->from, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN;
	c->from += sent;
	if (c->from < c->until)
		return true;
	free(c->unsent);
	c->unsent = NULL;
	watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
	return true;
}

/* readable reads once and answers. It reports whether the connection lives. */
static bool readable(struct conn *c)
{
	static char in[BUFFER];
	const char *out;
	ssize_t n = recv(c->fd, in, sizeof in, 0);

	if (n < 0)
		return errno == EAGAIN;
	if (n == 0)
		return false;
	n = answer(c, in, n, &out);
	if (n <= 0)
		return n == 0;
	return send_or_keep(c, out, n);
}

/* hello greets with the line that parley greets with. It reports whether the connection lives. */
static bool hello(struct conn *c, const struct sockaddr_in *peer)
{
	static unsigned long long clientid;
	char line[160], you[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &peer->sin_addr, you, sizeof you);
	int n = snprintf(line, sizeof line, "HELLO clientid=%llu you=%s:%u me=%s name=reference handler=echo\n", ++clientid, you,
			 ntohs(peer->sin_port), here);
	return send_or_keep(c, line, n);
}

static void take(int listener)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof peer;
	int fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
			return;
		fail("accept4");
	}
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		fail("calloc");
	c->fd = fd;
	watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
	if (greet && !hello(c, &peer))
		end(c);
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	/* Accepted sockets inherit TCP_NODELAY on Linux. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		fail("setsockopt");
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		fail("bind");
	if (listen(fd, 4096) < 0)
		fail("listen");
	snprintf(here, sizeof here, "127.0.0.1:%u", port);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-g") == 0) {
		greet = true;
		argv++;
		argc--;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: [-g] PORT\n");
		return 2;
	}

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		fail("epoll_create1");
	int listener = listen_on(atoi(argv[1]));
	watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);

	for (;;) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (!c)
				take(listener);
			else if (c->unsent ? !writable(c) : !readable(c))
				end(c);
		}
	}
}
