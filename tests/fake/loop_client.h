// SPDX-License-Identifier: Apache-2.0
// A client on a loopback socket that turns the server's loop while it waits: raw bytes, HTTP
// answers and WebSocket frames, read by code of its own. Whatever fails, fails the test.
#ifndef NJ_FAKE_LOOP_CLIENT_H
#define NJ_FAKE_LOOP_CLIENT_H

#include "loop/loop.h"
#include "util/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct nj_loop_client {
    struct nj_loop *loop;
    int fd;
    bool ended; // the server closed
    struct nj_buf in;
};

void nj_loop_client_open(struct nj_loop_client *client, struct nj_loop *loop, int port);
void nj_loop_client_close(struct nj_loop_client *client); // harmless when zeroed
void nj_loop_client_send(struct nj_loop_client *client, const void *bytes, size_t length);
// Turns the loop until more bytes came or the server closed; false when nothing comes any more.
bool nj_loop_client_more(struct nj_loop_client *client);

struct nj_answer {
    int status;
    char *head; // with its empty line
    char *body; // NUL behind it
    size_t length;
};
// Sends a request ("GET /x HTTP/1.1\r\n...") and waits for its answer. The caller frees with
// nj_answer_finish.
void nj_loop_client_ask(struct nj_loop_client *client, const char *request, struct nj_answer *out);
void nj_answer_finish(struct nj_answer *answer);
// Value of a header of the answer, in `out`; "" when absent.
const char *nj_answer_header(const struct nj_answer *answer, const char *name, char *out,
                             size_t size);

// Upgrades `client`; `headers` are further lines ending in CRLF, or "".
void nj_ws_open(struct nj_loop_client *client, const char *path, const char *headers);
void nj_ws_send(struct nj_loop_client *client, const char *text);
// The next text message in `out`, or "close <code>" for a close frame, "ping" for a ping, "ended"
// when the socket ended and "" when nothing comes. Returns `out`.
const char *nj_ws_next(struct nj_loop_client *client, char *out, size_t size);

#endif
