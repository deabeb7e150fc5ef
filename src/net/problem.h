// SPDX-License-Identifier: Apache-2.0
// The one form of error answers: application/problem+json (RFC 9457) with a stable code beside it.
#ifndef NJ_NET_PROBLEM_H
#define NJ_NET_PROBLEM_H

#include "net/http_server.h"

// Answers with {type, title, status, detail, code}. `code` is a stable name in capitals
// ("NOT_FOUND"), `title` the short text; NULL takes both from the status. `detail` may be NULL.
// Statuses of 500 and more, and refusals of malformed requests, say nothing of the inside.
void nj_problem_reply(struct nj_http_request *request, int status, const char *code,
                      const char *title, const char *detail);

// The same with further headers ("Retry-After", "WWW-Authenticate", "Allow").
struct nj_problem {
    int status;
    const char *code, *title, *detail;
    const struct nj_http_field *headers;
    size_t header_count;
};
void nj_problem_reply_full(struct nj_http_request *request, const struct nj_problem *problem);

// "Not Found"; "Unknown" for numbers without a meaning.
const char *nj_http_status_text(int status);

#endif
