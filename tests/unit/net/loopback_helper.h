// SPDX-License-Identifier: Apache-2.0
// A server on a loopback port with a fake clock, turned by the test itself, and raw clients.
#ifndef NJ_TEST_LOOPBACK_HELPER_H
#define NJ_TEST_LOOPBACK_HELPER_H

#include "net/http_server.h"
#include "tests/fake/fake_clock.h"
#include "util/buf.h"

struct loopback {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_http_server *server;
    bool stopped;
};

extern const struct nj_http_server_options loopback_options; // small limits

// Asserts that everything works.
void loopback_start(struct loopback *loopback, const struct nj_http_server_options *options,
                    nj_http_handler handler, void *arg);
void loopback_stop(struct loopback *loopback); // force-closes what is open

int loopback_connect(const struct loopback *loopback);
void loopback_send(int fd, const char *bytes, size_t length);
void loopback_turn(struct loopback *loopback); // several turns

// Turns until `text` was received on `fd`, the peer closed, or nothing moves any more. Appends to
// `in`; returns true when the peer closed.
bool loopback_receive(struct loopback *loopback, int fd, const char *text, struct nj_buf *in);

// Connects, sends, receives until close or silence; the caller frees. *closed may be NULL.
char *loopback_ask(struct loopback *loopback, const char *request, bool *closed);

#endif
